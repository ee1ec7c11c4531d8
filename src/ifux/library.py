"""A library of simple stellar populations, as it comes out of a file."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, Medium, Wavelengths, to_air, to_vacuum
from ifux.grids.base import Grid
from ifux.units import SOLAR_LUMINOSITY, SPEED_OF_LIGHT

L = TypeVar("L", bound="AbstractLibrary")


@dataclass(frozen=True, kw_only=True)
class AbstractLibrary:
    """Spectra at wavelengths and of a resolution, in double precision on the host."""

    name: str
    wavelength: Float[np.ndarray, " rest"]
    """Centres of the pixels [angstrom], increasing."""
    flux: Float[np.ndarray, "*spectrum rest"]
    """Luminosity density at the centres."""
    fwhm: Float[np.ndarray, " rest"]
    """Spectral resolution [angstrom]: that of the numbers above, with what the library's own pixels blur in it."""
    medium: Medium
    """Whether the wavelengths are those in air or in vacuum."""
    illustrative: bool = False
    """True of a library that must not be used for science."""

    def pixels(self) -> Wavelengths:
        """The wavelength axis, where it is evenly spaced to a thousandth of a pixel."""
        step = (self.wavelength[-1] - self.wavelength[0]) / (self.wavelength.size - 1)
        grid = Wavelengths(
            start=float(self.wavelength[0]), step=float(step), size=self.wavelength.size, medium=self.medium
        )
        if np.max(np.abs(grid.centres() - self.wavelength)) > 1e-3 * step:
            raise ValueError(
                f"Library {self.name!r}: its wavelengths are not evenly spaced; "
                "`resampled(step)` puts them on an even grid."
            )
        return grid

    def resampled(self: L, step: float) -> L:
        """The library on evenly spaced wavelengths, by linear interpolation of its flux density [angstrom]."""
        size = int((self.wavelength[-1] - self.wavelength[0]) / step) + 1
        wavelength = self.wavelength[0] + step * np.arange(size)
        place = np.clip(np.searchsorted(self.wavelength, wavelength, side="right") - 1, 0, self.wavelength.size - 2)
        share = (wavelength - self.wavelength[place]) / np.diff(self.wavelength)[place]
        flux = self.flux[..., place] * (1 - share) + self.flux[..., place + 1] * share
        return replace(self, wavelength=wavelength, flux=flux, fwhm=np.interp(wavelength, self.wavelength, self.fwhm))

    def cut(self: L, low: float, high: float) -> L:
        """The pixels whose centres lie between two wavelengths of the library's medium [angstrom]."""
        inside = (self.wavelength >= low) & (self.wavelength <= high)
        if inside.sum() < 2:
            raise ValueError(
                f"Library {self.name!r} reaches from {self.wavelength[0]:.1f} to {self.wavelength[-1]:.1f} angstrom: "
                f"nothing between {low:.1f} and {high:.1f}."
            )
        return replace(self, wavelength=self.wavelength[inside], flux=self.flux[..., inside], fwhm=self.fwhm[inside])

    def matched(
        self: L,
        wavelengths: Grid,
        redshift: float | tuple[float, float],
        speed: float,
        *,
        trim: bool = False,
        sigma: float = 0.0,
    ) -> tuple[L, Grid]:
        """The part of the library that a telescope sees, evenly spaced, and the wavelengths that it then observes.

        All of the library is kept that stars with up to a line-of-sight speed [km/s] shift onto the detector, at a
        redshift or at any between two, and more on either side for what blurs into it: 0.6 per cent, or five standard
        deviations `sigma` of the broadest line [km/s]. With `trim`, the wavelengths are cut to what the library covers.

        Raises:
            InputError: the library does not cover the wavelengths, or with `trim` none of them.
        """
        wavelengths = self.covered(wavelengths, redshift, speed, trim=trim)
        return self.cut(*self.needed(wavelengths, redshift, speed, sigma)).even(), wavelengths

    def covered(
        self, wavelengths: Grid, redshift: float | tuple[float, float], speed: float, *, trim: bool = False
    ) -> Grid:
        """The wavelengths that a telescope observes of those given: all, or with `trim` those that the library covers.

        Raises:
            InputError: the library does not cover the wavelengths, or with `trim` none of them.
        """
        pixel = np.diff(self.wavelength)
        ends = np.array([self.wavelength[0] - pixel[0] / 2, self.wavelength[-1] + pixel[-1] / 2])
        shift = extreme_shifts(redshift, speed)
        seen = (to_vacuum(ends) if self.medium == "air" else ends) * shift
        seen = to_air(seen) if wavelengths.medium == "air" else seen
        edges = wavelengths.edges()
        if edges[0] >= seen[0] and edges[-1] <= seen[1]:
            return wavelengths
        ranges = common_words(f"the library {self.name!r}", seen, wavelengths, redshift, speed)
        if edges[1] > seen[1] or edges[-2] < seen[0]:
            raise InputError(f"{ranges}: they have nothing in common; take another library or redshift.")
        if not trim:
            raise InputError(f'{ranges}: take a longer library, or set "trim": true to observe the common range.')
        return wavelengths.cut(float(seen[0]), float(seen[1]))

    def needed(
        self, wavelengths: AbstractWavelengths, redshift: float | tuple[float, float], speed: float, sigma: float
    ) -> tuple[float, float]:
        """First and last wavelength of the library that `matched` keeps [angstrom, in its medium]."""
        more = max(0.006, 5 * sigma / SPEED_OF_LIGHT)
        shift = extreme_shifts(redshift, speed)
        low, high = wavelengths.vacuum_edges()[[0, -1]] / shift * np.array([1 - more, 1 + more])
        low, high = to_air(np.array([low, high])) if self.medium == "air" else (low, high)
        return float(low), float(high)

    def even(self: L) -> L:
        """The library on evenly spaced wavelengths: itself if its own are, else on its finest pixels."""
        steps = np.diff(self.wavelength)
        return self if np.ptp(steps) < 1e-6 * steps.mean() else self.resampled(float(steps.min()))


@dataclass(frozen=True, kw_only=True)
class BasisLibrary(AbstractLibrary):
    """Spectra of which others are mixed."""

    flux: Float[np.ndarray, "basis rest"]
    """Luminosity density of a unit of each [solar luminosity/angstrom]."""


@dataclass(frozen=True, kw_only=True)
class SSPLibrary(AbstractLibrary):
    """Spectra of simple stellar populations on a grid of metallicity and age, in double precision on the host.

    A library may have two axes more, [alpha/Fe] and the slope of the IMF, which stand before those two in the flux.
    """

    metallicity: Float[np.ndarray, " metallicity"]
    """Mass fraction Z, increasing."""
    age: Float[np.ndarray, " age"]
    """[Gyr], increasing."""
    flux: Float[np.ndarray, "*further metallicity age rest"]
    """Luminosity density at the centres, per solar mass formed [solar luminosity/angstrom/solar mass].

    Its first axes are `imf_slope` and `alpha`, in this order and only where the library has them.
    """
    imf: str
    """Initial mass function."""
    citation: str
    """What to cite."""
    solar_luminosity: float = SOLAR_LUMINOSITY
    """The solar luminosity that the fluxes are counted in [erg/s]."""
    solar_metallicity: float | None = None
    """Mass fraction that the library calls [M/H] = 0, where it has one."""
    alpha: Float[np.ndarray, " alpha"] | None = None
    """[alpha/Fe] [dex], increasing, where the library has several."""
    imf_slope: Float[np.ndarray, " slope"] | None = None
    """Slope of the IMF as the library counts it, increasing, where the library has several."""

    def __post_init__(self):
        shape = (*(nodes.size for nodes in self.grid.values()), self.wavelength.size)
        if self.flux.shape != shape:
            raise ValueError(
                f"Library {self.name!r}: flux has shape {self.flux.shape}, but its axes {', '.join(self.grid)} and "
                f"wavelength have lengths {shape}."
            )
        if self.fwhm.shape != self.wavelength.shape:
            raise ValueError(
                f"Library {self.name!r}: fwhm has shape {self.fwhm.shape}, "
                f"but there are {self.wavelength.size} wavelengths."
            )
        for axis in ("metallicity", "age", "wavelength"):
            values = getattr(self, axis)
            if not (np.all(np.diff(values) > 0) and values[0] > 0):
                raise ValueError(f"Library {self.name!r}: {axis} must be positive and increase strictly.")
        for axis in ("alpha", "imf_slope"):
            values = getattr(self, axis)
            if values is not None and not (values.size > 1 and np.all(np.diff(values) > 0)):
                raise ValueError(f"Library {self.name!r}: {axis} must be two values or more that increase strictly.")
        if not np.all(np.isfinite(self.flux)):
            raise ValueError(f"Library {self.name!r}: {np.sum(~np.isfinite(self.flux))} fluxes are not finite.")

    @property
    def grid(self) -> dict[str, Float[np.ndarray, " node"]]:
        """Names and nodes of the axes of the flux, in their order, without that of wavelengths."""
        axes = {name: getattr(self, name) for name in ("imf_slope", "alpha", "metallicity", "age")}
        return {name: nodes for name, nodes in axes.items() if nodes is not None}


def extreme_shifts(redshift: float | tuple[float, float], speed: float) -> Float[np.ndarray, "2"]:
    """How much the blue and the red end of a library are stretched by the stars for which it reaches least."""
    low, high = redshift if isinstance(redshift, tuple) else (redshift, redshift)
    if not -1 < low <= high:
        raise ValueError(f"A range of redshifts must be two numbers in their order above -1, got {low} and {high}.")
    return np.array([1 + high, 1 + low]) * np.exp(np.arctanh(speed / SPEED_OF_LIGHT) * np.array([1, -1]))


def common_words(
    library: str,
    seen: Float[np.ndarray, "2"],
    wavelengths: AbstractWavelengths,
    redshift: float | tuple[float, float],
    speed: float,
) -> str:
    """The range that a library covers, as it is seen, and that of a telescope."""
    edges = wavelengths.edges()
    at = (
        f"redshifts {redshift[0]:.4f} to {redshift[1]:.4f}"
        if isinstance(redshift, tuple)
        else f"redshift {redshift:.4f}"
    )
    return (
        f"{library} covers {seen[0]:.1f} to {seen[1]:.1f} angstrom ({wavelengths.medium}) at {at} for speeds up to "
        f"{speed:.0f} km/s, the telescope observes {edges[0]:.1f} to {edges[-1]:.1f}"
    )
