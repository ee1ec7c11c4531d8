"""FITS files from strangers: whole and well-formed, or one sentence."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path
from typing import Any

from astropy.io import fits

from ifux.errors import InputError
from ifux.io.files.compressed import exactly, start, unpacked
from ifux.io.files.hdf5 import regular

MAGIC = b"SIMPLE  ="
SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz")
"""How the names of FITS files end."""
BLOCK = 2880
MOST = 2**34
"""Bytes that a packed file is unpacked to, at most: it may promise more than a machine has."""
TYPES = (8, 16, 32, 64, -32, -64)
"""What BITPIX may be."""
EXTENSIONS = ("IMAGE", "TABLE", "BINTABLE", "IUEIMAGE", "A3DTABLE", "FOREIGN", "DUMP")
"""What XTENSION may be: the registered names."""


def is_fits(path: Path) -> bool:
    """Whether a file, compressed or not, begins as FITS does, or has a name that says so."""
    return path.is_file() and (path.name.lower().endswith(SUFFIXES) or start(path, len(MAGIC)) == MAGIC)


@contextmanager
def opened_fits(path: str | Path) -> Iterator[Any]:
    """The extensions of a FITS file, compressed or not.

    What is wrong with it, found then or later, becomes an `InputError` that names the file: a card that is none, an
    extension that is shorter than its header states, or something behind the last one that is no extension.
    """
    path = regular(path)
    with unpacked(path) as file:
        # astropy seeks as the headers say, for ever in a stream that is packed
        raw = file if isinstance(file, BufferedReader) else BytesIO(exactly(file, MOST))
        try:
            with warnings.catch_warnings(action="ignore"), fits.open(raw, lazy_load_hdus=False) as extensions:
                check(extensions, raw)
                yield extensions
        except InputError:
            raise
        except Exception as error:  # astropy raises exceptions of a dozen kinds over damaged bytes
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path} is truncated or damaged ({reason}): copy or make it again.") from error


def check(file: Any, raw: BufferedIOBase) -> None:
    """Raises an error unless all headers are well-formed and the bytes are those that they announce."""
    size, end = raw.seek(0, 2), 0
    for place, hdu in enumerate(file):
        cards = [(card.keyword, card.value) for card in hdu.header.cards]
        header, (keyword, kind) = dict(cards), cards[0]
        if not (isinstance(kind, bool) if keyword == "SIMPLE" else keyword == "XTENSION" and kind in EXTENSIONS):
            raise ValueError(f"extension {place} begins with {keyword} = {kind!r}")
        lengths = [header.get(f"NAXIS{axis}") for axis in range(1, int(header["NAXIS"]) + 1)]
        if header["BITPIX"] not in TYPES or not all(isinstance(length, int) and length >= 0 for length in lengths):
            raise ValueError(f"extension {place} has BITPIX = {header['BITPIX']!r} and axes {lengths}")
        if nameless := [n for n in range(1, int(header.get("TFIELDS", 0)) + 1) if f"TTYPE{n}" not in header]:
            raise ValueError(f"column {nameless[0]} of extension {place} has no name, TTYPE{nameless[0]}")
        there = hdu.fileinfo()
        if there["datLoc"] + min(hdu.size, there["datSpan"]) > size:
            raise ValueError(f"extension {place} needs {hdu.size} bytes, and {max(size - there['datLoc'], 0)} are left")
        end = there["datLoc"] + there["datSpan"]
    raw.seek(end)
    if raw.read(BLOCK).strip(b"\0 "):
        raise ValueError(f"no extension begins at byte {end}, where something is")
