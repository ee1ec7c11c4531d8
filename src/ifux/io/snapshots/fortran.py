"""Records of Fortran's unformatted files: a length, so many bytes, and the length again."""

from dataclasses import dataclass
from pathlib import Path

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
    place: int
    """In the file [byte]."""
    size: int
    """[byte]."""

    def numbers(self, kind: str, count: int, first: int = 0) -> Shaped[np.ndarray, " number"]:
        """Some numbers of the record, counted from its start."""
        found = np.fromfile(self.path, kind, count, offset=self.place + first * np.dtype(kind).itemsize)
        if found.size < count:
            raise InputError(f"{self.path} became shorter while it was read: copy or download it again.")
        return found


def records(path: Path, order: str) -> list[Record]:
    """The records of a file, whose lengths are checked against each other and the end of the file.

    Args:
        path: File.
        order: Of its bytes, "<" or ">".
    """
    found, place, size = [], 0, path.stat().st_size

    def marker(place: int) -> int:
        return int(Record(path, place, MARKER).numbers(f"{order}u4", 1)[0]) if place + MARKER <= size else 0

    while place < size:
        length = marker(place)
        end = place + MARKER + length
        if not length or end + MARKER > size:
            raise InputError(
                f"{path}: the record that begins at byte {place} claims {length} bytes, but {size - place} "
                "bytes are left: the file is truncated or damaged; copy or download it again."
            )
        if (again := marker(end)) != length:
            raise InputError(
                f"{path}: the record that begins at byte {place} claims {length} bytes at its start and {again} at "
                "its end: the file is damaged; copy or download it again."
            )
        found.append(Record(path, place + MARKER, length))
        place = end + MARKER
        if len(found) > MOST:
            raise InputError(f"{path} has more than {MOST} records, so it is no snapshot of Gadget.")
    return found
