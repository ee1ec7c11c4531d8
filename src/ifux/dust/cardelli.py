"""The extinction curve of the Milky Way."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.dust.base import AbstractCurve
from ifux.typing import real, within

OPTICAL_A = (1.0, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999)
OPTICAL_B = (0.0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002)


@final
class CardelliCurve(AbstractCurve):
    """Extinction in the diffuse interstellar medium of the Milky Way, 3030 angstrom to 3.3 micron.

    References: Cardelli, Clayton & Mathis (1989), ApJ 345, 245, eqs. 1-3.
    """

    rv: Float[Array, ""] = eqx.field(converter=real, default=3.1, metadata=within(above=0))
    """A(V) / E(B-V)."""

    def ratio(self, vacuum: Float[Array, " rest"]) -> Float[Array, " rest"]:
        """a(x) + b(x) / R(V), held at the ends of its range."""
        x = jnp.clip(1e4 / vacuum, 0.3, 3.3)
        y = x - 1.82
        power = x**1.61
        optical_a = jnp.polyval(jnp.asarray(OPTICAL_A[::-1], x.dtype), y)
        optical_b = jnp.polyval(jnp.asarray(OPTICAL_B[::-1], x.dtype), y)
        infrared = x < 1.1
        a = jnp.where(infrared, 0.574 * power, optical_a)
        b = jnp.where(infrared, -0.527 * power, optical_b)
        return a + b / self.rv
