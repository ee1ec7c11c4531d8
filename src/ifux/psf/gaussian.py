"""A Gaussian point spread function."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF, resolved
from ifux.typing import real, within

POINT = "a narrow-gaussian of zero puts all light of a star into the spaxel that holds it"


@final
class GaussianPSF(AbstractKernelPSF):
    r"""A Gaussian: $P(r) = \exp(-r^2 / 2\sigma^2) / 2\pi\sigma^2$ with $\mathrm{FWHM} = \sigma \sqrt{8 \ln 2}$.

    One that is no wider than a spaxel is better a `NarrowGaussianPSF`, and a description makes it one.
    """

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0, instead=POINT))
    """Full width at half maximum [arcsec]."""
    reach: int = eqx.field(static=True, default=16, metadata=within(above=0))
    """Half-size of the sampled kernel [cell]."""

    @property
    def margin(self) -> int:
        """The reach of the kernel."""
        return self.reach

    def sharpest(self) -> float:
        """The width."""
        return abs(float(self.fwhm))

    def radius(self, lost: float) -> float:
        r"""Where $\exp(-r^2 / 2\sigma^2)$ is the share."""
        return self.sharpest() * math.sqrt(math.log(1 / lost) / (4 * math.log(2)))

    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """The Gaussian; the sign of the width is of no account."""
        square, variance = east**2 + north**2, resolved(self.fwhm) ** 2 / (8 * math.log(2))
        return jnp.exp(-0.5 * square / variance) / (2 * math.pi * variance)
