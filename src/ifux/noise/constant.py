"""Noise of one level."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.noise.base import AbstractGaussianNoise
from ifux.typing import real, within


@final
class ConstantNoise(AbstractGaussianNoise):
    """The same noise in every voxel, as under a bright sky."""

    level: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Standard deviation [1e-20 erg/s/cm2/angstrom]."""

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """The squared level."""
        return jnp.full_like(cube, self.level**2)
