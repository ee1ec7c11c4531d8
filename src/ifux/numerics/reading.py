"""Reading maps between their cells: the spline whose integrals over the cells are what the cells hold."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from ifux.numerics.stencil import spline

HIGHEST = jax.lax.Precision.HIGHEST

QUARTIC = (1 / 384, 76 / 384, 230 / 384, 76 / 384, 1 / 384)
"""Integrals of the cubic B-spline over the unit intervals around it: the quartic one at the integers."""

SUPPORT = 4
"""Nodes that a cubic spline touches."""


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


def splined(maps: Float[Array, "term tall wide channel"]) -> Float[Array, "term tall wide channel"]:
    """The coefficients of the cubic spline that has the integrals of maps over their cells.

    Smooth to the second derivative; its error falls with the fourth power of a cell.
    """
    _, tall, wide, _ = maps.shape
    down, across = (jnp.asarray(coefficients(size), maps.dtype) for size in (tall, wide))
    maps = jnp.einsum("ya,taxc->tyxc", down, maps, precision=HIGHEST)
    return jnp.einsum("xb,tybc->tyxc", across, maps, precision=HIGHEST)


def read_everywhere(
    spline_maps: Float[Array, "term tall wide channel"],
    rows: Float[Array, "element point"],
    columns: Float[Array, "element point"],
    shares: Float[Array, " point"],
) -> Float[Array, "term element channel"]:
    """The sums over points with some shares of what the splines are there, in cells from the middle of the first."""
    _, tall, wide, _ = spline_maps.shape
    up, across = (
        spline(place[..., None] - jnp.arange(size, dtype=place.dtype)[None, None, :], 3)
        for place, size in ((rows, tall), (columns, wide))
    )
    weights = jnp.einsum("epy,epx,p->eyx", up, across, shares, precision=HIGHEST).astype(spline_maps.dtype)
    return jnp.einsum("eyx,tyxc->tec", weights, spline_maps, precision=HIGHEST)


def read_around(
    spline_map: Float[Array, "tall wide channel"],
    rows: Float[Array, "element point"],
    columns: Float[Array, "element point"],
    shares: Float[Array, " point"],
    middle: Float[Array, "element 2"],
    cells: int,
) -> Float[Array, "element channel"]:
    """The same, of points within a square of so many cells around the middle of each element: nothing of others."""
    tall, wide, channels = spline_map.shape
    cells = min(cells, tall, wide)
    first = [
        jnp.clip(jnp.round(jax.lax.stop_gradient(place) - (cells - 1) / 2).astype(jnp.int32), 0, size - cells)
        for place, size in zip(middle.T, (tall, wide), strict=True)
    ]
    nodes = jnp.arange(cells, dtype=jnp.int32)
    up, across = (
        spline(place[..., None] - (begin[:, None] + nodes[None, :]).astype(place.dtype)[:, None, :], 3)
        for place, begin in zip((rows, columns), first, strict=True)
    )
    weights = jnp.einsum("epy,epx,p->eyx", up, across, shares, precision=HIGHEST).astype(spline_map.dtype)

    def around(row: Int32[Array, ""], column: Int32[Array, ""]) -> Float[Array, "cells cells channel"]:
        return jax.lax.dynamic_slice(spline_map, (row, column, jnp.int32(0)), (cells, cells, channels))

    return jnp.einsum("eyx,eyxc->ec", weights, jax.vmap(around)(*first), precision=HIGHEST)
