"""The one door for libraries of stellar populations."""

from pathlib import Path

import numpy as np

from ifux.errors import InputError
from ifux.io.files.hdf5 import beginning, is_hdf5, members, opened, regular
from ifux.io.libraries.bruzual_charlot import BRUZUAL_CHARLOT
from ifux.io.libraries.dsps import DSPS
from ifux.io.libraries.format import LibraryFormat
from ifux.io.libraries.miles import MILES
from ifux.io.libraries.miles_folder import MILES_FOLDER
from ifux.io.libraries.native import IFUX
from ifux.io.libraries.ppxf import PPXF
from ifux.io.libraries.pypipe3d import PYPIPE3D
from ifux.io.libraries.rubix import RUBIX
from ifux.library import SSPLibrary

LIBRARY_FORMATS: dict[str, LibraryFormat] = {
    entry.name: entry for entry in (IFUX, MILES, DSPS, RUBIX, PPXF, PYPIPE3D, MILES_FOLDER, BRUZUAL_CHARLOT)
}


def read_ssp(path: str | Path, *, format: str | None = None, **options) -> SSPLibrary:
    """A library of stellar populations from a file, or a folder of files, of any known format.

    Args:
        path: File or folder.
        format: One of `LIBRARY_FORMATS`; recognised by content if not given.
        **options: What the format leaves open; what must be given and is not is asked for in one sentence.
            `medium`: "air" or "vacuum". `fwhm`: resolution, a number or pairs of wavelength and width [angstrom].
            `imf`, `citation`: words. `solar_metallicity`: mass fraction that the file calls [M/H] = 0.
            `solar_luminosity`: what one solar luminosity of the file is [erg/s], that of the IAU if not given.
            `metallicity`, for MILES: "isochrone" (default) takes the mass fractions of the isochrones behind the
            labels, "label" those of the labels themselves. `age_unit`, `flux_unit`: see `ifux.io.libraries.rubix`.

    Raises:
        InputError: the file is missing, damaged, no library, or incomplete.
    """
    path = Path(path) if Path(path).is_dir() else regular(path)
    entry = library_format(path) if format is None else named(format)
    if entry is None:
        raise InputError(unrecognised(path))
    if unknown := sorted(set(options) - set(entry.options)):
        raise InputError(
            f"{path}: a library of format {entry.name} takes the options {[*entry.options]}, not {unknown}."
        )
    try:
        with np.errstate(all="ignore"):
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
    if path.is_dir():
        names = sorted(file.name for file in path.iterdir())
        some = f"{names[:5]}{' and more' * (len(names) > 5)}"
        return f"{path} is a folder, but not a library in any known format ({known}): it holds {some}."
    if not is_hdf5(path):
        return f"{path} is not a library in any known format ({known}): {beginning(path)}, so it is not HDF5."
    with opened(path) as file:
        return f"{path} is HDF5 but not a library in any known format ({known}): it holds {members(file)}."
