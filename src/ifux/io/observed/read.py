"""Observed cubes of any layout."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from astropy.io import fits

from ifux.data import Data
from ifux.errors import InputError
from ifux.grids import Medium
from ifux.io.files.fits import opened_fits
from ifux.io.observed import own, plain, rewritten, rows, sauron
from ifux.io.observed.layout import FORMS, Layout, read_layout
from ifux.io.observed.layouts import LAYOUTS

COMMON = ("unit", "medium", "error_kind", "redshift", "extension")
"""Options of all: what a file may leave unsaid, or say wrongly."""


def of_layout(layout: Layout, file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """The data of an open file that has a layout."""
    return read_layout(file, path, layout, stated)


@dataclass(frozen=True)
class Reader:
    """How a layout is recognised in an open file, and read."""

    recognises: Callable[[Any], bool]
    read: Callable[[Any, Any, dict[str, Any]], Data]
    options: tuple[str, ...] = COMMON


OBSERVATION_FORMATS = {
    "ifux": Reader(own.recognises, own.read_own, ("redshift",)),
    "rewritten": Reader(rewritten.recognises, rewritten.read_rewritten, ("redshift",)),
    **{name: Reader(layout.recognises, partial(of_layout, layout)) for name, layout in LAYOUTS.items()},
    "manga-rows": Reader(rows.of_manga, rows.read_manga, ("unit", "redshift")),
    "califa-rows": Reader(rows.of_califa, rows.read_califa, ("unit", "medium", "redshift")),
    "sauron": Reader(sauron.recognises, sauron.read_sauron, ("unit", "medium", "redshift")),
    "plain": Reader(lambda file: plain.first_cube(file) is not None, plain.read_plain, (*COMMON, *plain.NAMED)),
}
"""By name, in the order in which they are tried."""


def read_observation(path: str | Path, format: str | None = None, **stated: Any) -> Data:
    """A cube that a telescope recorded, in our units, and which of it counts.

    The layout is recognised by content. What the file says holds unless it is stated otherwise.

    Args:
        path: Of a FITS file, which may be compressed.
        format: One of `OBSERVATION_FORMATS`, where a file is not recognised for what it is.
        **stated: `unit` of the flux, `medium` of its wavelengths (`air` or `vacuum`), `error_kind` (`variance`, `sigma`
            or `inverse variance`), `redshift`; `extension`, with which the names of extensions begin where a file holds
            several cubes; and of a plain file `flux`, `error` and `mask`, the names of its extensions.

    Raises:
        InputError: the file is damaged, is no cube, or leaves open what an option must say.
    """
    if format is not None and format not in OBSERVATION_FORMATS:
        raise InputError(f"{format!r} is no layout of observed cubes: ifux knows {', '.join(OBSERVATION_FORMATS)}.")
    check_stated(path, stated)
    with opened_fits(path) as file:
        file = begun(file, stated.get("extension"), path)
        name = format or observation_format(file)
        if name is None:
            raise InputError(f"{path} holds no cube: it has {[hdu.name or 'unnamed' for hdu in file]}.")
        reader = OBSERVATION_FORMATS[name]
        if unknown := sorted({*stated} - {*reader.options}):
            raise InputError(f"{path}: a cube of layout {name} takes the options {[*reader.options]}, not {unknown}.")
        return reader.read(file, path, stated)


def observation_format(file: Any) -> str | None:
    """The first layout that recognises an open file."""
    return next((name for name, reader in OBSERVATION_FORMATS.items() if reader.recognises(file)), None)


def check_stated(path: Any, stated: dict[str, Any]) -> None:
    """Refuses what an option cannot be."""
    choices = {"medium": Medium.__args__, "error_kind": tuple(FORMS)}
    for name, known in choices.items():
        if name in stated and stated[name] not in known:
            raise InputError(f"{path}: {name}: {stated[name]!r} is not one of {[*known]}")
    redshift = stated.get("redshift")
    if redshift is not None and not (isinstance(redshift, int | float) and -1 < redshift < 1e3):
        raise InputError(f"{path}: redshift: {redshift!r} is not a number above -1")


def begun(file: Any, start: str | None, path: Any) -> Any:
    """The extensions whose names begin so, behind the primary one."""
    if start is None:
        return file
    some = [hdu for hdu in file[1:] if hdu.name.upper().startswith(str(start).upper())]
    if not some:
        raise InputError(f"{path}: no extension begins with {start!r}: it has {[hdu.name for hdu in file]}.")
    return fits.HDUList([file[0], *some])
