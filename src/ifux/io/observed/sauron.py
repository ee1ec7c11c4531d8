"""The cubes of SAURON and ATLAS3D: spectra in rows, and a table of where they are on the sky."""

from typing import Any

import numpy as np

from ifux.data import Data, Reason
from ifux.errors import InputError
from ifux.io.observed.axis import of_centres
from ifux.io.observed.layout import headers
from ifux.io.observed.units import per_spaxel

PITCH = 0.8
"""Side of the spaxels that exposures were drizzled to [arcsec]."""
FWHM = 4.2
"""Of a line [angstrom], as Emsellem et al. (2004), MNRAS 352, 721, measured it."""


def recognises(file: Any) -> bool:
    """Spectra in the primary array, and a table with places A and D behind it."""
    return file[0].header["NAXIS"] == 2 and any(
        not hdu.is_image and {"A", "D"} <= {name.upper() for name in hdu.columns.names} for hdu in file[1:]
    )


def read_sauron(file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """The field that the spectra fill, the east to the left; what none of them is in holds no number.

    Variances are not in the file. Fluxes have the unit that is stated: the files are in units of their own.

    Raises:
        InputError: the spectra have no unit, or the places are on no grid of 0.8 arcsec.
    """
    header = file[0].header
    table = next(hdu for hdu in file[1:] if not hdu.is_image and "A" in {name.upper() for name in hdu.columns.names})
    spectra, places = np.asarray(file[0].data), np.stack([np.asarray(table.data[name], float) for name in "AD"], 1)
    if len(spectra) != len(places):
        raise InputError(f"{path}: {len(spectra)} spectra at {len(places)} places.")
    step = header.get("CD1_1", header.get("CDELT1"))
    if step is None or "CRVAL1" not in header:
        raise InputError(f"{path}: its spectra have no CRVAL1, or no step in CD1_1 or CDELT1.")
    pixel = np.arange(1, spectra.shape[1] + 1) - header.get("CRPIX1", 1.0)
    wavelengths = of_centres(header["CRVAL1"] + pixel * step, stated.get("medium", "air"), path)
    unit = stated.get("unit", str(header.get("BUNIT", "")).strip())
    if not unit:
        raise InputError(f"{path} does not say its unit: give unit, such as '1e-16 erg/s/cm2/Angstrom'.")
    factor = per_spaxel(unit, wavelengths, (PITCH, PITCH), path)
    # A grows to the west in these tables, as the pixels of a cube do.
    cell = (places - places.min(axis=0)) / PITCH
    index = np.round(cell).astype(int)
    if np.abs(cell - index).max() > 0.1:
        raise InputError(f"{path}: its places are on no grid of {PITCH} arcsec.")
    wide, tall = index.max(axis=0) + 1
    flux = np.full((wavelengths.size, tall, wide), np.nan, np.float32)
    flux[:, index[:, 1], index[:, 0]] = (spectra * factor).T
    reasons = np.where(np.isfinite(flux), 0, Reason.NOT_A_NUMBER).astype(np.uint8)
    return Data(
        flux=flux, wavelengths=wavelengths, pitch=(PITCH, PITCH), reasons=reasons if reasons.any() else None,
        resolution=np.full(wavelengths.size, FWHM), title=str(header.get("OBJECT", "")).strip(),
        redshift=stated.get("redshift"), layout="sauron", unit=unit, headers=headers(file[0]),
        notes=("the file has no errors", f"lines are taken to be {FWHM} angstrom wide"),
    )  # fmt: skip
