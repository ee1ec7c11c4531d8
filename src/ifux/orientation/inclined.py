"""Inclination and position angle of a disc."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.orientation.alignment import principal_axes
from ifux.orientation.base import AbstractOrientation
from ifux.particles import Stars
from ifux.typing import DATA, real
from ifux.units import DEGREE


@final
class InclinedOrientation(AbstractOrientation):
    """The galaxy turned to an inclination and a position angle, counted from its principal axes.

    At inclination 0 the spin points at the observer, at 90 it lies in the sky. The position angle is that of the
    receding half of the major axis.
    """

    inclination: Float[Array, ""] = eqx.field(converter=real)
    """Angle between the spin and the direction to the observer [degree]."""
    position_angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Angle of the receding half of the major axis, north through east [degree]."""
    azimuth: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Turn of the galaxy about its own spin before it is inclined, in the sense in which it rotates [degree]."""
    axes: Float[Array, "3 3"] = eqx.field(converter=real, default_factory=lambda: np.eye(3), metadata=DATA)
    """Rows: major axis, intermediate axis and spin in the galaxy frame. Held constant: it has no gradient."""

    def rotation(self) -> Float[Array, "3 3"]:
        """Major axis, intermediate axis and spin on the sky, times the alignment."""
        i, angle = self.inclination * DEGREE, self.position_angle * DEGREE
        east, north, zero = jnp.sin(angle), jnp.cos(angle), jnp.zeros_like(i)
        face, edge = jnp.cos(i), jnp.sin(i)
        receding = jnp.stack([east, north, zero])
        spin = jnp.stack([edge * north, -edge * east, -face])
        between = jnp.stack([face * north, -face * east, edge])
        cos, sin = jnp.cos(self.azimuth * DEGREE), jnp.sin(self.azimuth * DEGREE)
        turn = jnp.stack([cos * receding + sin * between, cos * between - sin * receding, spin], axis=1)
        return jnp.matmul(turn, jax.lax.stop_gradient(self.axes), precision=jax.lax.Precision.HIGHEST)

    def aligned_to(self, stars: Stars) -> "InclinedOrientation":
        """The same angles, counted from the principal axes of these particles."""
        return eqx.tree_at(lambda o: o.axes, self, real(principal_axes(stars)))
