"""The attenuation curve of starburst galaxies."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.dust.base import AbstractCurve
from ifux.typing import real, within


@final
class CalzettiCurve(AbstractCurve):
    """Attenuation of the starlight of starburst galaxies, 1200 angstrom to 2.2 micron.

    References: Calzetti et al. (2000), ApJ 533, 682, eq. 4.
    """

    rv: Float[Array, ""] = eqx.field(converter=real, default=4.05, metadata=within(above=0))
    """A(V) / E(B-V)."""

    def ratio(self, vacuum: Float[Array, " rest"]) -> Float[Array, " rest"]:
        """k'(lambda) / R(V): polynomials that meet at 6300 angstrom, held at the ends of their range."""
        x = 1e4 / jnp.clip(vacuum, 1200.0, 22000.0)
        blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3)
        red = 2.659 * (-1.857 + 1.040 * x)
        return 1 + jnp.where(vacuum < 6300, blue, red) / self.rv
