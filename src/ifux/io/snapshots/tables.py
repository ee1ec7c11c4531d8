"""Stars in a table: ECSV, Parquet, FITS, CSV or plain columns of numbers, a row a particle, with units in the header.

    position   x, y, z, or a column of three numbers                      a length
    velocity   vx, vy, vz, or a column of three numbers                   a velocity
    mass       as formed: initial_mass where there is one, else mass      a mass
    age        at the time of the snapshot                                a time
    metallicity  mass fraction                                            none
    id         optional

Capitals make no difference, and neither do the aliases in `ALIASES`; the option `columns` names others, as in
`columns={"mass": "m_birth"}`. Units are those of ECSV, of TUNIT in FITS, of the metadata `unit` in Parquet, or stand in
the name of a column, as in `mass [Msun]`; the option `units` states them where the file does not, as in
`units={"position": "kpc", "mass": "1e10 Msun"}`, and goes before what the file says. Metallicities in units of a solar
one are "0.0127", their logarithm "dex(0.0127)". The redshift is an option too, or a word `redshift` in the header; zero
if neither is there. `population={"age": 5.0, "metallicity": 0.02}`, or a history as in `ifux.io.snapshots.populations`,
states what the table does not: initial conditions such as those of AGORA have neither.

Plain columns have the names in the last comment before them, or in their first line, else col1, col2 and so on.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ifux.errors import InputError
from ifux.io.files.format import Format
from ifux.io.files.hdf5 import regular
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.populations import population_of
from ifux.io.snapshots.quantity import converted
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import UNITS, Stars
from ifux.io.snapshots.stated import checked_redshift
from ifux.io.snapshots.table_files import Columns, fits_names, kind_of, read_columns

ALIASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "position": (
        ("position",), ("positions",), ("pos",), ("coordinates",), ("coords",), ("x", "y", "z"),
        ("pos_x", "pos_y", "pos_z"), ("position_x", "position_y", "position_z"),
    ),
    "velocity": (
        ("velocity",), ("velocities",), ("vel",), ("vx", "vy", "vz"), ("v_x", "v_y", "v_z"),
        ("vel_x", "vel_y", "vel_z"),
        ("velocity_x", "velocity_y", "velocity_z"),
    ),
    "mass": (
        ("initial_mass",), ("initialmass",), ("formed_mass",), ("mass_formed",), ("birth_mass",), ("mass",),
        ("masses",),
    ),
    "age": (("age",), ("ages",), ("stellar_age",)),
    "metallicity": (("metallicity",), ("metallicities",), ("metals",), ("metal_mass_fraction",)),
    "ids": (("id",), ("ids",), ("particle_id",), ("particleid",), ("particleids",), ("particle_ids",)),
}  # fmt: skip
"""Names of the columns of each role, the best first."""

EXAMPLES = {"age": 5.0, "metallicity": 0.02}
"""Of what may be stated of all stars."""

Chosen = dict[str, tuple[str, ...]]


def recognises(path: Path) -> bool:
    """ECSV and Parquet by how they begin, CSV by its name, and FITS with a table that has positions and masses."""
    kind = kind_of(path)
    if kind != "FITS":
        return kind is not None
    names = fits_names(path)
    return all(named(names, role) is not None for role in ("position", "mass"))


def read(path: Path, **stated: object) -> Snapshot:
    """The stars of a table."""
    return stars_of(path, read_columns(regular(path)), "table", **stated)


def stars_of(
    path: Path,
    table: Columns,
    format: str,
    *,
    columns: object = None,
    units: object = None,
    redshift: object = None,
    population: object = None,
) -> Snapshot:
    """The stars of columns."""
    for option, value in (("columns", columns), ("units", units)):
        if value is not None and not isinstance(value, Mapping):
            raise InputError(f'{path}: {option} is a table such as {{"mass": ...}}, got {value!r}.')
    made = None if population is None else population_of(population, f"{path}: population")
    stated = [] if made is None else [*made.columns(1)]
    chosen = choices(path, [*table.values], columns if isinstance(columns, Mapping) else {}, stated)
    given = {"position" if key == "length" else key: unit for key, unit in (units or {}).items()}  # pyright: ignore[reportAttributeAccessIssue]
    unknown = [name for name in given if name not in UNITS and name not in table.values]
    if unknown:
        raise InputError(
            f"{path}: units.{unknown[0]} is neither one of {[*UNITS]} nor a column of the table, {[*table.values]}."
        )
    found = {role: column(path, table, role, chosen[role], given) for role in UNITS if role in chosen}
    if made is not None:
        found |= made.columns(found["mass"].size)
    check_shapes(str(path), found)
    ids = table.values[chosen["ids"][0]] if "ids" in chosen else None
    notes = [f"{role} from {', '.join(names)}" for role, names in chosen.items() if (*names,) != (role,)]
    notes += [] if made is None else [f"of all stars {made.summary()}, as stated"]
    return Snapshot(
        stars=Stars(**found, ids=None if ids is None or ids.dtype.kind not in "iu" else signed(ids, f"{path}: ids")),
        redshift=when(path, redshift, table),
        source=path.name,
        format=format,
        notes=tuple(notes),
    )


def named(names: list[str], role: str) -> tuple[str, ...] | None:
    """The columns of a role; None where there are none."""
    small = {name.lower(): name for name in reversed(names)}
    found = (words for words in ALIASES[role] if all(word in small for word in words))
    words = next(found, None)
    return None if words is None else tuple(small[word] for word in words)


def choices(path: Path, names: list[str], given: Mapping, stated: Sequence[str]) -> Chosen:
    """The columns of every role, those apart that are stated."""
    chosen: Chosen = {}
    for role, value in given.items():
        if role not in ALIASES:
            raise InputError(f"{path}: columns.{role} is not one of {[*ALIASES]}.")
        words = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
        if not words or any(word not in names for word in words):
            raise InputError(f"{path}: columns.{role} is {value!r}, but the table has {names}.")
        chosen[role] = words
    for role in ALIASES:
        if role in stated:
            chosen.pop(role, None)
            continue
        words = chosen.get(role) or named(names, role)
        if words is None and role in UNITS:
            usual = " or ".join(", ".join(words) for words in ALIASES[role][-2:])
            other = f', or state it of all, as in population={{"{role}": {EXAMPLES[role]}}}' if role in EXAMPLES else ""
            raise InputError(
                f"{path} has no column of the {role} among {names}: name it, as in {usual}, or say which it is, as in "
                f'columns={{"{role}": ...}}{other}.'
            )
        if words is not None:
            chosen[role] = words
    return chosen


def column(path: Path, table: Columns, role: str, names: tuple[str, ...], given: dict) -> np.ndarray:
    """The numbers of a role, in its unit."""
    parts = []
    for name in names:
        values = table.values[name]
        if values.dtype.kind not in "iuf":
            raise InputError(f"{path}: the column {name!r} of the {role} holds other than numbers ({values.dtype}).")
        stated = given.get(name, given.get(role, table.units.get(name)))
        if stated is None and role != "metallicity":
            raise InputError(
                f"{path} states no unit of its column {name!r}: give one in the header of the file, or as in "
                f'units={{"{role}": "{UNITS[role]}"}}.'
            )
        parts.append(converted(values.astype(np.float64), str(stated or ""), UNITS[role], f"{path}: {name}"))
    return parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)


def when(path: Path, given: object, table: Columns) -> float:
    """The redshift."""
    value = table.meta.get("redshift", 0.0) if given is None else given
    if given is None and isinstance(value, str):
        with suppress(ValueError):
            value = float(value)  # headers in YAML are texts
    return checked_redshift(value, str(path))


TABLE = Format("table", recognises, read, options=("columns", "units", "redshift", "population"))
