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
def reading(path: Path, how: str):
    """Whatever a reader trips over, as one sentence."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory.") from error
    except Exception as error:  # astropy, pyarrow and pynbody raise exceptions of many kinds over damaged bytes
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{path} cannot be read {how}, so it is damaged or no such file: {reason}.") from error


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
    return with_names({word: numbers[:, place] for place, word in enumerate(words)})


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
    with reading(path, f"as {kind}"):
        return READERS[kind](path)


def with_names(columns: Mapping[str, np.ndarray]) -> Columns:
    """Columns whose units stand in their names, if anywhere."""
    matches = {name: IN_NAME.fullmatch(name.strip()) for name in columns}
    named = {name: match["name"].strip() for name, match in matches.items() if match and match["name"]}
    units = {word: matches[name]["unit"].strip() for name, word in named.items()}  # pyright: ignore[reportOptionalSubscript]
    return Columns({named.get(name, name.strip()): values for name, values in columns.items()}, units)


def read_csv(path: Path) -> Columns:
    """Columns with their units in their names, between commas; lines that begin with # are left out."""
    from astropy.io import ascii as astropy_ascii

    table: Any = astropy_ascii.read(str(path), format="csv", guess=False, comment="#", fast_reader=True)
    return with_names({name: filled(table[name]) for name in table.colnames})


def described(text: str) -> tuple[dict[str, Any], dict[str, Mapping], dict[str, str]]:
    """A header in YAML as plain data; what it says of each column, and the units among that."""
    header = yaml.load(text, Loader=yaml.BaseLoader)
    if not isinstance(header, Mapping) or not isinstance(header.get("datatype"), list):
        raise ValueError("its header has no list `datatype` of its columns")
    entries = {str(entry.get("name")): entry for entry in header["datatype"] if isinstance(entry, Mapping)}
    return dict(header), entries, {name: str(entry["unit"]) for name, entry in entries.items() if "unit" in entry}


def read_ecsv(path: Path) -> Columns:
    """Columns with units in the header.

    References: https://github.com/astropy/astropy-APEs/blob/main/APE6.rst.
    """
    from astropy.io import ascii as astropy_ascii

    with path.open("rb") as file:
        lines = file.read(HEAD).decode("utf-8", errors="replace").splitlines()
    comments = takewhile(lambda line: line.startswith("#"), lines[1:])
    header, entries, units = described("\n".join(line[2:] for line in comments))
    delimiter = header.get("delimiter", " ")
    if delimiter not in (" ", ","):
        raise InputError(f"{path}: columns of ECSV are between blanks or commas, not {delimiter!r}.")
    table: Any = astropy_ascii.read(str(path), format="basic", guess=False, delimiter=delimiter, comment="#")
    if [*entries] != table.colnames:
        raise InputError(f"{path}: the header names the columns {[*entries]}, but the table has {table.colnames}.")
    values = {}
    for name, entry in entries.items():
        rows = re.fullmatch(r"(float|int)\d+\[(\d+)\]", str(entry.get("subtype", "")))
        values[name] = rows_of_json(table[name], int(rows[2]), path) if rows else filled(table[name])
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
    found = with_names({entry.name: of_arrow(table.column(entry.name)) for entry in table.schema})
    if (written := (table.schema.metadata or {}).get(b"table_meta_yaml")) is not None:
        header, _, units = described(written.decode("utf-8", errors="replace"))
        found.units.update(units)
        found.meta.update(facts(header.get("meta")))
    for name, entry in zip(found.values, table.schema, strict=True):
        if stated := (entry.metadata or {}).get(b"unit"):
            found.units[name] = stated.decode("utf-8", errors="replace")
    return found


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
