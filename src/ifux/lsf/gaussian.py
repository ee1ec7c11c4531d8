"""A Gaussian line spread function of constant width."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.lsf.base import EVERYWHERE, AbstractGaussianLSF
from ifux.typing import real, within


@final
class GaussianLSF(AbstractGaussianLSF):
    """The same width in angstrom at all wavelengths."""

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Full width at half maximum [angstrom, observed]."""
    includes_pixel: bool = eqx.field(static=True, default=False)
    """Whether the pixel is in the width."""

    @property
    def range(self) -> tuple[float, float]:
        """All."""
        return EVERYWHERE

    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The constant."""
        return jnp.full_like(wave, self.fwhm)
