"""Gadget's binary snapshots, of format 1 (blocks without names) and 2 (with), of both byte orders, in one file or many.

A file is a header of 256 bytes and a record for each block, with the particles in the order of their types. Each block
of floats is single or double precision, identifiers are of 32 or 64 bits, as the length of the record tells.

    all types       POS, VEL, ID, MASS (of the types whose mass the header does not give), POT
    gas             U, RHO, NE, NH, HSML, SFR
    stars           AGE (time of formation), Z (of gas and stars)

Format 1 names nothing: its blocks are taken in this order, those of the gas as the flags of the header announce them,
and reading stops with a note at the first block of another length. Of a snapshot in many files (`snap.0`, `snap.1`,
...) any one stands for all, which lie beside it.

Units and options are those of `ifux.io.snapshots.gadget`.

References: Springel (2005), MNRAS 364, 1105; https://wwwmpa.mpa-garching.mpg.de/gadget/users-guide.pdf, section 6.
"""

import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ifux.errors import InputError
from ifux.io.files.format import Format
from ifux.io.files.hdf5 import regular
from ifux.io.snapshots.fortran import Record, records
from ifux.io.snapshots.gadget import GAS, OPTIONS, STARS, Header, Raw, assembled, together
from ifux.io.snapshots.many_files import siblings
from ifux.io.snapshots.populations import SPECIES
from ifux.io.snapshots.snapshot import Snapshot

HEADER = np.dtype(
    [
        ("counts", "6i4"), ("masses", "6f8"), ("time", "f8"), ("redshift", "f8"), ("forming", "i4"), ("feedback", "i4"),
        ("totals", "6u4"), ("cooling", "i4"), ("files", "i4"), ("box", "f8"), ("matter", "f8"), ("vacuum", "f8"),
        ("hubble", "f8"), ("aged", "i4"), ("metals", "i4"), ("high", "6u4"), ("entropy", "i4"),
    ]
)  # fmt: skip
"""What stands in the header: flags are whole numbers by the name of what they announce."""

SIZE = 256
"""Bytes of the header."""

ALL = tuple(range(len(SPECIES)))

ROLES = {
    "POS": ("position", 3),
    "VEL": ("velocity", 3),
    "ID": ("ids", 1),
    "MASS": ("mass", 1),
    "U": ("internal_energy", 1),
    "RHO": ("density", 1),
    "NE": ("electron_abundance", 1),
    "HSML": ("smoothing_length", 1),
    "SFR": ("star_formation_rate", 1),
    "AGE": ("formation", 1),
    "Z": ("metallicity", 1),
    "POT": ("potential", 1),
}
"""What a block means, and how many numbers it has a particle."""


@dataclass(frozen=True)
class Block:
    """A record that is understood."""

    record: Record
    kind: str
    """Of its numbers, as NumPy names it."""
    width: int
    """Numbers of a particle."""
    species: tuple[int, ...]
    """Particle types in it, in their order."""


@dataclass(frozen=True)
class Part:
    """One file of a snapshot."""

    header: Header
    files: int
    """Files of the snapshot."""
    blocks: dict[str, Block]
    """By role."""
    notes: tuple[str, ...]

    def column(self, role: str, species: int) -> np.ndarray | None:
        """The numbers of a role for a particle type."""
        block = self.blocks.get(role)
        if block is None or species not in block.species:
            return None
        before = sum(self.header.counts[other] for other in block.species if other < species)
        count, width = self.header.counts[species], block.width
        values = block.record.numbers(block.kind, count * width, before * width)
        return values.reshape(-1, width) if width > 1 else values


def beginning(path: Path) -> tuple[str, int] | None:
    """Byte order and format of a snapshot by how it begins; None of anything else."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(20)
    for order in "<>":
        if start[:4] == struct.pack(f"{order}I", SIZE):
            return order, 1
        if start[:8] == struct.pack(f"{order}I", 8) + b"HEAD" and start[16:20] == struct.pack(f"{order}I", SIZE):
            return order, 2
    return None


def recognises(path: Path) -> bool:
    """A record of the length of the header, or the label of one."""
    return beginning(path) is not None


def read(path: Path, **options) -> Snapshot:
    """The particle types of a snapshot that are stars, and its gas."""
    parts = [part_of(file) for file in files_of(path)]
    first = parts[0]
    header = replace(first.header, counts=tuple(sum(part.header.counts[number] for part in parts) for number in ALL))

    def column(role: str, species: int) -> np.ndarray | None:
        return together([part.column(role, species) for part in parts if part.header.counts[species]])

    notes = [note for part in parts for note in part.notes]
    if len(parts) > 1:
        notes.append(f"the snapshot was put together from {len(parts)} files beside {path.name}")
    elif first.files > 1:
        notes.append(f"the header speaks of a snapshot of {first.files} files: only this one was read")
    return assembled(Raw(path, "gadget", header, column, tuple(dict.fromkeys(notes))), **options)


def files_of(path: Path) -> list[Path]:
    """The files of a snapshot: those beside one whose name ends in its number, or the file alone."""
    total = int(header_of(path)[2]["files"])
    match = re.fullmatch(r"(.+\.)(\d+)", path.name)
    if total < 2 or match is None:
        return [path]
    if int(match[2]) >= total:
        raise InputError(f"{path}: the header speaks of a snapshot of {total} files: the file is damaged or renamed.")
    return siblings(path, match[1], "", total)


def header_of(path: Path) -> tuple[str, int, np.void]:
    """Byte order, format, and what the header says."""
    start = beginning(regular(path))
    if start is None:
        raise InputError(f"{path} is no binary snapshot of Gadget: it does not begin with a header of {SIZE} bytes.")
    order, kind = start
    with path.open("rb") as file:
        file.seek(4 if kind == 1 else 20)
        content = file.read(HEADER.itemsize)
    if len(content) < HEADER.itemsize:
        raise InputError(f"{path} ends inside its header: the file is truncated; copy or download it again.")
    said = np.frombuffer(content, HEADER.newbyteorder("<" if order == "<" else ">"))[0]
    if said["counts"].min() < 0:
        counts = (*said["counts"].tolist(),)
        raise InputError(f"{path}: the header counts {counts} particles: the file is damaged, or no snapshot.")
    return order, kind, said


def part_of(path: Path) -> Part:
    """A file whose blocks have been found, and not yet read."""
    order, kind, said = header_of(path)
    found = records(path, order)
    numbers = {name: float(said[name]) for name in ("time", "redshift", "box", "matter", "vacuum", "hubble")}
    header = Header((*said["counts"].tolist(),), (*said["masses"].tolist(),), **numbers)
    header.check(str(path))
    named, notes = labelled(path, found) if kind == 2 else unlabelled(found, header, said)
    blocks: dict[str, Block] = {}
    itemsize = None
    for label, record in named.items():
        if label not in ROLES:
            continue
        role, width = ROLES[label]
        block = block_of(label, width, record, order, itemsize, header)
        if block is None and label in ("POS", "VEL", "ID", "MASS"):
            raise InputError(
                f"{path}: the block {label} has {record.size} bytes, which does not fit the {header.counts} "
                "particles that the header counts."
            )
        if block is None:
            notes.append(f"the block {label} of {record.size} bytes fits no particle types and was not read")
            continue
        if label == "POS":
            itemsize = np.dtype(block.kind).itemsize
        blocks[role] = block
    return Part(header, int(said["files"]), blocks, tuple(notes))


def labelled(path: Path, found: list[Record]) -> tuple[dict[str, Record], list[str]]:
    """Records of format 2 by the name that the record before each gives it."""
    named: dict[str, Record] = {}
    for label, record in zip(found[::2], found[1::2], strict=False):
        if label.size != 8:
            raise InputError(
                f"{path}: the record before a block has {label.size} bytes, not the 8 of a name of format 2."
            )
        word = label.numbers("u1", 4).tobytes().decode("latin-1").strip("\0 ")
        if word in named:
            raise InputError(f"{path} has two blocks {word!r}: the file is damaged, or no snapshot.")
        named[word] = record
    return named, []


def unlabelled(found: list[Record], header: Header, said: np.void) -> tuple[dict[str, Record], list[str]]:
    """Records of format 1 by what they must be."""
    counts = header.counts
    order = ["HEAD", "POS", "VEL", "ID"]
    if any(count and not mass for count, mass in zip(counts, header.masses, strict=True)):
        order.append("MASS")
    if counts[GAS]:
        order += ["U", "RHO", *["NE", "NH"] * bool(said["cooling"]), "HSML", *["SFR"] * bool(said["forming"])]
    if counts[STARS] and said["aged"]:
        order.append("AGE")
    if said["metals"] and counts[GAS] + counts[STARS]:
        order.append("Z")
    named, bytes_ = {}, (4, 8)
    for label, record in zip(order, found, strict=False):
        if label not in ("HEAD", "POS", "VEL", "ID", "MASS"):
            species = {"AGE": (STARS,), "Z": (GAS, STARS)}.get(label, (GAS,))
            if record.size not in [size * sum(counts[number] for number in species) for size in bytes_]:
                break
        named[label] = record
    rest = len(found) - len(named)
    return named, [f"{rest} blocks without names after {[*named][-1]} were not read"] if rest > 0 else []


def block_of(label: str, width: int, record: Record, order: str, itemsize: int | None, header: Header) -> Block | None:
    """Precision and particle types of a record, as its length tells; None if it tells nothing that can be."""
    counts = header.counts
    everything = tuple(number for number in ALL if counts[number])
    gas, stars = (tuple(number for number in only if counts[number]) for only in ((GAS,), (STARS,)))
    weighed = tuple(number for number in everything if not header.masses[number])
    candidates = {"MASS": [weighed], "AGE": [stars], "Z": [gas + stars, stars, gas]}
    candidates |= {name: [everything] for name in ("POS", "VEL", "ID", "POT")}
    kind = "u" if label == "ID" else "f"
    for size in (4, 8) if itemsize in (None, 4) else (8, 4):
        for species in candidates.get(label, [gas]):
            count = sum(counts[number] for number in species)
            if count and record.size == count * width * size:
                return Block(record, f"{order}{kind}{size}", width, species)
    return None


GADGET = Format("gadget", recognises, read, options=OPTIONS)
