"""Reading maps between their cells: the spline whose integrals over the cells are what the cells hold."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.stencil import spline

QUARTIC = (1 / 384, 76 / 384, 230 / 384, 76 / 384, 1 / 384)
"""Integrals of the cubic B-spline over the unit intervals around it: the quartic one at the integers."""


def coefficients(size: int) -> Float[np.ndarray, "node cell"]:
    """The matrix from integrals over the cells of an axis to the coefficients of the cubic spline that has them.

    Beyond its ends the axis is mirrored. The influence of a cell falls by 0.36 a cell.
    """
    integrals = np.zeros((size, size))
    for step, share in zip(range(-2, 3), QUARTIC, strict=True):
        node = np.arange(size) + step
        node = np.where(node < 0, -1 - node, np.where(node >= size, 2 * size - 1 - node, node))
        np.add.at(integrals, (np.arange(size), np.clip(node, 0, size - 1)), share)
    return np.linalg.inv(integrals)


def reading(position: Float[Array, "*point"], size: int) -> Float[Array, "*point cell"]:
    """Weights of the cells of an axis for the density at positions, in cells from the middle of the first.

    The integral of a row over a cell of positions is one for that cell and zero for others. Smooth in the position, to
    the second derivative; its error falls with the fourth power of a cell.
    """
    nodes = jnp.arange(size, dtype=position.dtype)
    values = spline(position[..., None] - nodes.reshape(*(1,) * position.ndim, size), 3)
    return jnp.matmul(values, jnp.asarray(coefficients(size), position.dtype), precision="highest")
