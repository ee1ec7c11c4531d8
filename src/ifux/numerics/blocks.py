"""Sums over blocks, in the memory of one block."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree


def accumulate(
    function: Callable[[PyTree], Float[Array, "*grid"]], points: PyTree[Float[Array, "point ..."]], block: int
) -> Float[Array, "*grid"]:
    """The sum of `function` over blocks of points, recomputed block by block in the backward pass.

    `function` maps any number of points to an array whose shape does not depend on it, adds over points, and is zero
    for points whose arrays are zero: the last block is filled up with those.
    """
    count = jax.tree.leaves(points)[0].shape[0]
    if count <= block:
        return jax.checkpoint(function)(points)
    blocks = -(-count // block)

    def split(leaf):
        filled = jnp.pad(leaf, [(0, blocks * block - count)] + [(0, 0)] * (leaf.ndim - 1))
        return filled.reshape(blocks, block, *leaf.shape[1:])

    split_points = jax.tree.map(split, points)
    shape = jax.eval_shape(function, jax.tree.map(lambda leaf: leaf[0], split_points))

    @jax.checkpoint
    def step(total, points):
        return total + function(points), None

    total, _ = jax.lax.scan(step, jnp.zeros(shape.shape, shape.dtype), split_points)
    return total
