"""The wavelength axis of a cube, as FITS says it.

| pixels | CTYPE3 | what else |
|---|---|---|
| even in wavelength | WAVE, AWAV | |
| even in its logarithm | WAVE-LOG, AWAV-LOG | CD3_3 is the width in wavelength at the reference pixel |
| any | WAVE-TAB, AWAV-TAB | the edges in the extension WCS-TABLE |

The centre of a pixel is that of the standard. In a table the reference pixel is the lower edge of the first pixel, and
the standard interpolates linearly between entries: the centre is half-way between the edges. Of the programs that read
cubes astropy.wcs knows tables, given the whole file; mpdaf, spectral-cube and specutils refuse them.

References: Greisen et al. (2006), A&A 446, 747 (paper III), sec. 3.2 (log) and 6 (table).
"""

from io import BytesIO
from typing import Any

import numpy as np
from astropy.io import fits

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths, LogWavelengths, Medium, TableWavelengths, Wavelengths
from ifux.io.files.fits import BLOCK

MEDIA: dict[str, Medium] = {"AWAV": "air", "WAVE": "vacuum"}
LENGTHS = {"Angstrom": 1.0, "nm": 10.0, "um": 1e4, "m": 1e10}
TABLE, COLUMN = "WCS-TABLE", "wavelength"
"""Extension and column that hold the edges."""


def spectral_cards(wavelengths: AbstractWavelengths) -> list[tuple]:
    """The cards of the third axis."""
    medium = wavelengths.medium
    (ctype,) = (ctype for ctype, name in MEDIA.items() if name == medium)
    across = [("CD1_3", 0.0), ("CD2_3", 0.0), ("CD3_1", 0.0), ("CD3_2", 0.0)]
    unit, words = ("CUNIT3", "Angstrom"), f"wavelength in {medium}"
    if isinstance(wavelengths, Wavelengths):
        place = [
            ("CRVAL3", wavelengths.start, "centre of the first channel"), ("CRPIX3", 1.0), ("CD3_3", wavelengths.step)
        ]  # fmt: skip
        return [("CTYPE3", ctype, words), unit, *place, *across]
    if isinstance(wavelengths, LogWavelengths):
        width = wavelengths.start * wavelengths.step
        place = [("CRVAL3", wavelengths.start, "centre of the first channel"), ("CRPIX3", 1.0), ("CD3_3", width)]
        return [("CTYPE3", f"{ctype}-LOG", f"{words}, even in its logarithm"), unit, *place, *across]
    table = [
        ("PS3_0", TABLE, "extension with the edges of the channels"), ("PS3_1", COLUMN, "column"),
        ("PV3_1", 1, "EXTVER"), ("PV3_2", 1, "EXTLEVEL"), ("PV3_3", 1, "axis of the table"),
    ]  # fmt: skip
    place = [("CRVAL3", 1.0, "first entry of the table"), ("CRPIX3", 0.5, "edge of the first channel"), ("CD3_3", 1.0)]
    return [("CTYPE3", f"{ctype}-TAB", f"{words}, from a table"), unit, *place, *across, *table]


def spectral_table(wavelengths: AbstractWavelengths) -> bytes:
    """The extension that the cards refer to; nothing where they refer to none."""
    if isinstance(wavelengths, Wavelengths | LogWavelengths):
        return b""
    edges = wavelengths.edges()
    shape = f"(1,{edges.size})"
    column = fits.Column(COLUMN, f"{edges.size}D", unit="Angstrom", dim=shape, array=edges.reshape(1, -1, 1))
    file = BytesIO()
    fits.BinTableHDU.from_columns([column], name=TABLE, ver=1).writeto(file)
    # Behind a primary header, which is one block.
    return file.getvalue()[BLOCK:]


def spectral_axis(header: Any, file: Any, path: Any) -> AbstractWavelengths:
    """The wavelengths of a cube, from its header and, where they are in a table, from the file that holds it.

    Raises:
        InputError: the axis is of another kind.
    """
    ctype, unit = header.get("CTYPE3", "").strip(), header.get("CUNIT3", "Angstrom").strip()
    kind, _, form = ctype.partition("-")
    if kind not in MEDIA or form not in ("", "LOG", "TAB") or unit not in LENGTHS or "CD3_3" not in header:
        known = [kind + form for kind in MEDIA for form in ("", "-LOG", "-TAB")]
        raise InputError(
            f"{path}: the third axis must be one of {known} in one of {[*LENGTHS]}, in steps of CD3_3; "
            f"got {ctype!r} in {unit!r}."
        )
    scale, step, size, medium = LENGTHS[unit], header["CD3_3"], header["NAXIS3"], MEDIA[kind]
    if form == "TAB":
        return TableWavelengths.of_edges(tuple((tabled(header, file, size) * scale).tolist()), medium)
    before = (1 - header["CRPIX3"]) * step
    if form == "":
        start = (header["CRVAL3"] + before) * scale
        return Wavelengths(start=start, step=step * scale, size=size, medium=medium)
    relative = step / header["CRVAL3"]
    start = header["CRVAL3"] * np.exp((1 - header["CRPIX3"]) * relative)
    return LogWavelengths(start=float(start * scale), step=relative, size=size, medium=medium)


def tabled(header: Any, file: Any, size: int) -> np.ndarray:
    """The edges of the pixels, half-way between them in the table, in its unit."""
    from astropy.wcs import WCS

    pixels = np.ones((size + 1, 3))
    pixels[:, 2] = np.arange(size + 1) + 0.5
    return np.asarray(WCS(header, file, fix=False).wcs_pix2world(pixels, 1))[:, 2]
