"""Files of the language R, such as those that SimSpin writes: recognised, so as to say what would do, and never read.

Reading R's serialisation means rebuilding R's objects. What SimSpin makes its files of is the snapshot, which is read.
"""

import bz2
import gzip
import lzma
import zlib
from pathlib import Path

STARTS = (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"X\n\x00\x00\x00", b"A\n2\n", b"A\n3\n")
"""How R's `save` and `saveRDS` begin, uncompressed."""

OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))
"""How the three compressions of R begin, and what opens them."""


def is_rdata(path: Path) -> bool:
    """Whether the content of a file begins as R's do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(6)
    for magic, opener in OPENERS:
        if start.startswith(magic):
            try:
                with opener(path, "rb") as file:
                    start = file.read(6)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                return False
            break
    return start.startswith(STARTS)


def remedy(path: Path) -> str:
    """The sentence about such a file."""
    return (
        f"{path} is a file of the language R, as SimSpin writes them (.Rdata), which is not read: give the snapshot "
        "that make_simspin_file() was given, which is read as it is, or write star_part from R as a table with "
        "data.table::fwrite() and name its units in `units`."
    )
