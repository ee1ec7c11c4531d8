"""Records of Fortran's unformatted files: a length, so many bytes, and the length again."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ifux.errors import InputError

MARKER = 4
"""Bytes of a length."""

MOST = 256
"""Records after which a file is none that is meant."""

Record = UInt8[np.ndarray, "..."]
"""The bytes of a record, which are read from their file as they are looked at."""


def records(path: Path, order: str) -> list[Record]:
    """The records of a file, whose lengths are checked against each other and the end of the file.

    Args:
        path: File.
        order: Of its bytes, "<" or ">".
    """
    content, found, place = np.memmap(path, np.uint8, "r"), [], 0

    def marker(place: int) -> int:
        return int(content[place : place + MARKER].view(f"{order}u4")[0]) if place + MARKER <= content.size else 0

    while place < content.size:
        length = marker(place)
        end = place + MARKER + length
        if not length or end + MARKER > content.size:
            raise InputError(
                f"{path}: the record that begins at byte {place} claims {length} bytes, but {content.size - place} "
                "bytes are left: the file is truncated or damaged; copy or download it again."
            )
        if (again := marker(end)) != length:
            raise InputError(
                f"{path}: the record that begins at byte {place} claims {length} bytes at its start and {again} at "
                "its end: the file is damaged; copy or download it again."
            )
        found.append(content[place + MARKER : end])
        place = end + MARKER
        if len(found) > MOST:
            raise InputError(f"{path} has more than {MOST} records, so it is no snapshot of Gadget.")
    return found
