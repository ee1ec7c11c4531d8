"""The noise that a file states."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.noise.base import AbstractGaussianNoise
from ifux.typing import real


@final
class RecordedNoise(AbstractGaussianNoise):
    """Normal noise of a known variance, whatever the light: that of data that were taken.

    Where the variance is not a number there are no data: a sample is none there. A likelihood leaves out what is masked
    or, without a mask, not a number in the data.
    """

    recorded: Float[Array, "*part"] = eqx.field(converter=real)
    """Of every element of the focal plane and every channel, or of every channel [(1e-20 erg/s/cm2/angstrom)^2]."""

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """As recorded.

        Raises:
            ValueError: the cube is of another shape.
        """
        shape = self.recorded.shape
        if shape != cube.shape[cube.ndim - len(shape) :]:
            raise ValueError(f"RecordedNoise has variances of shape {shape}, and not {cube.shape}.")
        return jnp.broadcast_to(self.recorded.astype(cube.dtype), cube.shape)
