"""The programs of an observation: particles are deposited block by block, then their light is observed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ifux import parallel
from ifux.compute import Choices
from ifux.maps import MOMENTS, drawn_on, means, moments
from ifux.noise import BadPixelNoise
from ifux.particles import AbstractEmitters, Particles
from ifux.program_cache import kept, kept_over
from ifux.spectrograph import within_margin
from ifux.telescope import Telescope

Sums = tuple[tuple[Float[Array, "tall wide _"], ...], Float[Array, "up across moment"]]
"""Weights of the stars and of every source, and what true maps of the stars are made of."""


def nothing(telescope: Telescope, emitters: AbstractEmitters) -> Sums:
    """What is added up over particles, before the first."""
    kind, spaxels = emitters.position.dtype, telescope.spaxels
    wide, narrow = spaxels.scene_shape(telescope.margin), drawn_on(spaxels).scene_shape(0)
    light, *weights = (
        jnp.asarray(np.zeros(shape, kind), kind)
        for shape in ((*narrow, MOMENTS), *((*wide, kinds) for kinds in telescope.kinds_of))
    )
    return tuple(weights), light


@kept_over("before")
def deposit(telescope: Telescope, stars: Particles, before: PyTree[Array], choices: Choices) -> PyTree[Array]:
    """Weights of the stars and what true maps are made of, added to those before, which are gone then."""
    weights = parallel.deposited_of(telescope, 0, stars, parallel.mesh(), block=choices.block)
    return jax.tree.map(jnp.add, before, (weights, moments(telescope, stars)))


@kept_over("before")
def deposit_source(
    telescope: Telescope, number: int, emitters: AbstractEmitters, before: PyTree[Array], choices: Choices
) -> PyTree[Array]:
    """Weights of a source, counted from one, added to those before, which are gone then."""
    return before + parallel.deposited_of(telescope, number, emitters, parallel.mesh(), block=choices.block)


def added(telescope: Telescope, number: int, emitters: Any, before: Sums, choices: Choices) -> Sums:
    """The sums with a block of stars, whose number is zero, or of what shines of a source."""
    weights, light = before
    if number == 0:
        one, light = deposit(telescope, emitters, (weights[0], light), choices)
    else:
        one = deposit_source(telescope, number, emitters, weights[number], choices)
    return (*weights[:number], one, *weights[number + 1 :]), light


@kept
def expose(telescope: Telescope, weights, occupied: int | None, key, choices: Choices):
    """The spectra of elements and, with noise, their variance, of weights on the telescope's scene or a wider one.

    The weights of the stars, and those of every source.
    """
    weights = within_margin(weights[0] if len(weights) == 1 else jnp.concatenate(weights, axis=2), telescope)
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
