"""Files of SimSpin, in R's serialisation (.Rdata): a list whose `star_part` is a table of stars.

    x, y, z       [kpc, physical], centred, and of simulations turned to their principal axes by SimSpin
    vx, vy, vz    [km/s]
    Initial_Mass  as formed [solar mass]; of N-body particles SimSpin takes half of their mass
    Age           at the time of the snapshot [Gyr]
    Metallicity   mass fraction
    ID            identifiers

Gas stands in `gas_part`: besides places, velocities, ID and Metallicity

    Mass             [solar mass]
    SFR              [solar mass/yr]
    Density          [solar mass/kpc^3]
    Temperature      [K]
    SmoothingLength  [kpc], of cells twice the radius of a ball of their volume; zero where SimSpin spawned particles
    Carbon, Hydrogen, Oxygen   mass fractions, where the simulation counts them

Read through rdata, an extra: `pip install ifux[simspin]`. R's objects become lists and tables, whatever their class.
The file keeps neither redshift nor cosmology: the option `redshift` states the former, and the snapshot that
make_simspin_file() was given tells both.

References: Harborne et al. (2020), PASA 37, e016; https://kateharborne.github.io/SimSpin, make_simspin_file.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ifux.errors import InputError
from ifux.io.files.compressed import start
from ifux.io.files.format import Format
from ifux.io.snapshots.elements import SYMBOLS
from ifux.io.snapshots.gas import Gas, gas_of
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.table_files import Columns, reading
from ifux.io.snapshots.tables import stars_of

STARTS = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"X\n\x00\x00\x00", b"A\n2\n", b"A\n3\n")
"""How R's `save` and `saveRDS` begin, uncompressed."""

GAS = {
    "mass": "Mass",
    "density": "Density",
    "temperature": "Temperature",
    "metallicity": "Metallicity",
    "star_formation_rate": "SFR",
    "smoothing_length": "SmoothingLength",
}
"""Columns of the gas, in our units."""

NEEDED = ("x", "y", "z", "vx", "vy", "vz", "Mass", "Density", "Temperature")

ELEMENTS = ("Carbon", "Hydrogen", "Oxygen")

UNITS = dict.fromkeys("xyz", "kpc") | {f"v{axis}": "km/s" for axis in "xyz"} | {"Initial_Mass": "Msun", "Age": "Gyr"}


def recognises(path: Path) -> bool:
    """Whether the content of a file begins as R's do."""
    return path.is_file() and start(path, 6).startswith(STARTS)


def read(path: Path, *, units: object = None, redshift: object = None) -> Snapshot:
    """The stars and the gas."""
    try:
        from rdata import conversion, parser
    except ImportError as error:
        raise InputError(f"{path} is read through rdata: install it with `pip install ifux[simspin]`.") from error
    with reading(path, "as R's serialisation"):
        whole: Any = conversion.convert(parser.parse_file(path), constructor_dict={})
        if "star_part" not in whole:  # from `save` rather than `saveRDS`: a variable that is the list
            whole = next((item for item in whole.values() if isinstance(item, Mapping) and "star_part" in item), whole)
        if "star_part" not in whole:
            raise InputError(f"{path} is R's, but not SimSpin's: it holds {[*map(str, whole)]}, and no star_part.")
        table = {name: np.asarray(column) for name, column in whole["star_part"].items()}
        words = {name: str(item[0]) for name, item in (whole.get("header") or {}).items() if len(item)}
    if not any(name in table for name in ("Age", "Initial_Mass")):
        raise InputError(f"{path}: star_part has {[*table]}, so it holds no stars with ages: make it of a snapshot.")
    snapshot = stars_of(path, Columns(table, UNITS), "simspin", units=units, redshift=redshift)
    notes = [f"made by {words['Origin']}"] if "Origin" in words else []
    if words.get("Type") == "nbody":
        notes.append("masses as formed are half of those of the N-body particles, as SimSpin takes them")
    gas, remarks = with_gas(path, whole.get("gas_part"))
    return replace(snapshot.noted(*notes, *remarks), gas=gas)


def with_gas(path: Path, part: Any) -> tuple[Gas | None, list[str]]:
    """The gas of a table, if there is one, and what is remarkable about it."""
    table = {} if part is None else {name: np.asarray(column) for name, column in part.items()}
    if not len(table.get("x", ())):
        return None, []
    if missing := [name for name in NEEDED if name not in table]:
        return None, [f"{len(table['x'])} gas particles were left out: gas_part has no {' and no '.join(missing)}"]
    number = {name: column.astype(np.float64) for name, column in table.items() if column.dtype.kind in "iuf"}
    columns = {role: number[name] for role, name in GAS.items() if name in number}
    columns["position"] = np.stack([number[axis] for axis in "xyz"], axis=1)
    columns["velocity"] = np.stack([number[f"v{axis}"] for axis in "xyz"], axis=1)
    if not np.all(columns.get("smoothing_length", np.zeros(1)) > 0):
        columns.pop("smoothing_length", None)
    if "ID" in table and table["ID"].dtype.kind in "iu":
        columns["ids"] = signed(table["ID"], f"{path}: gas_part: ID")
    return gas_of(f"{path}: gas_part", columns, {SYMBOLS[name]: number[name] for name in ELEMENTS if name in number})


SIMSPIN = Format("simspin", recognises, read, options=("units", "redshift"))
