"""A dust curve that nobody knows yet."""

import math
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.dust import AbstractCurve


@final
class NeuralCurve(AbstractCurve):
    r"""A network in place of a formula: any smooth and positive attenuation, one at a pivot.

    $$A(\lambda)/A(V) = e^{\,g(\lambda) - g(\lambda_V)}\,\frac{\lambda_V}{\lambda}$$

    with a small network g of the logarithm of the wavelength. A new curve falls as 1/wavelength. Put it where a formula
    was, with `equinox.tree_at`, and learn it from cubes while all the rest stays physics.
    """

    network: eqx.nn.MLP
    band: tuple[float, float] = eqx.field(static=True)
    """Vacuum wavelengths between which it is learnt, in the rest frame [angstrom]; beyond, it is a guess."""
    pivot: float = eqx.field(static=True, default=5500.0)
    """Where it is one, so that the depth of a screen stays A(V) [angstrom]."""

    def __check_init__(self):
        if not 0 < self.band[0] < self.band[1]:
            raise ValueError(f"NeuralCurve.band must be two increasing wavelengths, got {self.band}.")

    @staticmethod
    def new(band: tuple[float, float], *, width: int = 16, pivot: float = 5500.0, key: PRNGKeyArray) -> "NeuralCurve":
        """A curve that has learnt nothing."""
        network = eqx.nn.MLP("scalar", "scalar", width, 2, jax.nn.silu, key=key)
        last = jax.tree.map(jnp.zeros_like, network.layers[-1])
        return NeuralCurve(eqx.tree_at(lambda n: n.layers[-1], network, last), band, pivot)

    def ratio(self, vacuum: Float[Array, " rest"]) -> Float[Array, " rest"]:
        """The network, from the lower end of the band at -1 to the upper at 1."""
        low, high = math.log(self.band[0]), math.log(self.band[1])
        place = (2 * jnp.log(vacuum) - (low + high)) / (high - low)
        there = jnp.asarray((2 * math.log(self.pivot) - (low + high)) / (high - low), vacuum.dtype)
        return jnp.exp(jax.vmap(self.network)(place) - self.network(there)) * (self.pivot / vacuum)
