"""Row-stacked spectra, and single spectra of cubes: a field of one row. In the layouts of MaNGA and of CALIFA."""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from ifux.data import Data, Reason
from ifux.errors import InputError
from ifux.grids import AbstractWavelengths
from ifux.io.files.manga import AREA, BADPIX, COSMIC, DEADFIBER, DONOTUSE, NODATA, REJECT
from ifux.io.observed.axis import of_centres
from ifux.io.observed.layout import found, headers, inverse, number_in, redshift_in
from ifux.io.observed.layouts import MASKED
from ifux.io.observed.units import per_spaxel

FIBRE_BAD = REJECT | DEADFIBER | BADPIX | COSMIC | NODATA
"""Bits of the mask of a fibre that mean that a pixel is not to be used."""


def of_manga(file: Any) -> bool:
    """Spectra, one a row, with the extensions of the survey."""
    flux = found(file, "FLUX", (2,))
    return flux is not None and all(found(file, name) is not None for name in ("IVAR", "MASK", "WAVE"))


def of_califa(file: Any) -> bool:
    """Spectra, one a row, in the primary array."""
    return file[0].header["NAXIS"] == 2 and all(found(file, name, (2,)) is not None for name in ("ERROR", "BADPIX"))


def read_manga(file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """Spectra [1e-20 erg/s/cm2/angstrom per fibre of pi arcsec2, or per spaxel], and where they were taken.

    The mean over wavelengths of where a fibre looked is its place.

    Raises:
        InputError: the unit is none, or wavelengths do not increase.
    """
    hdu = found(file, "FLUX", (2,))
    wavelengths = of_centres(np.asarray(found(file, "WAVE").data, np.float64).ravel(), "vacuum", path)
    weight, mask = (np.asarray(found(file, name).data) for name in ("IVAR", "MASK"))
    places, notes = None, ()
    if fibres := found(file, "XPOS") is not None:
        places = np.stack([-np.asarray(found(file, "XPOS").data), np.asarray(found(file, "YPOS").data)], -1)
        places, notes = places.mean(axis=1).astype(np.float64), (f"flux is per fibre of {AREA:.4g} arcsec2",)
    flagged = mask.astype(np.int64) & (FIBRE_BAD if fibres else DONOTUSE) != 0
    unit = stated.get("unit") or str(hdu.header.get("BUNIT", "")).strip() or "1e-17 erg/s/cm2/Angstrom"
    return Data(
        **spectra(hdu.data, inverse(weight.astype(np.float64)), flagged, unit, wavelengths, path),
        places=places, redshift=stated.get("redshift", redshift_in(file[0].header)),
        title=str(file[0].header.get("MANGAID", "")).strip(), reddening=number_in("EBVGAL", file[0].header),
        layout="manga-rss" if fibres else "manga-spectra", notes=notes, headers=headers(file[0], hdu),
    )  # fmt: skip


def read_califa(file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """Spectra of a cube, without their places.

    Raises:
        InputError: the unit is none, or the wavelengths are not told.
    """
    header = file[0].header
    step = header.get("CD1_1", header.get("CDELT1"))
    if step is None or "CRVAL1" not in header:
        raise InputError(f"{path}: its spectra have no CRVAL1, or no step in CD1_1 or CDELT1.")
    pixel = np.arange(1, header["NAXIS1"] + 1) - header.get("CRPIX1", 1.0)
    wavelengths = of_centres(header["CRVAL1"] + pixel * step, stated.get("medium", "air"), path)
    sigma, bad = (np.asarray(found(file, name).data, np.float64) for name in ("ERROR", "BADPIX"))
    unit = stated.get("unit") or str(header.get("BUNIT", "")).strip() or "1e-16 erg/s/cm2/Angstrom"
    flagged = (sigma >= MASKED) | (bad != 0)
    return Data(
        **spectra(file[0].data, sigma**2, flagged, unit, wavelengths, path), redshift=stated.get("redshift"),
        title=str(header.get("OBJECT", "")).strip(), layout="califa-rows", headers=headers(file[0]),
    )  # fmt: skip


def spectra(
    flux: Any,
    variance: Float[np.ndarray, "spectrum wave"],
    flagged: Any,
    unit: str,
    wavelengths: AbstractWavelengths,
    path: Any,
) -> dict[str, Any]:
    """The fields of data that hold spectra, in our unit."""
    if not len({flux.shape, variance.shape, flagged.shape}) == 1 or flux.shape[1] != wavelengths.size:
        raise InputError(f"{path}: its spectra, their errors, mask and wavelengths are not of one shape.")
    factor = per_spaxel(unit, wavelengths, None, path)
    with np.errstate(all="ignore"):
        flux, variance = ((a * f).T[:, None, :].astype(np.float32) for a, f in ((flux, factor), (variance, factor**2)))
    reasons: UInt8[np.ndarray, "wave one spectrum"] = np.where(np.isfinite(flux), 0, Reason.NOT_A_NUMBER).astype("u1")
    reasons |= np.where(np.isfinite(variance) & (variance > 0), 0, Reason.NO_VARIANCE).astype(np.uint8)
    reasons |= np.where(flagged.T[:, None, :], Reason.FLAGGED, 0).astype(np.uint8)
    return {
        "flux": flux, "variance": variance, "wavelengths": wavelengths, "pitch": None, "unit": unit,
        "reasons": reasons if reasons.any() else None,
    }  # fmt: skip
