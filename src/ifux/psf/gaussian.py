"""A Gaussian point spread function."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF
from ifux.typing import real


@final
class GaussianPSF(AbstractKernelPSF):
    r"""A Gaussian: $P(r) = \exp(-r^2 / 2\sigma^2) / 2\pi\sigma^2$ with $\mathrm{FWHM} = \sigma \sqrt{8 \ln 2}$."""

    fwhm: Float[Array, ""] = eqx.field(converter=real)
    """Full width at half maximum [arcsec]."""
    reach: int = eqx.field(static=True, default=16)
    """Half-size of the sampled kernel [spaxel]."""

    def __check_init__(self):
        if self.reach < 1:
            raise ValueError(f"GaussianPSF.reach must be at least one spaxel, got {self.reach}.")

    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        """The Gaussian."""
        variance = self.fwhm**2 / (8 * math.log(2))
        return jnp.exp(-0.5 * square / variance) / (2 * math.pi * variance)
