"""How far a cube is from the data: negative log-likelihoods, up to a constant where it says so.

A mask is true where the data count; masked data may be anything, not-a-number too. Without a mask all data count that
are numbers: those of channels in a gap of the detector are none. Data may be one cube, or those of the arms of a
spectrograph by their names: their likelihood is the product of theirs.
"""

import operator
from typing import TypeAlias, overload

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.noise.base import AbstractNoise

Cubes: TypeAlias = Float[Array, "y x wave"] | dict[str, Float[Array, "_ _ _"]]
"""A cube, or one of every arm by its name."""
Masks: TypeAlias = Bool[Array, "y x wave"] | dict[str, Bool[Array, "_ _ _"]]
"""Which of their data count."""


@overload
def pulls(
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Float[Array, "y x wave"]: ...


@overload
def pulls(data: Cubes, cube: Cubes, variance: Cubes, mask: Masks | None = None) -> Cubes: ...


def pulls(
    data: Cubes,
    cube: Cubes,
    variance: Cubes,
    mask: Masks | None = None,
) -> Cubes:
    """Residuals in units of their standard deviation; zero where the data do not count."""
    mask = jax.tree.map(lambda data: ~jnp.isnan(data), data) if mask is None else mask

    def of_one(data, cube, variance, mask):
        return jnp.where(mask, jnp.where(mask, data, 0) - cube, 0) / jnp.sqrt(jnp.where(mask, variance, 1))

    return jax.tree.map(of_one, data, cube, variance, mask)


def total(terms: Cubes) -> Float[Array, ""]:
    """Their sum over all arms."""
    return jax.tree.reduce(operator.add, jax.tree.map(jnp.sum, terms))


def likelihood(
    noise: AbstractNoise,
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Float[Array, ""]:
    """The exact one of the noise stage, whose variance may depend on the cube, with its normalisation."""
    return -noise.log_prob(data, cube, mask=mask)


def chi_squared(
    data: Cubes,
    cube: Cubes,
    variance: Cubes,
    mask: Masks | None = None,
) -> Float[Array, ""]:
    """Half of the sum of squared pulls: normal noise of known variance, up to a constant."""
    return 0.5 * total(jax.tree.map(jnp.square, pulls(data, cube, variance, mask)))


def student_t(
    data: Cubes,
    cube: Cubes,
    variance: Cubes,
    mask: Masks | None = None,
    *,
    freedom: float = 4.0,
) -> Float[Array, ""]:
    r"""Student's t distribution, up to a constant: outliers count with the logarithm of their pull.

    $$\frac{\nu + 1}{2} \sum \log(1 + p^2/\nu)$$
    """
    terms = jax.tree.map(lambda pull: jnp.log1p(pull**2 / freedom), pulls(data, cube, variance, mask))
    return 0.5 * (freedom + 1) * total(terms)


def huber(
    data: Cubes,
    cube: Cubes,
    variance: Cubes,
    mask: Masks | None = None,
    *,
    threshold: float = 3.0,
) -> Float[Array, ""]:
    """Squares up to a pull, straight lines beyond it.

    References: Huber (1964), Annals of Mathematical Statistics 35, 73.
    """

    def term(pull: Float[Array, "y x wave"]) -> Float[Array, "y x wave"]:
        size = jnp.abs(pull)
        return jnp.where(size < threshold, 0.5 * size**2, threshold * (size - 0.5 * threshold))

    return total(jax.tree.map(term, pulls(data, cube, variance, mask)))
