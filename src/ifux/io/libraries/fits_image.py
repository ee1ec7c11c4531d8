"""The first image of a FITS file, read with care: its header may lie."""

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.compressed import exactly, unpacked
from ifux.io.files.fits import BLOCK, MAGIC

HEADER = 4096
"""Blocks of a header that are read before it counts as endless."""
LIMIT = 2**27
"""Numbers of an image."""
KINDS = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""Type of the numbers by BITPIX."""


@dataclass(frozen=True)
class Image:
    """Header and numbers."""

    path: Path
    header: fits.Header
    data: Float[np.ndarray, "..."]

    def value(self, key: str) -> object:
        """A value of the header; None where it is absent or no FITS."""
        return value(self.header, key)

    def number(self, *keys: str, default: float | None = None) -> float:
        """The number of the first keyword that is there, or the default."""
        for key in keys:
            found = self.value(key)
            if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
                return float(found)
            if found is not None:
                raise InputError(f"{self.path}: {key} is {found!r} and must be a number.")
        if default is None:
            raise InputError(f"{self.path}: the header has no {' or '.join(keys)}, which must be a number.")
        return default

    def wavelength(self) -> Float[np.ndarray, " wave"]:
        """Centres of the pixels along the first axis, which must be linear in wavelength [angstrom].

        The first pixel is the reference pixel where the header does not say which.
        """
        kind, unit = (str(self.value(key) or "").strip() for key in ("CTYPE1", "CUNIT1"))
        if "LOG" in kind.upper() or self.number("DC-FLAG", default=0) != 0:
            raise InputError(
                f"{self.path}: its wavelengths are logarithmic (CTYPE1 {kind!r}): give a file whose pixels are linear."
            )
        if unit.lower() not in ("", "angstrom", "angstroms", "a", "0.1 nm"):
            raise InputError(f"{self.path}: its wavelengths are in {unit!r} (CUNIT1) and must be in angstrom.")
        step = self.number("CDELT1", "CD1_1")
        first = self.number("CRVAL1") + (1 - self.number("CRPIX1", default=1)) * step
        if not step > 0 or not first > 0:
            raise InputError(
                f"{self.path}: its first wavelength {first:g} and step {step:g} (CRVAL1, CRPIX1, CDELT1) must be "
                "positive."
            )
        return first + step * np.arange(self.data.shape[-1])


def value(header: fits.Header, key: str) -> object:
    """A value of a header; None where it is absent, undefined or damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = header.get(key)
        except (ValueError, TypeError, KeyError, fits.VerifyError):
            return None
    return None if isinstance(found, fits.card.Undefined) else found


def read_header(path: Path) -> fits.Header:
    """The header alone."""
    with unpacked(path) as file:
        return _header(path, file)


def _header(path: Path, file: io.BufferedIOBase) -> fits.Header:
    text = bytearray()
    for _ in range(HEADER):
        block = exactly(file, BLOCK)
        text += block
        if len(block) < BLOCK:
            break
        if any(block[place : place + 80].rstrip() == b"END" for place in range(0, BLOCK, 80)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return fits.Header.fromstring(text.decode("latin-1"))
    if not text.startswith(MAGIC):
        raise InputError(f"{path} is not FITS: it begins with {bytes(text[:24])!r}.")
    raise InputError(f"{path} is truncated or damaged: its FITS header does not end.")


def read_image(path: Path) -> Image:
    """The first image of a file.

    Raises:
        InputError: the file is not FITS, is damaged, or its header promises what is not there.
    """
    with unpacked(path) as file:
        header = _header(path, file)
        kind, axes = value(header, "BITPIX"), value(header, "NAXIS")
        if not isinstance(axes, int) or not isinstance(kind, int) or kind not in KINDS:
            raise InputError(f"{path}: NAXIS is {axes!r} and BITPIX {kind!r}, which is no image.")
        lengths = [value(header, f"NAXIS{axis}") for axis in range(min(axes, 4), 0, -1)]
        sizes = [length for length in lengths if isinstance(length, int) and length > 0]
        if len(sizes) != axes or not sizes or (count := math.prod(sizes)) > LIMIT:
            raise InputError(
                f"{path}: its header promises an image of axes {lengths} (NAXIS), which is none, or beyond any library."
            )
        numbers = np.dtype(KINDS[kind])
        content = exactly(file, count * numbers.itemsize)
    if len(content) < count * numbers.itemsize:
        raise InputError(
            f"{path} is truncated, or its header lies: it promises {count} numbers of {numbers.itemsize} bytes and "
            f"{len(content)} bytes follow."
        )
    data = np.frombuffer(content, numbers).reshape(sizes).astype(np.float64)
    image = Image(path, header, data)
    scale, zero = image.number("BSCALE", default=1), image.number("BZERO", default=0)
    with np.errstate(over="ignore", invalid="ignore"):
        return image if (scale, zero) == (1, 0) else Image(path, header, data * scale + zero)
