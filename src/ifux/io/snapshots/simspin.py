"""Files of SimSpin, in R's serialisation (.Rdata): a list whose `star_part` is a table of stars.

    x, y, z       [kpc, physical], centred, and of simulations turned to their principal axes by SimSpin
    vx, vy, vz    [km/s]
    Initial_Mass  as formed [solar mass]; of N-body particles SimSpin takes half of their mass
    Age           at the time of the snapshot [Gyr]
    Metallicity   mass fraction
    ID            identifiers

Read through rdata, an extra: `pip install ifux[simspin]`. R's objects are walked through, and none is built. The file
keeps neither redshift nor cosmology: the option `redshift` states the former, and the snapshot that
make_simspin_file() was given tells both, and of the gas.

References: Harborne et al. (2020), PASA 37, e016; https://github.com/kateharborne/SimSpin.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ifux.errors import InputError
from ifux.io.files.compressed import start
from ifux.io.files.format import Format
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.table_files import Columns, reading
from ifux.io.snapshots.tables import stars_of

STARTS = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"X\n\x00\x00\x00", b"A\n2\n", b"A\n3\n")
"""How R's `save` and `saveRDS` begin, uncompressed."""

UNITS = dict.fromkeys("xyz", "kpc") | {f"v{axis}": "km/s" for axis in "xyz"} | {"Initial_Mass": "Msun", "Age": "Gyr"}


def recognises(path: Path) -> bool:
    """Whether the content of a file begins as R's do."""
    return path.is_file() and start(path, 6).startswith(STARTS)


def read(path: Path, *, units: object = None, redshift: object = None) -> Snapshot:
    """The stars."""
    try:
        from rdata import parser
    except ImportError as error:
        raise InputError(f"{path} is read through rdata: install it with `pip install ifux[simspin]`.") from error
    with reading(path, "R's serialisation"):
        whole = members(parser.parse_file(path).object)
        if "star_part" not in whole:  # from `save` rather than `saveRDS`: a variable that is the list
            whole = next((inner for item in whole.values() if "star_part" in (inner := members(item))), whole)
        if "star_part" not in whole:
            raise InputError(f"{path} is R's, but not SimSpin's: it holds {[*whole]}, and no star_part.")
        table = {name: np.asarray(column.value) for name, column in members(whole["star_part"]).items()}
        words = {name: text for name, item in members(whole.get("header")).items() if (text := first_text(item))}
    if not any(name in table for name in ("Age", "Initial_Mass")):
        raise InputError(f"{path}: star_part has {[*table]}, so it holds no stars with ages: make it of a snapshot.")
    snapshot = stars_of(path, Columns(table, UNITS), "simspin", units=units, redshift=redshift)
    notes = [f"made by {words['Origin']}"] if "Origin" in words else []
    if words.get("Type") == "nbody":
        notes.append("masses as formed are half of those of the N-body particles, as SimSpin takes them")
    if members(whole.get("gas_part")):
        notes.append("the gas of the file is not read: give the snapshot that it was made of")
    return snapshot.noted(*notes)


def members(item: Any) -> dict[str, Any]:
    """The entries of a list of R's by their names, be it one of values or of pairs; none of anything else."""
    from rdata.parser import RObjectType

    if item is None:
        return {}
    if item.info.type is RObjectType.LIST:
        found = {}
        while item.info.type is RObjectType.LIST:
            found[symbol(item.tag)] = item.value[0]
            item = item.value[1]
        return found
    if item.info.type is not RObjectType.VEC or item.attributes is None:
        return {}
    names = members(item.attributes).get("names")
    words = [] if names is None else [name.value.decode(errors="replace") for name in names.value]
    return dict(zip(words, item.value, strict=True))


def symbol(tag: Any) -> str:
    """The name in the tag of a pair, which may refer to one before it."""
    while tag is not None and not isinstance(tag.value, bytes):
        tag = tag.referenced_object if tag.referenced_object is not None else tag.value
    return "" if tag is None else tag.value.decode(errors="replace")


def first_text(item: Any) -> str:
    """The first text of a vector of them; none of anything else."""
    values = item.value if isinstance(item.value, list) and item.value else [None]
    text = getattr(values[0], "value", None)
    return text.decode(errors="replace") if isinstance(text, bytes) else ""


SIMSPIN = Format("simspin", recognises, read, options=("units", "redshift"))
