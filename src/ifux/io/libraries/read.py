"""The one door for libraries of stellar populations."""

from pathlib import Path

from ifux.errors import InputError
from ifux.io.hdf5 import beginning, is_hdf5, members, opened, regular
from ifux.io.libraries.format import LibraryFormat
from ifux.io.libraries.miles import MILES
from ifux.io.libraries.native import IFUX
from ifux.library import SSPLibrary

LIBRARY_FORMATS: dict[str, LibraryFormat] = {entry.name: entry for entry in (IFUX, MILES)}


def read_ssp(path: str | Path, *, format: str | None = None, **options) -> SSPLibrary:
    """A library of stellar populations from a file of any known format.

    Args:
        path: File.
        format: One of `LIBRARY_FORMATS`; recognised by content if not given.
        **options: What the format leaves open. "miles": `metallicity="isochrone"` (default) or `"label"` chooses which
            of its two columns of mass fractions is meant, see `ifux.io.libraries.miles`.

    Raises:
        InputError: the file is missing, damaged, no library, or incomplete.
    """
    path = regular(path)
    entry = library_format(path) if format is None else named(format)
    if entry is None:
        raise InputError(unrecognised(path))
    if unknown := sorted(set(options) - set(entry.options)):
        raise InputError(
            f"{path}: a library of format {entry.name} takes the options {[*entry.options]}, not {unknown}."
        )
    try:
        return entry.read(path, **options)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is no usable library: {error}") from error


def library_format(path: Path) -> LibraryFormat | None:
    """The first format that recognises a file by its content."""
    return next((entry for entry in LIBRARY_FORMATS.values() if entry.recognises(path)), None)


def named(format: str) -> LibraryFormat:
    """The format of that name."""
    if format not in LIBRARY_FORMATS:
        raise InputError(f"{format!r} is no library format: ifux knows {', '.join(LIBRARY_FORMATS)}.")
    return LIBRARY_FORMATS[format]


def unrecognised(path: Path) -> str:
    """What is wrong with a file that no format recognises."""
    known = f"known are {', '.join(LIBRARY_FORMATS)}"
    if not is_hdf5(path):
        return f"{path} is not a library in any known format ({known}): {beginning(path)}, so it is not HDF5."
    with opened(path) as file:
        return f"{path} is HDF5 but not a library in any known format ({known}): it holds {members(file)}."
