"""Observed cubes written again: as they were read, in the numbers of their file.

| extension | content |
|---|---|
| primary | the cards of the origin, and a line of its history |
| DATA | flux, in the unit of the origin |
| STAT | its variance, where there is one |
| REASONS | why voxels do not count: sums of `ifux.Reason`, zero is good |
| LSF, BINS | width of lines in every channel [angstrom], bins of spaxels, where there are any |
| WCS-TABLE | the edges of channels that are even neither in wavelength nor in its logarithm |
| FACTS | what the arrays do not hold, as one JSON text |

Other programs read DATA, STAT and their axes as those of the MUSE pipeline.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from ifux.data import Data
from ifux.errors import InputError
from ifux.io.files.images import append, created, table, whole
from ifux.io.files.record import printable, versions
from ifux.io.files.spectral import spectral_axis, spectral_cards, spectral_table
from ifux.io.files.writing import replacing
from ifux.io.observed.layout import headers
from ifux.io.observed.sky import plane_of
from ifux.io.observed.units import per_spaxel

KEPT = ("psf", "redshift", "reddening", "title", "layout", "notes", "includes_pixel", "unit")
"""Fields that JSON can hold."""

OURS = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|EXTNAME|BUNIT|BSCALE|BZERO|CHECKSUM|DATASUM|WCSAXES|"
    r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)\d|(CD|PC|PV|PS)\d_\d+|END"
)
"""Keywords that are written anew."""


def recognises(file: Any) -> bool:
    """Written by `write_observation`."""
    return "REASONS" in file and "FACTS" in file and "DATA" in file


def write_observation(path: str | Path, data: Data, *, overwrite: bool = False) -> None:
    """Writes observed data to a FITS file, or none: it appears under its name once it is whole.

    Args:
        path: Of the file, compressed where it ends in .gz.
        data: With their cards, places, masks and units as they were read, or a part of them.
        overwrite: Replace a file that exists.

    Raises:
        InputError: the file exists, or the data are of no field.
    """
    if data.pitch is None:
        raise InputError(f"{path}: the data are spectra of no field, and no cube that could be written.")
    factor = per_spaxel(data.unit, data.wavelengths, data.pitch, path)[:, None, None]
    axes = [*celestial(data), *spectral_cards(data.wavelengths)]
    first, *others = data.headers or ((),)
    header = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    header.extend(cards_kept(first), end=True)
    header.add_history(printable(f"read and written again by ifux {versions()['ifux']}"))
    own = [card for other in others for card in cards_kept(other)]

    def turned(array: np.ndarray) -> np.ndarray:
        return array[..., ::-1] if data.mirrored else array

    cards = [("EXTNAME", "DATA"), ("BUNIT", data.unit), *axes, *own]
    images = [whole(cards, turned(data.flux / factor), kind(data.flux))]
    if data.variance is not None:
        variance = turned(data.variance / factor**2)
        images.append(whole([("EXTNAME", "STAT"), ("COMMENT", "variance"), *axes], variance, kind(data.variance)))
    reasons = np.zeros(data.flux.shape, np.uint8) if data.reasons is None else data.reasons
    images.append(whole([("EXTNAME", "REASONS"), ("COMMENT", "0 is good")], turned(reasons), "uint8"))
    if data.resolution is not None:
        images.append(whole([("EXTNAME", "LSF"), ("BUNIT", "Angstrom")], data.resolution, "float64"))
    if data.bins is not None:
        images.append(whole([("EXTNAME", "BINS")], turned(data.bins), "int64"))
    facts = json.dumps({name: getattr(data, name) for name in KEPT})
    with replacing(path, overwrite=overwrite) as temporary, created(temporary) as file:
        file.write(header.tostring().encode("ascii"))
        for image in images:
            append(file, image)
        file.write(spectral_table(data.wavelengths))
        file.write(table("FACTS", [fits.Column("JSON", f"{len(facts)}A", array=[facts])], []))


def kind(array: np.ndarray) -> str:
    """In which precision it is written."""
    return "float64" if array.dtype == np.float64 else "float32"


def cards_kept(cards: tuple[tuple[str, Any, str], ...]) -> list[tuple[str, Any, str]]:
    """Those that say nothing of shapes, units and axes."""
    return [card for card in cards if not OURS.fullmatch(card[0])]


def celestial(data: Data) -> list[tuple]:
    """The axes of the field, as they are in the origin: mirrored, or from nowhere, too."""
    _, tall, wide = data.flux.shape
    sides = data.pitch or (1.0, 1.0)
    sign = -1 if data.mirrored else 1
    angle = math.radians(data.position_angle)
    cos, sin = math.cos(angle), math.sin(angle)
    middle = [("CRPIX1", (wide + 1) / 2), ("CRPIX2", (tall + 1) / 2)]
    if data.position is None:
        x, y = sides
        linear = [(f"CTYPE{axis}", "LINEAR") for axis in (1, 2)] + [(f"CUNIT{axis}", "arcsec") for axis in (1, 2)]
        return [*linear, *middle, ("CRVAL1", 0.0), ("CRVAL2", 0.0), ("CD1_1", -sign * x), ("CD2_2", y)]
    x, y = (side / 3600 for side in sides)
    return [
        ("CTYPE1", "RA---TAN"), ("CUNIT1", "deg"), ("CRVAL1", data.position[0]),
        ("CTYPE2", "DEC--TAN"), ("CUNIT2", "deg"), ("CRVAL2", data.position[1]), *middle,
        ("CD1_1", -sign * x * cos), ("CD1_2", y * sin), ("CD2_1", sign * x * sin), ("CD2_2", y * cos),
    ]  # fmt: skip


def read_rewritten(file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """The data that were written.

    Raises:
        InputError: the file is damaged.
    """
    facts = json.loads(str(file["FACTS"].data["JSON"][0]))
    if set(facts) != set(KEPT):
        raise InputError(f"{path} is damaged: its facts are {sorted(facts)}.")
    hdu = file["DATA"]
    wavelengths, plane = spectral_axis(hdu.header, file, path), plane_of(hdu.header, file, path)
    factor = per_spaxel(facts["unit"], wavelengths, plane.pitch, path)[:, None, None]

    def turned(name: str) -> Any:
        if name not in file:
            return None
        array = np.asarray(file[name].data)
        array = array.astype(array.dtype.newbyteorder("="))
        return array[..., ::-1] if plane.mirrored else array

    def scaled(name: str, factor: np.ndarray) -> Any:
        return None if (array := turned(name)) is None else (array * factor).astype(array.dtype)

    reasons = turned("REASONS")
    known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return Data(
        flux=scaled("DATA", factor), variance=scaled("STAT", factor**2), wavelengths=wavelengths, pitch=plane.pitch,
        reasons=reasons if reasons.any() else None, position=plane.position, position_angle=plane.angle,
        mirrored=plane.mirrored, resolution=np.asarray(file["LSF"].data, np.float64) if "LSF" in file else None,
        bins=turned("BINS"), headers=headers(file[0], hdu),
        **known | {name: stated[name] for name in ("redshift",) if name in stated},
    )  # fmt: skip
