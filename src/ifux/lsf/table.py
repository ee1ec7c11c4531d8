"""A Gaussian line spread function whose width is a table."""

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.lsf.base import AbstractGaussianLSF
from ifux.numerics.stencil import between
from ifux.typing import real, within


def nodes(given: Sequence[float]) -> tuple[float, ...]:
    """Numbers, as JSON or an array gives them, in a form that can be compared and hashed."""
    return tuple(float(one) for one in given)


@final
class TableLSF(AbstractGaussianLSF):
    """Widths at some wavelengths, linear between them; beyond the first and the last the width is held."""

    wave: tuple[float, ...] = eqx.field(static=True, converter=nodes, metadata=within(above=0))
    """Wavelengths, increasing [angstrom, observed]."""
    fwhm: Float[Array, " node"] = eqx.field(converter=real, metadata=within(above=0))
    """Full width at half maximum at each of them [angstrom]."""
    includes_pixel: bool = eqx.field(static=True, default=False)
    """Whether the pixel is in the widths."""

    def __check_init__(self):
        if len(self.wave) < 2 or any(low >= high for low, high in pairwise(self.wave)):
            raise ValueError(f"TableLSF.wave must be two wavelengths or more that increase strictly, got {self.wave}.")
        if self.fwhm.ndim == 1 and self.fwhm.size != len(self.wave):
            raise ValueError(
                f"TableLSF.fwhm must hold a width for each of the {len(self.wave)} wavelengths, got {self.fwhm.size}."
            )

    @property
    def range(self) -> tuple[float, float]:
        """The first wavelength and the last."""
        return self.wave[0], self.wave[-1]

    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """Linear interpolation."""
        return between(wave, jnp.asarray(self.wave, wave.dtype)).gather(self.fwhm)
