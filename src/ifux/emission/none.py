"""No emission."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.emission.base import AbstractEmission
from ifux.emission.lines import Line
from ifux.particles import Gas, Particles


@final
class NoEmission(AbstractEmission):
    """Gas that is dark."""

    @property
    def lines(self) -> tuple[Line, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """None."""
        return ()

    @property
    def size(self) -> int:
        """No element."""
        return 0

    @property
    def of_stars(self) -> bool:
        """Nothing shines."""
        return False

    def coefficients(self, emitters: Gas | Particles) -> Float[Array, "cell element"]:
        """None for every cell."""
        return jnp.zeros((emitters.count, 0), emitters.mass.dtype)

    def shares(self) -> Float[Array, " line"]:
        """None."""
        return jnp.zeros(0)

    def variances(self) -> Float[Array, " line"]:
        """None."""
        return jnp.zeros(0)

    def covered(self, emitters: Gas | Particles) -> Bool[Array, " cell"]:
        """All of it."""
        return jnp.ones(emitters.count, bool)
