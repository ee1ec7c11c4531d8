"""Cubes and spectra laid out as the pipeline of MaNGA lays them out: LOGCUBE and LINCUBE, LOGRSS and LINRSS.

| extension | content |
|---|---|
| FLUX | flux density [1e-17 erg/s/cm2/angstrom per spaxel], zero where there is none |
| IVAR | the inverse of its variance, zero where there are no data |
| MASK | bits of MANGA_DRP3PIXMASK, zero is good |
| LSFPOST, LSFPRE | standard deviation of the line spread function with and without the pixel [angstrom] |
| WAVE | wavelengths in vacuum [angstrom] |
| SPECRES, PRESPECRES | resolving power, of the full width at half maximum, with and without the pixel |
| SPECRESD, PRESPECRESD | its scatter over the bundle: none |

The survey's own cards are in FLUX and in the primary header. A cube that was reconstructed from fibres has OBSINFO, a
row for each exposure, and what `ifux.io.files.reconstruction` says; images in broad bands are left out. Of row-stacked
spectra FLUX is [1e-17 erg/s/cm2/angstrom per fibre of pi arcsec2], MASK has bits of MANGA_DRP2PIXMASK, and XPOS and
YPOS say where a fibre looked in a channel [arcsec from the galaxy, XPOS to the west]; exposures follow one another. A
simulated galaxy has no plate: it is on plate 0. The data analysis pipeline takes 0.5 arcsec for the side of a spaxel
whatever the header says, and takes plate and bundle from the name of the file: `manga-0-0-LOGCUBE.fits.gz`.

References: Law et al. (2016), AJ 152, 83; the data model of DR17, as mangadap (datacube/manga.py, util/drpfits.py) and
marvin (utils/datamodel/drp) read it.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from jaxtyping import Float, Int32, Shaped

from ifux.grids import AbstractWavelengths, TableWavelengths
from ifux.io.files.images import Extension, table, whole
from ifux.io.files.spectra import Spectra
from ifux.units import FWHM_OF_GAUSSIAN

UNIT = "1E-17 erg/s/cm^2/Ang/spaxel"
"""Of the flux density, in the spelling of the survey."""

SCALE = 1e-3
"""Of a flux density of 1e-20 erg/s/cm2/angstrom in this unit."""

NOCOV, LOWCOV, DONOTUSE = 1, 1 << 1, 1 << 10
"""Bits of the mask: no data cover the spaxel there; few do, and its variance is more than twice the median for equal
fibres; not to be used."""

DEADFIBER, BADPIX, COSMIC, NODATA, REJECT = 1 << 13, 1 << 15, 1 << 16, 1 << 25, 1 << 30
"""Bits of the mask of a fibre: broken; a bad pixel; a cosmic ray; no data; left out of the cube (3DREJECT)."""

FIBRE, AREA = "1E-17 erg/s/cm^2/Ang/fiber", math.pi
"""Unit of the flux density of a fibre, and the area that all of them are normalised to [arcsec2]."""


def unfit(wavelengths: AbstractWavelengths, *, noisy: bool) -> str | None:
    """Why a cube cannot be laid out so, in a sentence; None where it can."""
    if wavelengths.medium != "vacuum" or isinstance(wavelengths, TableWavelengths):
        return (
            "the layout of MaNGA holds channels in vacuum that are even in wavelength or in its logarithm; write the "
            "cube in the layout of MUSE"
        )
    if not noisy:
        return "the layout of MaNGA holds the inverse of a variance: observe with noise, or write the layout of MUSE"
    return None


def survey_cards(title: str, position: tuple[float, float]) -> list[tuple]:
    """What the survey's programs ask of a header."""
    ra, dec = position
    return [
        ("TELESCOP", "SDSS 2.5-M"), ("INSTRUME", "MaNGA"), ("SRVYMODE", "MaNGA dither"),
        ("VERSDRP3", "v3_1_1", "pipeline whose layout this is"), ("MANGAID", title[:60]),
        ("PLATEIFU", "0-0", "a simulated galaxy has no plate"), ("PLATEID", "0"), ("IFUDSGN", "0"),
        ("OBJRA", ra), ("OBJDEC", dec), ("IFURA", ra), ("IFUDEC", dec),
        ("EBVGAL", 0.0, "no dust of the Milky Way"), ("DRP3QUAL", 0), ("MASKNAME", "MANGA_DRP3PIXMASK"),
        ("BUNIT", UNIT),
    ]  # fmt: skip


def extensions(
    flux: Float[np.ndarray, "wave y x"],
    variance: Float[np.ndarray, "wave y x"],
    lost: Callable[[int, int], Shaped[np.ndarray, "row y x"]],
    unusable: Callable[[int, int], Shaped[np.ndarray, "row y x"]],
    sparse: Callable[[int, int], Shaped[np.ndarray, "row y x"]],
    wavelengths: AbstractWavelengths,
    fwhm: Float[np.ndarray, " wave"],
    survey: list[tuple],
    plane: list[tuple],
) -> Iterator[Extension]:
    """All, in their order.

    Args:
        flux: [1e-20 erg/s/cm2/angstrom].
        variance: In the square of that.
        lost: Where there are no data, of some channels.
        unusable: Where there are some, not to be used.
        sparse: Where few elements tell of a spaxel.
        wavelengths: Of the channels.
        fwhm: Of a line, before the pixel [angstrom].
        survey: The survey's cards.
        plane: Those of the world coordinates.
    """
    before = fwhm / FWHM_OF_GAUSSIAN
    after = np.sqrt(before**2 + wavelengths.widths() ** 2 / 12)
    shape, wave = flux.shape, wavelengths.centres()

    def known(start: int, stop: int) -> Shaped[np.ndarray, "row y x"]:
        return ~lost(start, stop) & np.isfinite(flux[start:stop]) & (variance[start:stop] > 0)

    def fluxes(start: int, stop: int) -> Shaped[np.ndarray, "row y x"]:
        return np.where(known(start, stop), flux[start:stop] * SCALE, 0)

    def weights(start: int, stop: int) -> Shaped[np.ndarray, "row y x"]:
        there = known(start, stop)
        return np.where(there, 1 / (SCALE**2 * np.where(there, variance[start:stop], 1)), 0)

    def mask(start: int, stop: int) -> Shaped[np.ndarray, "row y x"]:
        few = np.where(sparse(start, stop), LOWCOV, 0)
        return np.where(known(start, stop), np.where(unusable(start, stop), DONOTUSE | few, 0), NOCOV | DONOTUSE)

    def everywhere(values: Float[np.ndarray, " wave"]) -> Callable[[int, int], Shaped[np.ndarray, "row y x"]]:
        return lambda start, stop: np.broadcast_to(values[start:stop, None, None], (stop - start, *shape[1:]))

    yield Extension([("EXTNAME", "FLUX"), *survey, *plane], shape, "float32", fluxes)
    yield Extension([("EXTNAME", "IVAR"), *plane], shape, "float32", weights)
    yield Extension([("EXTNAME", "MASK"), *plane], shape, "int32", mask)
    for name, sigma in (("LSFPOST", after), ("LSFPRE", before)):
        yield Extension([("EXTNAME", name), ("BUNIT", "Angstrom"), *plane], shape, "float32", everywhere(sigma))
    yield from spectral(wave, before, after)


def spectral(
    wave: Float[np.ndarray, " wave"], before: Float[np.ndarray, " wave"], after: Float[np.ndarray, " wave"]
) -> Iterator[Extension]:
    """Wavelengths, and the resolving power of standard deviations before and after the pixel [angstrom]."""
    nothing = np.zeros(wave.size)
    for name, values in (
        ("WAVE", wave), ("SPECRES", wave / (FWHM_OF_GAUSSIAN * after)), ("SPECRESD", nothing),
        ("PRESPECRES", wave / (FWHM_OF_GAUSSIAN * before)), ("PRESPECRESD", nothing),
    ):  # fmt: skip
        yield whole([("EXTNAME", name)], values, "float64")


def exposures(spectra: Spectra) -> bytes:
    """OBSINFO: a row for each exposure, with how far from the mean of all the bundle was [arcsec]."""
    offsets = spectra.places.mean(axis=(1, 2))
    offsets = offsets - offsets.mean(axis=0)
    count = len(offsets)
    corner = np.where(np.abs(offsets[:, 0]) > np.abs(offsets[:, 1]), "E", np.where(offsets[:, 1] > 0, "N", "S"))
    columns = [
        fits.Column("SET", "J", array=np.ones(count, int)), fits.Column("EXPNUM", "J", array=np.arange(1, count + 1)),
        fits.Column("MGDPOS", "1A", array=corner if count == 3 else np.full(count, "C")),
        fits.Column("MGDRA", "D", unit="arcsec", array=offsets[:, 0]),
        fits.Column("MGDDEC", "D", unit="arcsec", array=offsets[:, 1]),
    ]  # fmt: skip
    return table("OBSINFO", columns, [])


def stacked(
    spectra: Spectra, mask: Int32[np.ndarray, "spectrum wave"], survey: list[tuple], axes: list[tuple]
) -> Iterator[Extension]:
    """All images of row-stacked spectra, in their order; `mask` has the bits above."""
    scale = SCALE * AREA / spectra.area
    size = spectra.wavelengths.size
    flux, variance = (np.asarray(array).reshape(-1, size) for array in (spectra.flux, spectra.variance))
    known = np.isfinite(flux) & (variance > 0) & (mask & REJECT == 0)
    before = np.asarray(spectra.resolution) / FWHM_OF_GAUSSIAN
    after = np.sqrt(before**2 + spectra.wavelengths.widths() ** 2 / 12)
    weight = np.where(known, 1 / (scale**2 * np.where(known, variance, 1)), 0)
    yield whole([("EXTNAME", "FLUX"), *survey, *axes], np.where(known, flux * scale, 0), "float32")
    yield whole([("EXTNAME", "IVAR"), *axes], weight, "float32")
    yield whole([("EXTNAME", "MASK"), *axes], mask, "int32")
    for name, sigma in (("LSFPOST", after), ("LSFPRE", before)):
        yield whole([("EXTNAME", name), ("BUNIT", "Angstrom"), *axes], np.broadcast_to(sigma, flux.shape), "float32")
    yield from spectral(spectra.wavelengths.centres(), before, after)
    places = np.broadcast_to(spectra.places, (*spectra.flux.shape, 2)).reshape(*flux.shape, 2)
    yield whole([("EXTNAME", "XPOS"), ("BUNIT", "arcsec")], -places[..., 0], "float64")
    yield whole([("EXTNAME", "YPOS"), ("BUNIT", "arcsec")], places[..., 1], "float64")


class Arrays(NamedTuple):
    """What such a file holds, in the units of a cube."""

    flux: Float[np.ndarray, "wave y x"]
    variance: Float[np.ndarray, "wave y x"]
    lost: Shaped[np.ndarray, "wave y x"]
    """Where there are no data."""
    unusable: Shaped[np.ndarray, "wave y x"]
    """Where there are some, not to be used."""
    sparse: Shaped[np.ndarray, "wave y x"]
    """Where few elements tell of a spaxel."""
    fwhm: Float[np.ndarray, " wave"]


def arrays(file: Any) -> Arrays:
    """The arrays of an open file; what holds no data is not a number."""
    flux, weight, mask = (np.asarray(file[name].data) for name in ("FLUX", "IVAR", "MASK"))
    known = weight > 0
    return Arrays(
        np.where(known, flux / SCALE, np.nan).astype(np.float32),
        np.where(known, 1 / (SCALE**2 * np.where(known, weight, 1)), np.nan).astype(np.float32),
        ~known,
        known & (mask & DONOTUSE != 0),
        mask & LOWCOV != 0,
        np.asarray(file["WAVE"].data / file["PRESPECRES"].data, np.float64),
    )
