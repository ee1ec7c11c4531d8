"""Sums over blocks, in the memory of one block."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import checkpoint_policies
from jaxtyping import Array, Float, PyTree

KEPT = "kept"
"""The `checkpoint_name` of what is not computed again in the backward pass, but kept."""


def accumulate(
    add: Callable[[Float[Array, "*grid"], PyTree], Float[Array, "*grid"]],
    total: Float[Array, "*grid"],
    points: PyTree[Float[Array, "point ..."]],
    block: int,
) -> Float[Array, "*grid"]:
    """Adds points to a total, block by block, recomputed block by block in the backward pass but for what is `KEPT`.

    `add` adds any number of points to the total, and nothing for points whose arrays are zero: the last block is filled
    up with those.
    """
    count = jax.tree.leaves(points)[0].shape[0]
    add = jax.checkpoint(add, policy=checkpoint_policies.save_only_these_names(KEPT))
    if count <= block:
        return add(total, points)
    blocks = -(-count // block)

    def split(leaf):
        filled = jnp.pad(leaf, [(0, blocks * block - count)] + [(0, 0)] * (leaf.ndim - 1))
        return filled.reshape(blocks, block, *leaf.shape[1:])

    return jax.lax.scan(lambda total, points: (add(total, points), None), total, jax.tree.map(split, points))[0]
