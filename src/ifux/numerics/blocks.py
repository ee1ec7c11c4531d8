"""Sums over blocks, in the memory of one block."""

from collections.abc import Callable
from math import prod
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import checkpoint_policies
from jaxtyping import Array, PyTree, Shaped

T = TypeVar("T")

KEPT = "kept"
"""The `checkpoint_name` of what is not computed again in the backward pass, but kept."""
GROUP = 64
"""Blocks, or groups of them, that are summed one after the other."""


def accumulate(
    add: Callable[[T, PyTree], T],
    total: T,
    points: PyTree[Shaped[Array, "point ..."]],
    block: int,
) -> T:
    """Adds points to a total, block by block, recomputed block by block in the backward pass but for what is `KEPT`.

    `add` adds any number of points to the total, and nothing for points whose arrays are zero: the last block is filled
    up with those. Many blocks are taken in groups, and these in groups: where `add` reads arrays that all points share,
    their cotangents are sums over the blocks of a group, then over groups, and keep their digits.
    """
    count = jax.tree.leaves(points)[0].shape[0]
    add = jax.checkpoint(add, policy=checkpoint_policies.save_only_these_names(KEPT))
    if count <= block:
        return add(total, points)
    blocks = -(-count // block)
    groups = []
    while blocks > GROUP:
        outer = -(-blocks // GROUP)
        blocks, inner = outer, -(-blocks // outer)
        groups.insert(0, inner)
    groups.insert(0, blocks)

    def split(leaf):
        filled = jnp.pad(leaf, [(0, prod(groups) * block - count)] + [(0, 0)] * (leaf.ndim - 1))
        return filled.reshape(*groups, block, *leaf.shape[1:])

    def nested(add: Callable[[T, PyTree], T]) -> Callable[[T, PyTree], T]:
        return lambda total, points: jax.lax.scan(lambda total, part: (add(total, part), None), total, points)[0]

    for _ in groups:
        add = nested(add)
    return add(total, jax.tree.map(split, points))
