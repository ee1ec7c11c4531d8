"""Finished cubes that are to be observed: SKIRT's, our own, and any other with a unit and two axes on the sky.

| file | sky | wavelengths | frame |
|---|---|---|---|
| SKIRT | linear, an angle or a length | centres, in the table `Z-axis coordinate values` | REDSHIFT, DISTLUMI |
| ours | celestial | the third axis | the record |
| others | celestial | the third axis | as stated |

References: the SKIRT project, class FITSInOut (Camps & Baes 2020, Astronomy and Computing 31, 100381).
"""

import math
import warnings
from typing import Annotated, Any

import numpy as np
from astropy import units
from jaxtyping import Float

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, TableWavelengths
from ifux.io.files.cube import sky_plane
from ifux.io.files.fits import opened_fits
from ifux.io.files.record import recorded
from ifux.io.files.spectral import spectral_axis
from ifux.source_cube import SourceCube
from ifux.target import CosmologicalTarget, FlatLambdaCDM
from ifux.typing import Limits
from ifux.units import ARCSEC, FWHM_OF_GAUSSIAN

SKIRT = "Z-axis coordinate values"
"""Extension of SKIRT's that holds the centres of the channels."""

FLUX = "1e-20 erg / (s cm2 angstrom)"
"""That of a cube."""


def read_source_cube(
    path: str,
    redshift: Annotated[float | None, Limits(above=-1)] = None,
    distance: Annotated[float | None, Limits(above=0)] = None,
    psf_fwhm: Annotated[float | None, Limits(least=0)] = None,
    fwhm: Annotated[float | None, Limits(least=0)] = None,
    resolving_power: Annotated[float | None, Limits(above=0)] = None,
    tolerance: Annotated[float, Limits(above=0, most=1)] = 1e-3,
    accept_coarse: bool = False,
    seen: tuple[float, float] | None = None,
) -> SourceCube:
    """A finished cube as the galaxy that a telescope observes.

    What is given counts; else what the file says.

    Args:
        path: Of a FITS file.
        redshift: Of the galaxy in the cube; zero for spectra at rest.
        distance: Luminosity distance for which its flux is [Mpc]; else that of the redshift, with Planck15.
        psf_fwhm: Of the Gaussian PSF that is in it [arcsec].
        fwhm: Of a line in it, before the pixel [angstrom, observed].
        resolving_power: The same, as wavelength over width.
        tolerance: Root mean square error of a spectrum over its own that compression may leave.
        accept_coarse: Observe with a PSF that is sharper than the cube: it stays as sharp as it is.
        seen: First and last wavelength that are wanted [angstrom, at rest in vacuum]; else all.

    Raises:
        InputError: the file holds no cube, or does not say what is not given.
    """
    notes = []
    with opened_fits(path) as file:
        place = next((place for place, hdu in enumerate(file) if hdu.is_image and hdu.header["NAXIS"] == 3), None)
        if place is None:
            raise InputError(f"{path} holds no cube: it has no image with three axes.")
        header = file[place].header
        if "CD3_3" not in header and "CDELT3" in header:
            header["CD3_3"] = header["CDELT3"]
        skirt = SKIRT in file
        observed = tabled(file, path) if skirt else spectral_axis(header, file, path)
        record = recorded(file[0].header, path)["configuration"] if "IFUX0001" in file[0].header else {}
        told = record.get("telescope", {})
        redshift, distance = frame(redshift, distance, header if skirt else {}, told.get("target", {}), path)
        sides, angle = plane(header, file, distance, redshift, path)
        first, last = channels(observed, seen, redshift, path)
        flux = np.moveaxis(file[place].data[first:last], 0, -1).astype(np.float64)
        stated = "LSF" in file and file["LSF"].shape == (observed.size,)
        lsf = file["LSF"].data[first:last].astype(float) if stated else None
        unit = header.get("BUNIT", "").strip()
    observed = observed.part(first, last)
    flux *= per_cell(unit, observed, sides, path)
    if fwhm is not None and resolving_power is not None:
        raise InputError(f"{path}: give its fwhm or its resolving_power, not both.")
    if fwhm is not None:
        lsf = np.full(observed.size, fwhm)
    elif resolving_power is not None:
        lsf = observed.centres() / resolving_power
    elif lsf is None:
        notes.append(f"{path} does not say its spectral resolution: taken for that of its pixels; else give fwhm")
    if psf_fwhm is None:
        psf_fwhm = width(told, sides, path)
        if not told:
            notes.append(f"{path} does not say its PSF: taken for that of its cells; else give psf_fwhm")
    return SourceCube.of_flux(
        flux, observed, name=str(path), redshift=redshift, distance=distance, sides=sides, position_angle=angle,
        psf_fwhm=psf_fwhm, fwhm=lsf, tolerance=tolerance, notes=tuple(notes), accept_coarse=accept_coarse,
    )  # fmt: skip


def quantity(value: Any, unit: Any) -> Any:
    """A number or an array with a unit; type checkers know none of what astropy makes of it."""
    # FITS discourages units with several slashes, as SKIRT and the MUSE pipeline write them.
    with warnings.catch_warnings(action="ignore", category=units.UnitsWarning):
        return units.Quantity(value, unit)


def tabled(file: Any, path: str) -> AbstractWavelengths:
    """The channels of SKIRT's, in vacuum: edges lie half-way between centres, or between logarithms of even ones."""
    table = file[SKIRT]
    points = quantity(np.asarray(table.data.field(0), np.float64), table.columns[0].unit)
    centres = np.asarray(points.to_value("angstrom", units.spectral()))
    if centres.size < 2 or not np.all(np.diff(centres) > 0):
        raise InputError(f"{path}: its wavelengths must be two or more that increase.")
    logarithms = np.log(centres)
    even = np.ptp(np.diff(logarithms)) < 1e-3 * np.diff(logarithms).mean()
    place = logarithms if even else centres
    middle = (place[1:] + place[:-1]) / 2
    edges = np.concatenate([[2 * place[0] - middle[0]], middle, [2 * place[-1] - middle[-1]]])
    return TableWavelengths.of_edges(tuple((np.exp(edges) if even else edges).tolist()), "vacuum")


def frame(redshift: float | None, distance: float | None, skirt: Any, target: dict, path: str) -> tuple[float, float]:
    """Redshift and luminosity distance [Mpc]: as given, as SKIRT says, or as the target of a record had them."""
    redshift = next((z for z in (redshift, skirt.get("REDSHIFT"), target.get("redshift")) if z is not None), None)
    if redshift is None:
        raise InputError(
            f"{path} does not say at which redshift its spectra are: give redshift, zero for those at rest."
        )
    if distance is None and "DISTLUMI" in skirt:
        distance = quantity(skirt["DISTLUMI"], skirt["DISTUNIT"]).to_value("Mpc")
    if distance is None and target.get("kind") == "fixed":
        distance = target["distance"]
    if distance is None and redshift > 0:
        cosmology = {key: value for key, value in target.get("cosmology", {}).items() if key != "kind"}
        distance = float(CosmologicalTarget(redshift, cosmology=FlatLambdaCDM(**cosmology)).luminosity_distance())
    if distance is None:
        raise InputError(f"{path} does not say for which distance its flux is: give distance, in Mpc.")
    return float(redshift), float(distance)


def plane(header: Any, file: Any, distance: float, redshift: float, path: str) -> tuple[tuple[float, float], float]:
    """Sides of a cell [arcsec] and the position angle of the axis y [degree]; linear axes grow west and north."""
    if header.get("CTYPE1", "").strip() not in ("", "LINEAR"):
        sides, _, angle = sky_plane(header, file)
        return sides, angle
    unit = header.get("CUNIT1", "").strip()
    across, up = (quantity(abs(header[f"CDELT{axis}"]), unit) for axis in (1, 2))
    if across.unit.is_equivalent("kpc"):
        radians = (1 + redshift) ** 2 / quantity(distance, "Mpc") * quantity(1, "rad")
        across, up = across * radians, up * radians
    if not across.unit.is_equivalent("arcsec"):
        raise InputError(f"{path}: its axes on the sky must be angles or lengths, got {unit!r}.")
    return (float(across.to_value("arcsec")), float(up.to_value("arcsec"))), 0.0


def channels(
    observed: AbstractWavelengths, band: tuple[float, float] | None, redshift: float, path: str
) -> tuple[int, int]:
    """The first channel that a band at rest touches, and that behind the last."""
    if band is None:
        return 0, observed.size
    edges = observed.vacuum_edges() / (1 + redshift)
    inside = np.flatnonzero((edges[1:] > band[0]) & (edges[:-1] < band[1]))
    if inside.size < 2:
        raise InputError(
            f"{path} reaches from {edges[0]:.1f} to {edges[-1]:.1f} angstrom at rest: nothing from {band[0]:.1f} to "
            f"{band[1]:.1f}, which the telescope sees."
        )
    return int(inside[0]), int(inside[-1]) + 1


def per_cell(
    unit: str, observed: AbstractWavelengths, sides: tuple[float, float], path: str
) -> Float[np.ndarray, " wave"]:
    """What the number one in a unit is in every channel [1e-20 erg/s/cm2/angstrom per cell].

    Flux by wavelength, by frequency, or times either; of a cell, or of a solid angle.
    """
    try:
        known = quantity(np.ones(observed.size), unit)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: its unit, {unit!r}, is none that astropy knows.") from error
    density = units.spectral_density(quantity(observed.centres(), "angstrom"))
    for one in (known, known * quantity(math.prod(sides) * ARCSEC**2, "sr")):
        if one.unit.is_equivalent(FLUX, density):
            return np.asarray(one.to_value(FLUX, density))
    raise InputError(f"{path}: its unit, {unit!r}, is no flux density and no surface brightness.")


def width(telescope: dict, sides: tuple[float, float], path: str) -> float:
    """The FWHM of the Gaussian PSF of a record [arcsec]; of none that of the B-splines, beyond a square cell."""
    psf, spaxels = telescope.get("psf", {}), telescope.get("spaxels", {})
    if psf.get("kind", "none") not in ("none", "gaussian", "narrow-gaussian"):
        raise InputError(
            f"{path}: its PSF is no Gaussian, but {psf['kind']!r}: give psf_fwhm, that of the nearest one."
        )
    if "fwhm" in psf or not telescope:
        return float(psf.get("fwhm", 0.0))
    cells = [side / count for side, count in zip(sides, spaxels.get("oversampling", (1, 1)), strict=True)]
    return FWHM_OF_GAUSSIAN * math.sqrt(spaxels.get("degree", 3) / 12 * sum(cell**2 for cell in cells) / 2)
