"""Nothing."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.sources.base import View
from ifux.sources.component import AbstractComponent


@final
class NoComponent(AbstractComponent):
    """What has no lines, or no continuum."""

    def density(self, view: View, shift: Float[Array, ""]) -> Float[Array, " part"]:
        """None."""
        return jnp.zeros(view.sampled.size, shift.dtype)
