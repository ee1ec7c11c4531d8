"""The one door for libraries of stellar populations."""

from pathlib import Path

import numpy as np

from ifux.errors import InputError
from ifux.io.files.format import Format, chosen, recognised, unrecognised
from ifux.io.files.hdf5 import regular
from ifux.io.libraries.bruzual_charlot import BRUZUAL_CHARLOT
from ifux.io.libraries.dsps import DSPS
from ifux.io.libraries.miles import MILES
from ifux.io.libraries.miles_folder import MILES_FOLDER
from ifux.io.libraries.native import IFUX
from ifux.io.libraries.ppxf import PPXF
from ifux.io.libraries.pypipe3d import PYPIPE3D
from ifux.io.libraries.rubix import RUBIX
from ifux.library import SSPLibrary

LIBRARY_FORMATS: dict[str, Format[SSPLibrary]] = {
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
    entry = chosen(path, LIBRARY_FORMATS, format, options, "library")
    if entry is None:
        raise InputError(unrecognised(path, LIBRARY_FORMATS, "library"))
    try:
        with np.errstate(all="ignore"):
            return entry.read(path, **{name: value for name, value in options.items() if value is not None})
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path} is no usable library: {error}") from error


def library_format(path: Path) -> Format[SSPLibrary] | None:
    """The first format that recognises a file by its content."""
    return recognised(path, LIBRARY_FORMATS)
