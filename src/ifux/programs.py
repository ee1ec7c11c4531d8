"""The programs of an observation: particles are deposited block by block, then their light is observed."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ifux import parallel
from ifux.compute import Choices
from ifux.maps import MOMENTS, drawn_on, means, moments
from ifux.noise import BadPixelNoise
from ifux.particles import Particles
from ifux.program_cache import kept, kept_over
from ifux.spectrograph import within_margin
from ifux.telescope import Telescope


def nothing(
    telescope: Telescope, stars: Particles
) -> tuple[Float[Array, "tall wide kind"], Float[Array, "up across moment"]]:
    """What is added up over particles, before the first."""
    kind, spaxels = stars.mass.dtype, telescope.spaxels
    wide, narrow = spaxels.scene_shape(telescope.margin), drawn_on(spaxels).scene_shape(0)
    shapes = (*wide, telescope.kinds), (*narrow, MOMENTS)
    weights, light = (jnp.asarray(np.zeros(shape, kind), kind) for shape in shapes)
    return weights, light


@kept_over("before")
def deposit(telescope: Telescope, stars: Particles, before: PyTree[Array], choices: Choices) -> PyTree[Array]:
    """Weights of the stars and what true maps are made of, added to those before, which are gone then."""
    weights = parallel.weights(telescope, stars, parallel.mesh(), block=choices.block)
    return jax.tree.map(jnp.add, before, (weights, moments(telescope, stars)))


@kept
def expose(telescope: Telescope, weights, occupied: int | None, key, choices: Choices):
    """The spectra of elements and, with noise, their variance, of weights on the telescope's scene or a wider one."""
    weights = within_margin(weights, telescope)
    elements = parallel.contract(telescope, weights, parallel.mesh(), blur=choices.blur(), occupied=occupied)
    noise = telescope.noise
    if key is None:
        return elements, None
    data, variance = noise.sample(elements, key=key), noise.variance(elements)
    if telescope.wavelengths.missing().any() or isinstance(noise, BadPixelNoise):
        variance = jnp.where(jnp.isnan(data), jnp.nan, variance)
    return data, variance


@kept
def rebuild(telescope: Telescope, elements, variance):
    """The cube that is made of the spectra of elements, and its variance where they have one."""
    cube = telescope.rebuild(elements)
    if variance is None:
        return cube, None
    variance = telescope.rebuild_variance(variance)
    return cube, jnp.where(jnp.isnan(cube), jnp.nan, variance)


@kept
def true_maps(telescope: Telescope, light: Float[Array, "up across moment"]) -> dict[str, Float[Array, "y x"]]:
    """What the sums over particles mean."""
    return means(telescope, light)


@kept
def resolution(telescope: Telescope) -> Float[Array, " wave"]:
    """Of every channel."""
    return telescope.resolution()
