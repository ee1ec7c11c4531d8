"""Interpolation between neighbouring nodes, of which a point sees two and no more."""

import itertools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.contract import Range


def weights(
    place: Float[Array, " point"], nodes: Float[np.ndarray, " node"], bend: Float[Array, " step"]
) -> Float[Array, "node point"]:
    r"""Weights of increasing nodes at every point, which sum to one; beyond the ends that of the end is one.

    Between two nodes that of the upper one rises as $s + c\,s\,(1 - s)$, where s goes from 0 to 1 and c is the bend.
    """
    low, width = (jnp.asarray(values, place.dtype)[:, None] for values in (nodes[:-1], np.diff(nodes)))
    along = jnp.clip((place[None, :] - low) / width, 0, 1)
    risen = along + bend[:, None] * along * (1 - along)
    full, none = jnp.ones_like(place)[None], jnp.zeros_like(place)[None]
    return jnp.concatenate([full, risen]) - jnp.concatenate([risen, none])


def ranges(place: Float[np.ndarray, " point"], nodes: Float[np.ndarray, " node"]) -> tuple[Range, ...]:
    """Which points, in increasing order, lie between the same two nodes, or beyond them next to the ends."""
    below = np.clip(np.searchsorted(nodes, place, side="right") - 1, 0, max(nodes.size - 2, 0))
    borders = [0, *(np.flatnonzero(np.diff(below)) + 1).tolist(), place.size]
    return tuple(
        Range(first, last, int(below[first]), min(int(below[first]) + 2, nodes.size))
        for first, last in itertools.pairwise(borders)
    )
