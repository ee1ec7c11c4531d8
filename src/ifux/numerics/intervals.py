"""Intervals on an axis of cells: what falls on them, and what they share with the cells."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.reading import coefficients


def integrals(middle: Float[Array, "*interval"], width: Float[Array, ""], size: int) -> Float[Array, "*interval cell"]:
    """Weights of the cells of an axis for the light on intervals, in cells from the middle of the first.

    Light between the cells is that of the cubic spline whose integrals over the cells are what they hold, see
    `coefficients`; it is integrated exactly. Of intervals that are cells, or several of them, that is their sum. Smooth
    in middle and width, to the third derivative; its error falls with the fourth power of a cell. Beyond the axis there
    is no light.
    """
    nodes = jnp.arange(size, dtype=middle.dtype).reshape(*(1,) * middle.ndim, size)
    low, high = ((middle + side * width)[..., None] - nodes for side in (-0.5, 0.5))
    return jnp.matmul(
        cubic_below(high) - cubic_below(low), jnp.asarray(coefficients(size), middle.dtype), precision="highest"
    )


def cubic_below(offset: Float[Array, "..."]) -> Float[Array, "..."]:
    """The integral of the cubic B-spline up to an offset from its node: from 0 at -2 to 1 at 2."""
    t = jnp.clip(offset, -2, 2)

    def left(t: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.where(t < -1, (2 + t) ** 4 / 24, 0.5 + 2 / 3 * t - t**3 / 3 - t**4 / 8)

    return jnp.where(t < 0, left(t), 1 - left(-t))


def overlaps(middle: Float[Array, "*interval"], width: Float[Array, ""], size: int) -> Float[Array, "*interval cell"]:
    """The share of intervals that lies on every cell of an axis, in cells from the middle of the first.

    Its derivatives jump where an end of an interval passes one of a cell.
    """
    nodes = jnp.arange(size, dtype=middle.dtype).reshape(*(1,) * middle.ndim, size)
    low = jnp.maximum((middle - 0.5 * width)[..., None], nodes - 0.5)
    high = jnp.minimum((middle + 0.5 * width)[..., None], nodes + 0.5)
    return jnp.maximum(high - low, 0) / width
