"""An order in which points that are neighbours in memory are neighbours on a grid."""

import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Int32

from ifux.numerics.blocks import KEPT

TOGETHER = 262144
"""Points that are put in order together: the more they are, the more of them follow one another in a cell, and the
further apart they are read. Half as many and twice as many are slower."""


def order(cell: Int32[Array, " point"], cells: int) -> Int32[Array, " point"]:
    """The points in the order of their cells, or nearly, where cells and points together are too many.

    Cell and point share a word: single words are sorted several times faster than pairs. The order is kept for the
    backward pass, at the price of a word a point.
    """
    points = (cell.shape[0] - 1).bit_length()
    spare = max(0, (cells - 1).bit_length() + points - 32)
    words = ((cell >> spare).astype(jnp.uint32) << points) | jnp.arange(cell.shape[0], dtype=jnp.uint32)
    return checkpoint_name((jnp.sort(words) & jnp.uint32(2**points - 1)).astype(jnp.int32), KEPT)
