"""No noise."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.noise.base import AbstractNoise


@final
class NoNoise(AbstractNoise):
    """A perfect detector."""

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """Zero."""
        return jnp.zeros_like(cube)

    def sample(self, cube: Float[Array, "*place wave"], *, key: PRNGKeyArray) -> Float[Array, "*place wave"]:
        """The cube itself."""
        return cube

    def log_prob(
        self,
        data: Float[Array, "*place wave"],
        cube: Float[Array, "*place wave"],
        *,
        mask: Bool[Array, "*place wave"] | None = None,
    ) -> Float[Array, ""]:
        """Not defined: always an error."""
        raise ValueError("NoNoise has no likelihood: give the telescope a noise stage to compare it with data.")
