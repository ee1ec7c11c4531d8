"""A finished cube as the galaxy: its cells are places, each with a spectrum of its own."""

import math
from dataclasses import dataclass, field, replace

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.library import BasisLibrary
from ifux.numerics.compress import compress
from ifux.particles import Particles
from ifux.psf import most_removable, remaining
from ifux.target import AbstractTarget
from ifux.telescope import Telescope
from ifux.units import ARCSEC, FLUX_OF_ONE_SUN, FWHM_OF_GAUSSIAN

FINE = 1.5
"""Points across a cell of the telescope's scene that the points of a cube must have. The alias of their comb in a cubic
B-spline is then at most 2e-3, of a period of two cells, which any PSF blurs away: a flat sky is flat to 1e-5."""

MOST = 12
"""Points along the side of a cell of a cube that are taken unasked."""


@dataclass(frozen=True)
class SourceCube:
    r"""Spectra on cells of the sky, in the rest frame and in kpc, as mixtures of a basis.

    What a cell holds is the light of a square behind the cube's own PSF, and what a channel holds that of a pixel
    behind its own line spread function. Both are taken off what a telescope adds, in quadrature: of a cell the variance
    $s^2 / 12$ of its side along each axis, and as much again for the points that it is drawn with, where these fill
    the square: $s^2 (1 - 1 / n^2) / 12$. A square in place of a Gaussian is lower by $s^4 / 480\,\sigma^4$ of the peak
    of a point behind a Gaussian of that width: by 2.5e-4 for a side of a quarter of its FWHM, 8e-4 for a third; behind
    a Moffat function 1.4 to 2 times as much.
    """

    name: str
    place: Float[np.ndarray, "cell 2"]
    """Of the cells, to the (east, north) of the middle of the cube [kpc]."""
    sides: tuple[float, float]
    """Of a cell along x and y [kpc]."""
    position_angle: float
    """Of the axis y, north through east [degree]."""
    mass: Float[np.ndarray, " cell"]
    """Root mean square of the luminosity density [solar luminosity/angstrom], counted as solar masses."""
    mixture: Float[np.ndarray, "cell basis"]
    """How much of each basis spectrum is in a unit of it."""
    library: BasisLibrary
    """The basis, with the resolution of the cube and its pixels."""
    psf_fwhm: float
    """Full width at half maximum of the Gaussian PSF that the cube has [kpc]."""
    redshift: float
    """That of the frame in which the cube was."""
    points: int = 1
    """Along a side of a cell, that it is drawn with."""
    accept_coarse: bool = False
    """Whether a telescope may ask for a PSF that is sharper than the cube."""
    dark: int = 0
    """Cells without light."""
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of_flux(
        cls,
        flux: Float[np.ndarray, "y x wave"],
        wavelengths: AbstractWavelengths,
        *,
        name: str,
        redshift: float,
        distance: float,
        sides: tuple[float, float],
        position_angle: float = 0.0,
        psf_fwhm: float = 0.0,
        fwhm: Float[np.ndarray, " wave"] | None = None,
        tolerance: float = 1e-3,
        accept_coarse: bool = False,
        notes: tuple[str, ...] = (),
    ) -> "SourceCube":
        """The cube of a flux density as it is observed.

        Args:
            flux: [1e-20 erg/s/cm2/angstrom per cell]; what is not a number is dark, what is negative stays so.
            wavelengths: Its channels, observed.
            name: Of the cube.
            redshift: Of the galaxy in the cube.
            distance: Luminosity distance for which the flux is [Mpc].
            sides: Of a cell along x and y [arcsec].
            position_angle: Of the axis y, north through east [degree].
            psf_fwhm: Of the Gaussian PSF that the cube has [arcsec].
            fwhm: Of a line before the pixel [angstrom, observed], if the cube has a line spread function.
            tolerance: Root mean square error of a spectrum over its own, in the cells that hold 95 % of the light.
            accept_coarse: Whether a telescope may ask for a PSF that is sharper than the cube.
            notes: What a careful user should know.

        Raises:
            InputError: there is no light.
        """
        tall, wide, _ = flux.shape
        rows = flux.reshape(tall * wide, -1).astype(np.float64)
        missing, negative = ~np.isfinite(rows), rows < 0
        rows[missing] = 0
        bright = rows.any(axis=1)
        if not bright.any():
            raise InputError(f"{name} holds no light")
        if missing.any():
            notes = (*notes, f"{missing.sum()} of {missing.size} voxels of {name} are not numbers: taken as dark")
        if negative.any():
            below = -rows[negative].sum() / np.abs(rows).sum()
            notes = (*notes, f"{negative.sum()} of {negative.size} voxels of {name} are negative, {below:.2g} of its "
                     "light: they are kept")  # fmt: skip
        rows = rows[bright]
        found = compress(rows, wavelengths.widths(), tolerance)
        notes = (*notes, f"{name} is compressed to {found.vectors.shape[0]} spectra: those of the cells with 95 % of "
                 f"its light are true to {found.error:.2g}, the worst to {found.worst:.2g}")  # fmt: skip
        vectors, rest = at_rest(found.vectors, wavelengths, redshift)
        size, unit = np.sqrt(np.mean(rows**2, axis=1)), math.sqrt(vectors.shape[1])
        luminosity = distance**2 * (1 + redshift) / FLUX_OF_ONE_SUN
        before_pixel = np.zeros(wavelengths.size) if fwhm is None else fwhm
        recorded = np.interp(rest.vacuum_edges()[:-1] * (1 + redshift), wavelengths.vacuum_edges()[:-1], before_pixel)
        resolution = np.hypot(recorded / (1 + redshift), FWHM_OF_GAUSSIAN * rest.step / math.sqrt(12))
        kpc = distance / (1 + redshift) ** 2 * 1e3 * ARCSEC
        return cls(
            name=name,
            place=centres(tall, wide, sides, position_angle)[bright] * kpc,
            sides=(sides[0] * kpc, sides[1] * kpc),
            position_angle=position_angle,
            mass=size * luminosity,
            mixture=found.coefficients / size[:, None] / unit,
            library=BasisLibrary(
                name=name, wavelength=rest.centres(), flux=vectors * unit, fwhm=resolution, medium=rest.medium
            ),
            psf_fwhm=psf_fwhm * kpc,
            redshift=redshift,
            accept_coarse=accept_coarse,
            dark=int(np.sum(~bright)),
            notes=notes,
        )

    @property
    def fwhm(self) -> float:
        """Full width at half maximum of the Gaussian by which its light, as it is drawn, was blurred [kpc]."""
        square = sum(side**2 for side in self.sides) / 2 / 12
        return math.hypot(self.psf_fwhm, FWHM_OF_GAUSSIAN * math.sqrt(square * (2 - 1 / self.points**2)))

    def drawn_for(self, target: AbstractTarget, cell: float) -> "SourceCube":
        """The same with as many points to a cell as a telescope before the target needs, of some cells [arcsec]."""
        across = max(self.sides) * float(target.arcsec_per_kpc()) / cell
        return replace(self, points=min(MOST, max(1, math.ceil(FINE * across - 1e-6))))

    def galaxy(self) -> Galaxy[Particles]:
        """The points of its cells, at rest in the plane of the sky."""
        offsets = centres(self.points, self.points, self.sides, self.position_angle) / self.points
        count, each = self.mass.size, self.points**2
        place = (self.place[:, None, :] + offsets[None, :, :]).reshape(-1, 2)
        unknown = np.full(count * each, np.nan)
        stars = Particles(
            position=np.column_stack([place, np.zeros(len(place))]),
            velocity=np.zeros((len(place), 3)),
            mass=np.repeat(self.mass / each, each),
            age=unknown,
            metallicity=unknown,
            mixture=np.repeat(self.mixture, each, axis=0),
        )
        notes = (*self.notes, "the galaxy is a finished cube: in the map MASS stands the root mean square of its "
                 "luminosity density [solLum/Angstrom], and nothing is known of ages and metallicities")  # fmt: skip
        return Galaxy(stars, self.redshift, self.name, "cube", dropped={"cells without light": self.dark}, notes=notes)

    def before(self, telescope: Telescope) -> Telescope:
        """A telescope whose PSF is what is left of its own for the light of the cube, at the distance of its target."""
        there = self.fwhm * float(telescope.target.arcsec_per_kpc())
        return eqx.tree_at(lambda t: t.psf, telescope, remaining(telescope.psf, there))

    def coarser_than(self, telescope: Telescope) -> str | None:
        """That the cube is too coarse for the PSF of a telescope, in a sentence; None where it is not."""
        there, most = self.fwhm * float(telescope.target.arcsec_per_kpc()), most_removable(telescope.psf)
        if there <= most:
            return None
        return (
            f"the cells and the PSF of {self.name} have a FWHM of {there:.3g} arcsec at the distance of the target, "
            f"and no more than {most:.3g} can be taken out of the PSF of the telescope"
        )


def centres(tall: int, wide: int, sides: tuple[float, float], position_angle: float) -> Float[np.ndarray, "cell 2"]:
    """Of cells around a middle, to its (east, north), in the unit of their sides; x grows to the west."""
    y, x = np.mgrid[:tall, :wide]
    left, up = -(x.ravel() - (wide - 1) / 2) * sides[0], (y.ravel() - (tall - 1) / 2) * sides[1]
    cos, sin = math.cos(math.radians(position_angle)), math.sin(math.radians(position_angle))
    return np.column_stack([left * cos + up * sin, up * cos - left * sin])


def at_rest(
    spectra: Float[np.ndarray, "basis wave"], wavelengths: AbstractWavelengths, redshift: float
) -> tuple[Float[np.ndarray, "basis rest"], Wavelengths]:
    """Observed spectra on even pixels of the rest frame, and these.

    Even pixels stay as they are, but for the redshift. Others become even ones in vacuum, as wide as the narrowest, by
    a cubic spline through the integral at their edges: the light between the first and the last edge is kept.
    """
    stretch = 1 + redshift
    if isinstance(wavelengths, Wavelengths) and (redshift == 0 or wavelengths.medium == "vacuum"):
        start, step = wavelengths.start / stretch, wavelengths.step / stretch
        return spectra, Wavelengths(start=start, step=step, size=wavelengths.size, medium=wavelengths.medium)
    from scipy.interpolate import CubicSpline

    edges = wavelengths.vacuum_edges() / stretch
    count = math.ceil((edges[-1] - edges[0]) / np.diff(edges).min() - 1e-6)
    step = (edges[-1] - edges[0]) / count
    below = np.pad(np.cumsum(spectra * wavelengths.widths(), axis=1) / stretch, ((0, 0), (1, 0)))
    integral = CubicSpline(edges, below, axis=1)(np.linspace(edges[0], edges[-1], count + 1))
    return np.diff(integral, axis=1) / step, Wavelengths(
        start=float(edges[0] + step / 2), step=float(step), size=count, medium="vacuum"
    )
