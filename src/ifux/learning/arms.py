"""From the cubes of a spectrograph to one short list of numbers."""

from collections.abc import Callable
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


@final
class ArmsEncoder(eqx.Module):
    """An encoder for every arm of a spectrograph: what they tell, one after the other."""

    arms: dict[str, Callable[[Float[Array, "y x wave"]], Float[Array, " context"]]] = eqx.field(
        converter=lambda arms: dict(sorted(arms.items()))
    )
    """Such as `CubeEncoder`, by the names of the arms."""

    def __call__(self, data: dict[str, Float[Array, "_ _ _"]]) -> Float[Array, " context"]:
        """The contexts of all arms, by their names.

        Raises:
            ValueError: an arm has no cube, or a cube no arm.
        """
        if {*data} != {*self.arms}:
            raise ValueError(f"ArmsEncoder has encoders for {[*self.arms]}, and was given cubes of {sorted(data)}.")
        return jnp.concatenate([encoder(data[name]) for name, encoder in self.arms.items()])
