"""What a reconstruction does to noise and to a point source, as MaNGA's cubes hold it.

| extension | content |
|---|---|
| GPSF and others | a point source of unit flux in the middle of the field, as the cube shows it |
| GCORREL and others | a table of the correlations between the noise of spaxels, the upper triangle with its diagonal |

INDXI_C1 and INDXI_C2 are x and y of a spaxel, INDXJ_C1 and INDXJ_C2 those of the other, counted from zero; RHOIJ is
their correlation; pairs that are not there have none. BBWAVE is the wavelength [angstrom] and BBINDEX the channel.
Where no band of the survey lies in the range, there is one pair without a letter, in the middle of it.

References: Law et al. (2016), AJ 152, 83, section 9.3; mangadap (util/covariance.py) reads the tables.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from jaxtyping import Float, Int

from ifux.grids import AbstractWavelengths
from ifux.io.files.images import Extension, table, whole
from ifux.units import FWHM_OF_GAUSSIAN

BANDS = {"G": 4702.50, "R": 6176.58, "I": 7496.12, "Z": 8946.71}
"""Wavelengths at which the survey tells correlations [angstrom]."""
PSF, CORRELATION = "PSF", "CORREL"


@dataclass(frozen=True)
class Reconstruction:
    """What it does at a wavelength."""

    band: str
    """Letter of a band of the survey, or nothing."""
    wave: float
    """Of the band [angstrom]."""
    channel: int
    """Nearest to it."""
    pairs: Int[np.ndarray, "pair 2"]
    """Spaxels y * (number along x) + x, the second not before the first."""
    correlation: Float[np.ndarray, " pair"]
    """Of the noise of both."""
    psf: Float[np.ndarray, "y x"]
    """A point source of unit flux in the middle of the field."""
    fwhm: float
    """Of the Gaussian that fits it best [arcsec]."""


def bands(wavelengths: AbstractWavelengths) -> dict[str, tuple[float, int]]:
    """Of every band of the survey within the channels its wavelength and the channel nearest to it."""
    centres = wavelengths.centres()
    inside = {name: wave for name, wave in BANDS.items() if centres[0] <= wave <= centres[-1]}
    asked = inside or {"": float(centres[centres.size // 2])}
    return {name: (wave, int(np.abs(centres - wave).argmin())) for name, wave in asked.items()}


def images(found: tuple[Reconstruction, ...], plane: list[tuple]) -> list[Extension]:
    """The point sources."""
    return [
        whole([("EXTNAME", f"{one.band}{PSF}"), ("BBWAVE", one.wave), ("FWHM", one.fwhm), *plane], one.psf, "float64")
        for one in found
    ]


def tables(found: tuple[Reconstruction, ...]) -> bytes:
    """The correlations."""
    written = []
    for one in found:
        tall, wide = one.psf.shape
        y, x = np.divmod(one.pairs, wide)
        columns = [
            fits.Column(f"INDX{spaxel}_C{axis}", "J", array=index[:, place])
            for place, spaxel in enumerate("IJ")
            for axis, index in ((1, x), (2, y))
        ]
        cards = [
            ("BBWAVE", one.wave, "wavelength [angstrom]"), ("BBINDEX", one.channel, "channel, counted from zero"),
            ("COVTYPE", "Correlation"), ("COVSHAPE", f"({tall * wide},{tall * wide})"),
            ("COVRWSHP", f"({wide},{tall})"),
        ]  # fmt: skip
        rho = fits.Column("RHOIJ", "D", array=one.correlation)
        written.append(table(f"{one.band}{CORRELATION}", [*columns, rho], cards))
    return b"".join(written)


def widths(found: tuple[Reconstruction, ...]) -> list[tuple]:
    """Cards of the survey with the widths of its point sources."""
    return [(f"{one.band}FWHM", one.fwhm, "reconstructed PSF [arcsec]") for one in found if one.band]


def read(file: Any) -> tuple[Reconstruction, ...]:
    """What an open file holds of it."""
    found = []
    for band in (*BANDS, ""):
        if f"{band}{CORRELATION}" not in file or f"{band}{PSF}" not in file:
            continue
        rows, header, image = (
            file[f"{band}{CORRELATION}"].data,
            file[f"{band}{CORRELATION}"].header,
            file[f"{band}{PSF}"],
        )
        psf = np.asarray(image.data, np.float64)
        pairs = [rows[f"INDX{one}_C2"].astype(int) * psf.shape[1] + rows[f"INDX{one}_C1"] for one in "IJ"]
        found.append(
            Reconstruction(
                band, header["BBWAVE"], header["BBINDEX"], np.stack(pairs, axis=1),
                np.asarray(rows["RHOIJ"], np.float64), psf, image.header.get("FWHM", np.nan),
            )
        )  # fmt: skip
    return tuple(found)


def gaussian_width(image: Float[np.ndarray, "y x"], sides: tuple[float, float]) -> float:
    """Full width at half maximum of the round Gaussian that fits an image best, in the unit of its sides."""
    from scipy.optimize import least_squares

    y, x = np.indices(image.shape)
    light = np.where(np.isfinite(image), image, 0)
    top = np.unravel_index(light.argmax(), light.shape)

    def left(p: Float[np.ndarray, "4"]) -> Float[np.ndarray, " place"]:
        square = ((x - p[2]) * sides[0]) ** 2 + ((y - p[3]) * sides[1]) ** 2
        return (p[0] * np.exp(-0.5 * square / p[1] ** 2) - light / light.max()).ravel()

    start = [1.0, 2 * max(sides), float(top[1]), float(top[0])]
    return FWHM_OF_GAUSSIAN * abs(float(least_squares(left, start).x[1]))
