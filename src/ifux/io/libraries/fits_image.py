"""The first image of a FITS file, as spectra."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.fits import opened_fits

LIMIT = 2**27
"""Numbers of an image."""


@dataclass(frozen=True)
class Image:
    """Header and numbers."""

    path: Path
    header: fits.Header
    data: Float[np.ndarray, "..."]

    def value(self, key: str) -> object:
        """A value of the header; None where it is absent or undefined."""
        found = self.header.get(key)
        return None if isinstance(found, fits.card.Undefined) else found

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


def read_image(path: Path) -> Image:
    """The first image of a file.

    Raises:
        InputError: the file is not FITS, is damaged, or holds no image that a library can have.
    """
    with opened_fits(path) as file:
        shape = file[0].shape
        if not 0 < math.prod(shape) <= LIMIT or not shape:
            raise InputError(f"{path}: its first image has the shape {shape}, which is none, or beyond any library.")
        return Image(path, file[0].header, file[0].data.astype(np.float64))
