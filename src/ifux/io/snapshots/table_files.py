"""Tables of any program: columns with units, from ECSV, CSV, FITS, Parquet and plain text, as data and nothing else.

Headers in YAML, as astropy puts them into ECSV and Parquet, are read here, because astropy would build whatever objects
they ask for: these may be arrays whose content is taken for addresses in memory. Only names and units are taken, by a
loader that builds nothing but texts, lists and tables, whatever their tags are.
"""

import json
import re
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml
from astropy.io import fits

from ifux.errors import InputError
from ifux.io.files.fits import is_fits, opened_fits

HEAD = 2**20
"""Bytes of a text in which its header must end."""

REMARKS = "#%!"
"""What comments in plain columns begin with."""

FEWEST, SOME = 7, 100
"""Plain columns that stars need, and lines that are looked at."""

IN_NAME = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\[\]()]*(?:\([^()]*\)[^\[\]()]*)*)[\])]\s*")
"""A unit in the name of a column, as in `mass [Msun]` or `vx (km/s)`."""


@dataclass(frozen=True)
class Columns:
    """A table: its columns, of which one may be a row of numbers a particle, and what it says of itself."""

    values: dict[str, np.ndarray]
    units: dict[str, str]
    """Of those columns that state one."""
    meta: dict[str, Any] = field(default_factory=dict)


@contextmanager
def reading(path: Path, kind: str):
    """Whatever a table trips over, as one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: the table does not fit into memory.") from error
    except Exception as error:  # astropy and pyarrow raise exceptions of many kinds over damaged bytes
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} cannot be read as {kind}, so it is damaged or no such table: {reason}.") from error


def kind_of(path: Path) -> str | None:
    """The kind of a table by how it begins, or for CSV by its name; None of anything else."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(16)
    for magic, kind in ((b"# %ECSV", "ECSV"), (b"PAR1", "Parquet")):
        if start.startswith(magic):
            return kind
    if is_fits(path):
        return "FITS"
    if path.suffix.lower() == ".csv":
        return "CSV"
    return "text" if plain_start(path) is not None else None


def plain_start(path: Path) -> tuple[int, list[str]] | None:
    """Lines before the numbers of plain columns, and the names of the columns; None of anything else.

    Columns of a particle are seven or more, as many in each line. Lines that begin with #, % or ! are comments.
    """
    with path.open("rb") as file:
        start = file.read(HEAD)
    if not start.isascii() or b"\0" in start:
        return None
    lines = start.decode().splitlines()[: -1 if len(start) == HEAD else None]
    rows = [
        (place, line.split()) for place, line in enumerate(lines) if line.strip() and line.strip()[0] not in REMARKS
    ]
    if rows and not numeric(rows[0][1]):
        words, rows = rows[0][1], rows[1:]
    else:
        said = [line.strip().lstrip(REMARKS).split() for line in lines[: rows[0][0] if rows else 0]]
        words = next((line for line in reversed(said) if line), [])
    if not rows or len(rows[0][1]) < FEWEST:
        return None
    if any(len(row) != len(rows[0][1]) or not numeric(row) for _, row in rows[:SOME]):
        return None
    width = len(rows[0][1])
    return rows[0][0], words if len(words) == width else [f"col{place}" for place in range(1, width + 1)]


def numeric(words: list[str]) -> bool:
    """Whether all words are numbers."""
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


def read_text(path: Path) -> Columns:
    """Plain columns of numbers between blanks; units stand in their names, if anywhere."""
    skipped, words = plain_start(path) or (0, [])
    numbers = np.loadtxt(path, comments=[*REMARKS], skiprows=skipped, ndmin=2, encoding="ascii")
    named = [split_name(word) for word in words]
    values = {name: numbers[:, place] for place, (name, _) in enumerate(named)}
    return Columns(values, {name: unit for name, unit in named if unit is not None})


def fits_names(path: Path) -> list[str]:
    """Names of the columns of the first table of a FITS file; none where there is none that can be read."""
    try:
        with opened_fits(path) as file:
            return list(fits_table(file, path).columns.names)
    except InputError:
        return []


def read_columns(path: Path) -> Columns:
    """The whole table."""
    kind = kind_of(path)
    if kind is None:
        raise InputError(
            f"{path} is no table: ECSV, Parquet and FITS are known by how they begin, CSV by its name, "
            "and plain columns by seven numbers or more in each line."
        )
    with reading(path, kind):
        return READERS[kind](path)


def split_name(name: str) -> tuple[str, str | None]:
    """A name and the unit in it."""
    match = IN_NAME.fullmatch(name.strip())
    return (match["name"].strip(), match["unit"].strip()) if match and match["name"] else (name.strip(), None)


def read_csv(path: Path) -> Columns:
    """Columns with their units in their names, between commas; lines that begin with # are left out."""
    from astropy.io import ascii as astropy_ascii

    table: Any = astropy_ascii.read(str(path), format="csv", guess=False, comment="#", fast_reader=True)
    values, units = {}, {}
    for whole in table.colnames:
        name, unit = split_name(whole)
        values[name] = filled(table[whole])
        if unit is not None:
            units[name] = unit
    return Columns(values, units)


def ecsv_header(path: Path) -> dict:
    """The header as plain data."""
    with path.open("rb") as file:
        lines = file.read(HEAD).decode("utf-8", errors="replace").splitlines()
    text = "\n".join(line[2:] for line in takewhile(lambda line: line.startswith("#"), lines[1:]))
    try:
        header = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: the header is no YAML as ECSV has it ({' '.join(str(error).split())[:200]})."
        ) from error
    if not isinstance(header, Mapping) or not isinstance(header.get("datatype"), list):
        raise InputError(f"{path}: the header of an ECSV file has a list `datatype` of its columns.")
    return dict(header)


def read_ecsv(path: Path) -> Columns:
    """Columns with units in the header.

    References: https://github.com/astropy/astropy-APEs/blob/main/APE6.rst.
    """
    from astropy.io import ascii as astropy_ascii

    header = ecsv_header(path)
    delimiter = header.get("delimiter", " ")
    if delimiter not in (" ", ","):
        raise InputError(f"{path}: columns of ECSV are between blanks or commas, not {delimiter!r}.")
    table: Any = astropy_ascii.read(str(path), format="basic", guess=False, delimiter=delimiter, comment="#")
    entries = [entry for entry in header["datatype"] if isinstance(entry, Mapping)]
    names = [str(entry.get("name")) for entry in entries]
    if names != table.colnames:
        raise InputError(f"{path}: the header names the columns {names}, but the table has {table.colnames}.")
    values = {}
    for entry, name in zip(entries, names, strict=True):
        rows = re.fullmatch(r"(float|int)\d+\[(\d+)\]", str(entry.get("subtype", "")))
        values[name] = rows_of_json(table[name], int(rows[2]), path) if rows else filled(table[name])
    units = {name: str(entry["unit"]) for entry, name in zip(entries, names, strict=True) if "unit" in entry}
    return Columns(values, units, facts(header.get("meta")))


def rows_of_json(column: Any, width: int, path: Path) -> np.ndarray:
    """A column of rows such as [1.0, 2.0, 3.0]."""
    rows = [json.loads(str(cell)) for cell in column]
    if any(not isinstance(row, list) or len(row) != width for row in rows):
        raise InputError(f"{path}: the column {column.name!r} has rows of other than {width} numbers.")
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def fits_table(file: Any, path: Path) -> Any:
    """The first table."""
    found: Any = next((hdu for hdu in file if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)), None)
    if found is None:
        raise InputError(f"{path} holds no table among its {len(file)} extensions.")
    if type(found) is not fits.BinTableHDU and type(found) is not fits.TableHDU:
        raise InputError(
            f"{path}: the table is of the kind {type(found).__name__}, which is not read: write a plain one."
        )
    return found


def read_fits(path: Path) -> Columns:
    """The first table of a FITS file, its units from TUNIT."""
    with opened_fits(path) as file:
        table, first = fits_table(file, path), cast(Any, file[0])
        values = {str(column.name): filled(table.data.field(column.name)) for column in table.columns}
        units = {str(column.name): str(column.unit) for column in table.columns if column.unit}
        headers = {**first.header, **table.header}
        return Columns(values, units, facts({key: value for key, value in headers.items() if key}))


def read_parquet(path: Path) -> Columns:
    """Columns with units as astropy writes them, or in the metadata `unit` of a field, or in its name."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs pyarrow: install it with `pip install ifux[tables]`.") from error
    table = parquet.read_table(path, use_threads=False)
    values, units, meta = {}, {}, {}
    written = (table.schema.metadata or {}).get(b"table_meta_yaml")
    if written is not None:
        header = yaml.load(written.decode("utf-8", errors="replace"), Loader=yaml.BaseLoader)
        if isinstance(header, Mapping):
            entries = [entry for entry in header.get("datatype") or [] if isinstance(entry, Mapping)]
            units |= {
                str(entry["name"]): str(entry["unit"]) for entry in entries if "unit" in entry and "name" in entry
            }
            meta = facts(header.get("meta"))
    for entry in table.schema:
        name, unit = split_name(entry.name)
        stated = (entry.metadata or {}).get(b"unit")
        values[name] = of_arrow(table.column(entry.name))
        if stated is not None:
            units[name] = stated.decode("utf-8", errors="replace")
        elif unit is not None:
            units[name] = unit
    return Columns(values, units, meta)


def of_arrow(column: Any) -> np.ndarray:
    """Numbers of a column, rows of them where it has lists; of other content its kind, which is no number."""
    from pyarrow import types

    kind = column.type
    if types.is_list(kind) or types.is_fixed_size_list(kind) or types.is_large_list(kind):
        count, flat = len(column), column.combine_chunks().flatten()
        rows = of_arrow(flat)
        return rows.reshape(count, -1) if count and rows.size % count == 0 else rows
    if not (types.is_integer(kind) or types.is_floating(kind)):
        return np.full(len(column), str(kind))
    return np.array(column.to_numpy(zero_copy_only=False))


def filled(column: Any) -> np.ndarray:
    """Numbers, those that are missing as NaN; other content as it is."""
    values: Any = np.ma.asarray(column)
    if values.dtype.kind not in "iuf":
        return np.asarray(values.astype(str)) if values.dtype.kind in "USb" else np.full(values.shape, "objects")
    if not np.ma.is_masked(values):
        return np.asarray(values.data).astype(values.dtype.newbyteorder("="))
    return values.astype(np.float64).filled(np.nan)


def facts(meta: Any) -> dict[str, Any]:
    """What a table says of itself, by names in small letters."""
    entries = meta if isinstance(meta, list) else [meta]
    found: dict[str, Any] = {}
    for entry in entries:
        pairs = entry.items() if isinstance(entry, Mapping) else [entry] if isinstance(entry, tuple) else []
        for key, value in (pair for pair in pairs if len(pair) == 2):
            found[str(key).lower()] = value
    return found


READERS = {"CSV": read_csv, "ECSV": read_ecsv, "FITS": read_fits, "Parquet": read_parquet, "text": read_text}
