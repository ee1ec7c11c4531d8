"""Mock observations to learn from, made when they are wanted."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from ifux.checks import of_arms, outgrown, see, sight, warn_of
from ifux.fitting.losses import Cubes
from ifux.learning.each import each
from ifux.learning.prior import Prior
from ifux.observation import Observation
from ifux.spectrograph import Spectrograph


@final
class Batch(eqx.Module):
    """Some mock observations."""

    numbers: Float[Array, "mock parameter"]
    """Free numbers of the prior that each was made of."""
    data: Float[Array, "mock y x wave"] | dict[str, Float[Array, "mock _ _ _"]]
    """Cubes with noise [1e-20 erg/s/cm2/angstrom per spaxel], or those of every arm of a spectrograph by its name."""


@final
class Batches(eqx.Module):
    """Endless batches of mocks, each with a galaxy, a view and noise of its own. Nothing is kept, on disk or elsewhere.

    The batch of a step is a function of the key and of the step: a loop that goes on at a step sees what it would have
    seen. What the prior leaves alone is computed once for the batch: templates, say, where only the galaxy varies. With
    a mesh, each device makes its share of the mocks, and the batch is laid out over the devices; it is the same batch
    for any number of them, but for rounding.
    """

    prior: Prior[Observation]
    size: int = eqx.field(static=True)
    """Mocks in a batch."""
    key: PRNGKeyArray
    mesh: Mesh | None = eqx.field(static=True, default=None)
    """Devices that share the work, as `ifux.parallel.mesh` has them."""

    def __call__(self, step: int | Int[Array, ""]) -> Batch:
        """The batch of a step; compiled once for all. Of the first, it warns as `ifux.checks.shortcomings` tells."""
        batch = made(self, jnp.asarray(step, jnp.int32))
        if isinstance(step, int) and step == 0:
            warn_of(self.shortcomings(0))
        return batch

    def shortcomings(self, step: int) -> list[str]:
        """What `ifux.checks.shortcomings` finds in the mocks of a step, on their average; none while traced."""
        traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(self))
        if traced or not isinstance(self.prior.freed.model, Observation):
            return []
        found = looked_at(self, jnp.asarray(step, jnp.int32))
        told = {name: outgrown(sight(seen)) for name, seen in found.items()}
        return of_arms(told) if isinstance(self.prior.freed.model.telescope, Spectrograph) else told[""]


@eqx.filter_jit
def made(batches: Batches, step: Int[Array, ""]) -> Batch:
    """All mocks, in turn or side by side as suits the device."""
    return Batch(*each(mock, batches.prior, keys_of(batches, step), mesh=batches.mesh))


def keys_of(batches: Batches, step: Int[Array, ""]) -> Key[Array, " mock"]:
    """One for each mock of a step."""
    return jax.random.split(jax.random.fold_in(batches.key, step), batches.size)


@eqx.filter_jit
def looked_at(batches: Batches, step: Int[Array, ""]) -> dict[str, dict[str, Float[Array, ""]]]:
    """What is represented of the galaxies, on their average, and the largest speed along the line of sight [km/s].

    By every arm of a spectrograph; a telescope has no name.
    """

    def one(key: PRNGKeyArray) -> dict[str, dict[str, Float[Array, ""]]]:
        observation = batches.prior(batches.prior.sample(key=jax.random.split(key)[0]))
        seeing, stars = observation.telescope, observation.galaxy.particles()
        arms = {name: seeing[name] for name in seeing.arms} if isinstance(seeing, Spectrograph) else {"": seeing}
        return {name: see(telescope, stars) for name, telescope in arms.items()}

    def summed(found: dict[str, Float[Array, " mock"]]) -> dict[str, Float[Array, ""]]:
        return {name: values.max() if name == "fastest" else values.mean() for name, values in found.items()}

    return {arm: summed(found) for arm, found in jax.lax.map(one, keys_of(batches, step)).items()}


def mock(prior: Prior[Observation], key: PRNGKeyArray) -> tuple[Float[Array, " parameter"], Cubes]:
    """Free numbers at random, and the cube with noise of what they stand for, or that of every arm."""
    place, noise = jax.random.split(key)
    numbers = prior.sample(key=place)
    return numbers, prior(numbers)(key=noise)
