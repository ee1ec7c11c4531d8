"""Records of Fortran's unformatted files: a length, so many bytes, and the length again."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

from ifux.errors import InputError

MARKER = 4
"""Bytes of a length."""

MOST = 256
"""Records after which a file is none that is meant."""


@dataclass(frozen=True)
class Record:
    """Where the bytes of a record are, not yet read."""

    path: Path
    start: int
    """Place in the file [byte]."""
    length: int
    """[byte]."""

    def numbers(self, dtype: np.dtype, first: int, count: int, name: str) -> Shaped[np.ndarray, " number"]:
        """Some numbers of the record, counted from its start."""
        if (first + count) * dtype.itemsize > self.length or min(first, count) < 0:
            raise InputError(f"{self.path}: the block {name} has {self.length} bytes, fewer than its particles need.")
        try:
            found = np.fromfile(self.path, dtype, count, offset=self.start + first * dtype.itemsize)
        except MemoryError as error:
            raise InputError(f"{self.path}: {count} numbers of the block {name} do not fit into memory.") from error
        if found.size < count:
            raise InputError(f"{self.path} became shorter while it was read.")
        return found.astype(dtype.newbyteorder("="))


def records(path: Path, order: str) -> list[Record]:
    """The records of a file, whose lengths are checked against each other and the end of the file.

    Args:
        path: File.
        order: Of its bytes, "<" or ">".
    """
    size, found, place = path.stat().st_size, [], 0
    with path.open("rb") as file:
        while place < size:
            length = marker(file, place, order)
            end = place + MARKER + (length or 0)
            if not length or end + MARKER > size:
                raise InputError(
                    f"{path}: the record that begins at byte {place} claims {length} bytes, but {size - place} bytes "
                    "are left: the file is truncated or damaged; copy or download it again."
                )
            if (again := marker(file, end, order)) != length:
                raise InputError(
                    f"{path}: the record that begins at byte {place} claims {length} bytes at its start and {again} at "
                    "its end: the file is damaged; copy or download it again."
                )
            found.append(Record(path, place + MARKER, length))
            place = end + MARKER
            if len(found) > MOST:
                raise InputError(f"{path} has more than {MOST} records, so it is no snapshot of Gadget.")
    return found


def marker(file: BinaryIO, place: int, order: str) -> int | None:
    """The length at a place; None where the file ends."""
    file.seek(place)
    bytes_ = file.read(MARKER)
    return struct.unpack(f"{order}I", bytes_)[0] if len(bytes_) == MARKER else None
