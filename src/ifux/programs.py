"""The two programs of an observation: particles are deposited block by block, then their light is observed."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ifux import parallel
from ifux.compute import Choices
from ifux.maps import MOMENTS, moments
from ifux.particles import Particles
from ifux.program_cache import kept, kept_over
from ifux.telescope import Telescope


def nothing(
    telescope: Telescope, stars: Particles
) -> tuple[Float[Array, "tall wide kind"], Float[Array, "up across moment"]]:
    """What is added up over particles, before the first."""
    kind, margin = stars.mass.dtype, telescope.psf.margin
    spaxels = telescope.spaxels
    shapes = (*spaxels.scene_shape(margin), telescope.kinds), (*spaxels.scene_shape(0), MOMENTS)
    weights, light = (jnp.asarray(np.zeros(shape, kind), kind) for shape in shapes)
    return weights, light


@kept_over("before")
def deposit(telescope: Telescope, stars: Particles, before: PyTree[Array], choices: Choices) -> PyTree[Array]:
    """Weights of the stars and what true maps are made of, added to those before, which are gone then."""
    weights = parallel.weights(telescope, stars, parallel.mesh(), block=choices.block)
    return jax.tree.map(jnp.add, before, (weights, moments(telescope, stars)))


@kept
def expose(telescope: Telescope, weights, count: int, key, choices: Choices):
    """The cube and, with noise, its variance."""
    occupied = choices.occupied(telescope, count)
    elements = parallel.contract(telescope, weights, parallel.mesh(), blur=choices.blur(), occupied=occupied)
    plane, noise = telescope.focal_plane, telescope.noise
    if key is None:
        return plane.rebuild(elements), None
    variance = plane.rebuild_variance(noise.variance(elements))
    missing = telescope.wavelengths.missing()
    if missing.any():
        variance = jnp.where(jnp.asarray(missing)[None, None], jnp.nan, variance)
    return plane.rebuild(noise.sample(elements, key=key)), variance
