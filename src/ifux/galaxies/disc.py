"""Places and motions in an exponential disc that spins about +z, counter-clockwise seen from +z."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float


def exponential_disc(
    uniform: Float[Array, "particle 4"], scale: Float[Array, ""], height: Float[Array, ""]
) -> tuple[Float[Array, " particle"], Float[Array, " particle"], Float[Array, " particle"]]:
    r"""Distance from the axis, azimuth [radian] and height of particles of equal mass, by uniform random numbers.

    $$\rho \propto e^{-R/h}\,\text{sech}^2(z/h_z)$$

    The mass of an exponential disc within R is the distribution of a sum of two exponential variates.
    """
    radius = -scale * jnp.log(uniform[:, 0] * uniform[:, 1])
    return radius, 2 * math.pi * uniform[:, 2], height * jnp.arctanh(2 * uniform[:, 3] - 1)


def rotation_curve(
    speed: Float[Array, ""], turnover: Float[Array, ""], radius: Float[Array, " particle"]
) -> Float[Array, " particle"]:
    r"""Mean rotation speed, $v \tanh(R/R_t)$.

    References: Andersen & Bershady (2013), ApJ 768, 41.
    """
    return speed * jnp.tanh(radius / turnover)


def cartesian(
    radius: Float[Array, " particle"],
    azimuth: Float[Array, " particle"],
    height: Float[Array, " particle"],
    outward: Float[Array, " particle"],
    along: Float[Array, " particle"],
    upward: Float[Array, " particle"],
) -> tuple[Float[Array, "particle 3"], Float[Array, "particle 3"]]:
    """Positions and velocities, of those in cylindrical coordinates."""
    cosine, sine = jnp.cos(azimuth), jnp.sin(azimuth)
    position = jnp.stack([radius * cosine, radius * sine, height], axis=1)
    return position, jnp.stack([outward * cosine - along * sine, outward * sine + along * cosine, upward], axis=1)
