"""No noise."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.noise.base import AbstractNoise


@final
class NoNoise(AbstractNoise):
    """A perfect detector."""

    def variance(self, cube: Float[Array, "y x wave"]) -> Float[Array, "y x wave"]:
        """Zero."""
        return jnp.zeros_like(cube)

    def sample(self, cube: Float[Array, "y x wave"], *, key: PRNGKeyArray) -> Float[Array, "y x wave"]:
        """The cube itself."""
        return cube

    def log_prob(
        self,
        data: Float[Array, "y x wave"],
        cube: Float[Array, "y x wave"],
        *,
        mask: Bool[Array, "y x wave"] | None = None,
    ) -> Float[Array, ""]:
        """Not defined: always an error."""
        raise ValueError("NoNoise has no likelihood: give the telescope a noise stage to compare it with data.")
