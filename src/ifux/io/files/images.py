"""Extensions of FITS files, written a piece at a time."""

import gzip
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from jaxtyping import Shaped

from ifux.io.files.fits import BLOCK

BITS = {"float32": -32, "float64": -64, "int16": 16, "int32": 32, "int64": 64, "uint8": 8}
CHUNK = 2**24


class Extension(NamedTuple):
    """An image, made a few rows at a time."""

    cards: list[tuple]
    shape: tuple[int, ...]
    dtype: str
    rows: Callable[[int, int], Shaped[np.ndarray, "row ..."]]


def whole(cards: list[tuple], array: np.ndarray, dtype: str) -> Extension:
    """The image of an array."""
    return Extension(cards, array.shape, dtype, lambda start, stop: array[start:stop])


def table(name: str, columns: list[fits.Column], cards: list[tuple]) -> bytes:
    """A binary table as the bytes of its extension."""
    hdu, file = fits.BinTableHDU.from_columns(columns, name=name), BytesIO()
    hdu.header.extend(cards)
    hdu.writeto(file)
    # Behind a primary header, which is one block.
    return file.getvalue()[BLOCK:]


@contextmanager
def created(path: Path) -> Iterator[BufferedIOBase]:
    """A new file, whose bytes are compressed, without a date, where its name ends in .gz."""
    with path.open("xb") as file:
        if path.suffix.lower() != ".gz":
            yield file
        else:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=file, mtime=0) as packed:
                yield packed


def append(file: BufferedIOBase, image: Extension) -> None:
    """Writes an image behind what a file holds."""
    shape, dtype = image.shape, np.dtype(image.dtype)
    header = fits.Header(
        [
            ("XTENSION", "IMAGE"),
            ("BITPIX", BITS[dtype.name]),
            ("NAXIS", len(shape)),
            *((f"NAXIS{axis}", size) for axis, size in enumerate(reversed(shape), 1)),
            ("PCOUNT", 0),
            ("GCOUNT", 1),
            *image.cards,
        ]
    )
    file.write(header.tostring().encode("ascii"))
    rows = max(1, CHUNK // (dtype.itemsize * math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        part = image.rows(start, min(start + rows, shape[0]))
        file.write(np.ascontiguousarray(part, dtype.newbyteorder(">")).data)
    file.write(bytes(-math.prod(shape) * dtype.itemsize % BLOCK))
