"""The product of four factors, added to windows of a grid in products of matrices.

An accelerator adds single numbers slowly, and waits where many meet in one place. Points whose windows have the same
rows and columns are put in tiles instead: their sum is the product of the matrix of their planes and that of their
lines, and only this sum is added to the grid. The tiles are taken in sheets, as many as hold points.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from ifux.numerics.sums import two_sum
from ifux.numerics.varying import alike

SLOTS = 131072
"""Slots of a sheet."""
SPARSE, DENSE = 32, 128
"""Slots of a tile: where points are few, and where there are several for every place."""
SEVERAL = 8

ADDED = jax.lax.ScatterDimensionNumbers((1, 2, 3), (), (0, 1))
READ = jax.lax.GatherDimensionNumbers((1, 2, 3), (), (0, 1))


class Tiles(NamedTuple):
    """Points of the same place, in a tile or more of them."""

    sheets: Int32[Array, ""]
    """Sheets that hold points."""
    point: Int32[Array, "sheet tile slot"]
    """The point in every slot; the number of points where there is none."""


def in_tiles(place: Int32[Array, " point"], places: int) -> Tiles:
    """Puts points in tiles by their places."""
    points = place.shape[0]
    size = DENSE if points >= SEVERAL * places else SPARSE
    here = jnp.arange(points, dtype=jnp.int32)
    place, point = jax.lax.sort_key_val(place, here)
    first = jnp.concatenate([jnp.ones(1, bool), place[1:] != place[:-1]])
    rank = here - jax.lax.cummax(jnp.where(first, here, 0))
    tile = jnp.cumsum((rank % size == 0).astype(jnp.int32)) - 1
    most = points // size + min(places, points)
    together = min(SLOTS // size, most)
    slots = jnp.full(-(-most // together) * together * size, points, jnp.int32)
    slots = slots.at[tile * size + rank % size].set(point, unique_indices=True)
    return Tiles(tile[-1] // together + 1, slots.reshape(-1, together, size))


def spread(channel: Float[Array, "point c"], first: Int32[Array, " point"], nodes: int) -> Float[Array, "point node"]:
    """A factor of few channels, on all of them."""
    offset = jnp.arange(nodes, dtype=jnp.int32)[None, :] - first[:, None]
    return reduce(jnp.add, (jnp.where(offset == i, channel[:, i, None], 0) for i in range(channel.shape[1])))


def windows(terms: Callable, first, nodes: int, size: int, *factors) -> Float[Array, "tile a b kind"]:
    """The sums of the points of every tile, over all channels."""
    factors = [spread(factor, first, nodes) if i % 4 == 2 else factor for i, factor in enumerate(factors)]
    pairs = [[part.reshape(-1, size, *part.shape[1:]) for part in pair] for pair in terms(*factors)]
    plane, line = (jnp.concatenate(parts, axis=1) for parts in zip(*pairs, strict=True))
    return jnp.einsum("tpij,tpk->tijk", plane, line, precision=jax.lax.Precision.HIGHEST)


def taken(point: Int32[Array, "tile slot"], corner: Int32[Array, "point 3"], factors) -> tuple:
    """The rows and columns of tiles, and the first channels and the factors of the points in them."""
    corners = corner.at[point].get(mode="clip")
    slots = [factor.at[point.reshape(-1)].get(mode="fill", fill_value=0) for factor in factors]
    return corners[:, 0, :2], corners[:, :, 2].reshape(-1) // factors[3].shape[1], slots


def add_in_tiles(terms: Callable, settled, since, count, corner, *factors):
    """Adds the sum of each tile to its window, and settles all of them: that is cheap there."""
    tall, wide, kinds = since.shape
    tiles = in_tiles(corner[:, 0] * wide + corner[:, 1], tall * wide)

    def add(sheet, grid):
        point = tiles.point[sheet]
        place, first, slots = taken(point, corner, factors)
        added = windows(terms, first, kinds // factors[3].shape[1], point.shape[1], *slots)
        return jax.lax.scatter_add(grid, place, added, ADDED, mode="promise_in_bounds")

    return *two_sum(settled, jax.lax.fori_loop(0, tiles.sheets, add, since)), count


def adjoint_in_tiles(terms: Callable, grid, corner, *factors):
    """Reads the window of each tile, for all of its points: the transpose of how sums vary with the factors."""
    tall, wide, kinds = grid.shape
    tiles = in_tiles(corner[:, 0] * wide + corner[:, 1], tall * wide)
    window = (factors[0].shape[1], factors[1].shape[1], kinds)

    def read(sheet, results):
        point = tiles.point[sheet]
        place, first, slots = taken(point, corner, factors)
        seen = jax.lax.gather(grid, place, READ, window, mode="promise_in_bounds")
        sums = partial(windows, terms, first, kinds // factors[3].shape[1], point.shape[1])
        parts = jax.vjp(sums, *slots)[1](seen)
        return [
            result.at[point.reshape(-1)].set(part, mode="drop", unique_indices=True)
            for result, part in zip(results, parts, strict=True)
        ]

    return jax.lax.fori_loop(0, tiles.sheets, read, alike([jnp.zeros_like(factor) for factor in factors], grid))
