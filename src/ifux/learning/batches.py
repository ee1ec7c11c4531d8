"""Mock observations to learn from, made when they are wanted."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ifux.learning.prior import Prior
from ifux.telescope import Observation


@final
class Batch(eqx.Module):
    """Some mock observations."""

    numbers: Float[Array, "mock parameter"]
    """Free numbers of the prior that each was made of."""
    data: Float[Array, "mock y x wave"]
    """Cubes with noise [1e-20 erg/s/cm2/angstrom per spaxel]."""


@final
class Batches(eqx.Module):
    """Endless batches of mocks, each with a galaxy, a view and noise of its own. Nothing is kept, on disk or elsewhere.

    The batch of a step is a function of the key and of the step: a loop that goes on at a step sees what it would have
    seen. What the prior leaves alone is computed once for the batch: templates, say, where only the galaxy varies.
    """

    prior: Prior[Observation]
    size: int = eqx.field(static=True)
    """Mocks in a batch."""
    key: PRNGKeyArray

    def __call__(self, step: int | Int[Array, ""]) -> Batch:
        """The batch of a step; compiled once for all."""
        return made(self, jnp.asarray(step, jnp.int32))


@eqx.filter_jit
def made(batches: Batches, step: Int[Array, ""]) -> Batch:
    """All mocks side by side."""
    keys = jax.random.split(jax.random.fold_in(batches.key, step), batches.size)
    return Batch(*eqx.filter_vmap(mock, in_axes=(None, 0))(batches.prior, keys))


def mock(prior: Prior[Observation], key: PRNGKeyArray) -> tuple[Float[Array, " parameter"], Float[Array, "y x wave"]]:
    """Free numbers at random, and the cube with noise of what they stand for."""
    place, noise = jax.random.split(key)
    numbers = prior.sample(key=place)
    return numbers, prior(numbers)(key=noise)
