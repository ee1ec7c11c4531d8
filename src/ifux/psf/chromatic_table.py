"""A point spread function whose width is a table of the wavelength."""

from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF
from ifux.psf.stretched import AbstractChromaticPSF, limits
from ifux.typing import real, within


def increasing(wavelengths: Sequence[float]) -> tuple[float, ...]:
    """Numbers, as JSON gives them, in a form that can be compared and hashed."""
    return tuple(float(wavelength) for wavelength in wavelengths)


@final
class ChromaticTablePSF(AbstractChromaticPSF):
    """A PSF whose width is known at some wavelengths, as surveys state it for their bands; linear between them.

    Its nodes are as dense as its entries: few will do if the width changes as much between any two of them as between
    others. With terms it is a polynomial through the table at these, and does not see what the table does in between.
    """

    psf: AbstractKernelPSF
    """The PSF that is stretched."""
    wavelengths: tuple[float, ...] = eqx.field(static=True, converter=increasing, metadata=within(above=0))
    """Of the table, increasing [angstrom, observed]; beyond them the width stays as it is there."""
    stretches: Float[Array, " entry"] = eqx.field(converter=real, metadata=within(above=0))
    """Width at each of them over that of the PSF: a FWHM in arcsec, if that of the PSF is one arcsec."""
    band: tuple[float, float] = eqx.field(static=True, converter=limits, default=(4650.0, 9400.0))
    """First and last wavelength [angstrom, observed]; beyond them the PSF stays as it is there."""
    terms: int = eqx.field(static=True, default=4, metadata=within(least=0))
    """Number of Chebyshev points of the band; none, and every node has a kernel."""
    nodes: int = eqx.field(static=True, default=8, metadata=within(least=0))
    """Number of wavelengths between which a channel sees two; none, and it sees all terms."""

    def __check_init__(self):
        pairs = zip(self.wavelengths, self.wavelengths[1:], strict=False)
        if not self.wavelengths or not all(low < high for low, high in pairs):
            raise ValueError(f"ChromaticTablePSF.wavelengths must increase, got {self.wavelengths}.")
        if self.stretches.ndim and self.stretches.shape[-1] != len(self.wavelengths):
            raise ValueError(
                f"ChromaticTablePSF.stretches must be as many as the {len(self.wavelengths)} wavelengths, got "
                f"{self.stretches.shape[-1]}."
            )

    @property
    def landmarks(self) -> tuple[float, ...]:
        """The entries in the band, and its ends."""
        low, high = self.band
        return (low, *(wave for wave in self.wavelengths if low < wave < high), high)

    def stretch(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """Between the two entries."""
        return jnp.interp(wave, jnp.asarray(self.wavelengths, wave.dtype), self.stretches.astype(wave.dtype))
