"""Arrays that vary over the axes of a mesh, inside of `jax.shard_map`."""

from typing import Any, TypeVar

import jax
from jaxtyping import PyTree

T = TypeVar("T")


def varies(*trees: PyTree) -> frozenset[Any]:
    """The axes of a mesh over which some array of the trees varies; none outside of `jax.shard_map`."""
    kinds = [jax.typeof(leaf) for leaf in jax.tree.leaves(trees) if isinstance(leaf, jax.Array)]
    # JAX 0.10.1 moved the set.
    sets = (kind.vma if hasattr(kind, "vma") else kind.mat.varying for kind in kinds)
    return frozenset().union(*sets)


def alike(tree: T, *others: PyTree) -> T:
    """A tree every array of which varies over all axes over which any does, or an array of others: what JAX's own
    operations do with their arguments, primitives and the start of a loop leave to their callers.
    """
    axes = varies(tree, others)

    def cast(leaf):
        missing = tuple(axis for axis in axes if axis not in varies(leaf))
        return jax.lax.pcast(leaf, missing, to="varying") if missing and isinstance(leaf, jax.Array) else leaf

    return jax.tree.map(cast, tree) if axes else tree
