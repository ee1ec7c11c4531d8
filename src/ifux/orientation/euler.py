"""Three Euler angles."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.orientation.base import AbstractOrientation
from ifux.particles import Stars
from ifux.typing import real
from ifux.units import DEGREE


def about_z(angle: Float[Array, ""]) -> Float[Array, "3 3"]:
    """Rotation about the third axis [degree]."""
    c, s = jnp.cos(angle * DEGREE), jnp.sin(angle * DEGREE)
    zero, one = jnp.zeros_like(c), jnp.ones_like(c)
    return jnp.stack([jnp.stack([c, -s, zero]), jnp.stack([s, c, zero]), jnp.stack([zero, zero, one])])


def about_x(angle: Float[Array, ""]) -> Float[Array, "3 3"]:
    """Rotation about the first axis [degree]."""
    c, s = jnp.cos(angle * DEGREE), jnp.sin(angle * DEGREE)
    zero, one = jnp.zeros_like(c), jnp.ones_like(c)
    return jnp.stack([jnp.stack([one, zero, zero]), jnp.stack([zero, c, -s]), jnp.stack([zero, s, c])])


@final
class EulerOrientation(AbstractOrientation):
    r"""The axes of the snapshot turned by Euler angles in the z-x-z convention about fixed axes.

    $$R = R_z(\gamma)\, R_x(\beta)\, R_z(\alpha)$$

    With all angles zero the axes of the snapshot are (east, north, away).
    """

    alpha: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """First angle, about the third axis [degree]."""
    beta: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Second angle, about the first axis [degree]."""
    gamma: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Third angle, about the third axis [degree]."""

    def rotation(self) -> Float[Array, "3 3"]:
        """Product of the three rotations."""
        return about_z(self.gamma) @ about_x(self.beta) @ about_z(self.alpha)

    def aligned_to(self, stars: Stars) -> "EulerOrientation":
        """Itself: the angles are those of the snapshot's own axes."""
        return self
