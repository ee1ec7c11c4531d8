"""Ages and metallicities that scatter about a gradient."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

METALLICITIES = (1e-5, 0.1)
"""Limits of the metallicities [mass fraction]."""


def scattered(
    centre: Float[Array, ""],
    gradient: Float[Array, ""] | float,
    scatter: Float[Array, ""],
    distance: Float[Array, " particle"],
    normal: Float[Array, " particle"],
    limits: tuple[float, float],
) -> Float[Array, " particle"]:
    r"""Numbers whose logarithms scatter normally [dex] about a gradient [dex/kpc], held between two limits.

    $$\log_{10} y = \log_{10} y_0 + g\,r + s\,\mathcal N$$
    """
    return limited(jnp.log10(centre) + gradient * distance + scatter * normal, limits)


def limited(logarithm: Float[Array, " particle"], limits: tuple[float, float]) -> Float[Array, " particle"]:
    r"""Ten to a power, held between two limits by a smooth and increasing function.

    $$y = a + s\,[\zeta((x - a)/s) - \zeta((x - b)/s)], \quad \zeta(t) = \log(1 + e^t), \quad s = 0.02\,\text{dex}$$

    A value further than 0.1 dex inside the limits changes by less than 0.03 %.
    """
    low, high, softness = math.log10(limits[0]), math.log10(limits[1]), 0.02
    above = softness * jax.nn.softplus((logarithm - low) / softness)
    return 10 ** (low + above - softness * jax.nn.softplus((logarithm - high) / softness))
