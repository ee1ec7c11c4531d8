"""ifux's own file of lines, simple enough to be written by any other program.

/             attributes: format = "ifux lines", version = 1, citation
/metallicity  (metallicity,)   mass fraction of metals in the gas, increasing
/ionisation   (ionisation,)    log10 of the ionisation parameter U, increasing
/density      (density,)       log10 of the hydrogen nuclei per cm^3, increasing; one where all is at one density
/ratios       (line, metallicity, ionisation, density)   log10 of the luminosity of each line over that of H-beta
              attribute lines: their names, as in `ifux.LINES`
"""

from pathlib import Path

import h5py

from ifux.emission.table import LineTable
from ifux.errors import InputError
from ifux.io.files.hdf5 import fixed, number, numbers, require_dataset, text, texts
from ifux.io.files.writing import replacing

FORMAT = "ifux lines"
REMEDY = f"the docstring of {__name__} shows the layout"
AXES = ("metallicity", "ionisation", "density")


def recognises(file: h5py.File) -> bool:
    """The file says what it is."""
    return text(file, "format") == FORMAT


def read(file: h5py.File) -> LineTable:
    """The table."""
    if (found := number(file, "version")) != 1:
        raise InputError(f"{file.filename}: version {found} of the {FORMAT} file is not 1: update ifux.")
    ratios = require_dataset(file, "ratios", REMEDY)
    axes = {name: numbers(require_dataset(file, name, REMEDY)) for name in AXES}
    return LineTable(
        texts(ratios, "lines"), **axes, ratios=numbers(ratios), citation=text(file, "citation", "not stated")
    )


def write_lines(path: str | Path, table: LineTable, *, overwrite: bool = False) -> None:
    """Writes a table in ifux's own layout, whole or not at all."""
    with replacing(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(version=1, format=fixed(FORMAT), citation=fixed(table.citation))
        for name in AXES:
            file[name] = getattr(table, name)
        file["ratios"] = table.ratios
        file["ratios"].attrs["lines"] = fixed(table.lines)
