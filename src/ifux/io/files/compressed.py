"""Files that may be compressed by gzip, bzip2 or xz, read no further than they may go."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from ifux.errors import InputError

OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""How the compressions begin, and what opens them."""

PIECE = 2**24
"""Bytes that are read at a time: a file that promises more than it holds costs no more memory than it holds."""


@contextmanager
def unpacked(path: Path) -> Iterator[io.BufferedIOBase]:
    """A file as if it had never been compressed. Damage to it, found then or later, is an `InputError`."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
        opener = next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), Path.open)
        with opener(path, "rb") as file:
            yield cast(io.BufferedIOBase, file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is truncated or damaged ({reason}): copy or download it again.") from error


def exactly(file: io.BufferedIOBase, size: int) -> bytearray:
    """So many bytes, or fewer where the file ends."""
    content = bytearray()
    while len(content) < size and (piece := file.read(min(PIECE, size - len(content)))):
        content += piece
    return content


def start(path: Path, size: int) -> bytes:
    """The first bytes of a file, as if it had never been compressed; none of what is no regular, readable file."""
    try:
        with unpacked(path) as file:
            return bytes(exactly(file, size))
    except InputError:
        return b""
