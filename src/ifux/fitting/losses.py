"""How far a cube is from the data: negative log-likelihoods, up to a constant where it says so.

A mask is true where the data count; masked data may be anything, not-a-number too. Without a mask all data count that
are numbers: those of channels in a gap of the detector are none.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.noise.base import AbstractNoise


def pulls(
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Float[Array, "y x wave"]:
    """Residuals in units of their standard deviation; zero where the data do not count."""
    mask = ~jnp.isnan(data) if mask is None else mask
    return jnp.where(mask, jnp.where(mask, data, 0) - cube, 0) / jnp.sqrt(jnp.where(mask, variance, 1))


def likelihood(
    noise: AbstractNoise,
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Float[Array, ""]:
    """The exact one of the noise stage, whose variance may depend on the cube, with its normalisation."""
    return -noise.log_prob(data, cube, mask=mask)


def chi_squared(
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Float[Array, ""]:
    """Half of the sum of squared pulls: normal noise of known variance, up to a constant."""
    return 0.5 * jnp.sum(pulls(data, cube, variance, mask) ** 2)


def student_t(
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
    *,
    freedom: float = 4.0,
) -> Float[Array, ""]:
    r"""Student's t distribution, up to a constant: outliers count with the logarithm of their pull.

    $$\frac{\nu + 1}{2} \sum \log(1 + p^2/\nu)$$
    """
    return 0.5 * (freedom + 1) * jnp.sum(jnp.log1p(pulls(data, cube, variance, mask) ** 2 / freedom))


def huber(
    data: Float[Array, "y x wave"],
    cube: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
    *,
    threshold: float = 3.0,
) -> Float[Array, ""]:
    """Squares up to a pull, straight lines beyond it.

    References: Huber (1964), Annals of Mathematical Statistics 35, 73.
    """
    size = jnp.abs(pulls(data, cube, variance, mask))
    return jnp.sum(jnp.where(size < threshold, 0.5 * size**2, threshold * (size - 0.5 * threshold)))
