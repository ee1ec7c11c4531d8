"""Interpolation between Chebyshev points, for smooth functions on an interval."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def points(count: int) -> Float[np.ndarray, " node"]:
    """Chebyshev points of the second kind on [-1, 1], increasing."""
    return -np.cos(np.pi * np.arange(count) / (count - 1))


def between(count: int, position: Float[np.ndarray, " point"]) -> Float[np.ndarray, "point node"]:
    """Those of `weights`, on the host."""
    powers = np.polynomial.chebyshev.chebvander
    return powers(position, count - 1) @ np.linalg.inv(powers(points(count), count - 1))


def weights(position: Float[Array, " point"], count: int) -> Float[Array, "point node"]:
    """Rows of Lagrange polynomials through the Chebyshev points, at positions in [-1, 1].

    The error for a smooth function falls exponentially with the number of points.

    References: Berrut & Trefethen (2004), SIAM Review 46, 501.
    """
    nodes = points(count)
    # A product written out, factor by factor: the gradient of `jnp.prod` is several times as many operations.
    result = jnp.ones((position.size, count), position.dtype)
    for others in np.stack([np.delete(nodes, i) for i in range(count)], axis=1):
        above, below = (jnp.asarray(numbers, position.dtype)[None, :] for numbers in (others, nodes - others))
        result = result * ((position[:, None] - above) / below)
    return result
