"""The sparse operator of the package: each point touches a few nodes of a grid, with weights."""

from typing import Literal, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

Degree = Literal[0, 1, 2, 3]
"""Degree of a B-spline: 0 nearest node, 1 linear, 2 quadratic, 3 cubic. It touches degree + 1 nodes."""


@final
class Stencil(eqx.Module):
    """A sparse matrix of shape [point, node] with `support` entries a row.

    `gather` applies it (interpolation); `scatter` applies its transpose (deposit). Entries off the grid have
    weight zero: what falls outside is lost, never piled up on the edge.
    """

    index: Int32[Array, "point support"]
    weight: Float[Array, "point support"]
    size: int = eqx.field(static=True)
    """Number of nodes."""

    def gather(self, table: Float[Array, "node *row"]) -> Float[Array, "point *row"]:
        """Interpolates: for every point, the weighted sum of the rows of its nodes."""
        row = (1,) * (table.ndim - 1)
        terms = (
            self.weight[:, i].reshape(-1, *row) * table.at[self.index[:, i]].get(mode="promise_in_bounds")
            for i in range(self.index.shape[1])
        )
        return sum(terms, start=jnp.zeros((self.index.shape[0], *table.shape[1:]), table.dtype))

    def scatter(self, rows: Float[Array, "point *row"]) -> Float[Array, "node *row"]:
        """Deposits: adds the row of every point to its nodes. The transpose of `gather`."""
        shape = rows.shape[1:]
        weight = self.weight.reshape(*self.weight.shape, *(1,) * len(shape))
        updates = (weight * rows[:, None]).reshape(-1, *shape)
        grid = jnp.zeros((self.size, *shape), rows.dtype)
        return grid.at[self.index.reshape(-1)].add(updates, mode="promise_in_bounds")

    def total(self) -> Float[Array, " point"]:
        """Sum of the weights of every point: one on the grid, less where part of it falls off."""
        return self.weight.sum(axis=1)

    def outer(self, other: "Stencil") -> "Stencil":
        """The stencil over the product of two grids; the nodes of `other` vary fastest."""
        index = self.index[:, :, None] * other.size + other.index[:, None, :]
        weight = self.weight[:, :, None] * other.weight[:, None, :]
        points = index.shape[0]
        return Stencil(index.reshape(points, -1), weight.reshape(points, -1), self.size * other.size)


def dense(rows: Float[Array, "point node"]) -> Stencil:
    """The stencil in which every point touches every node."""
    index = jnp.broadcast_to(jnp.arange(rows.shape[1], dtype=jnp.int32)[None, :], rows.shape)
    return Stencil(index, rows, rows.shape[1])


def bspline(position: Float[Array, " point"], size: int, degree: Degree) -> Stencil:
    """B-spline weights around positions on the integer nodes 0 ... size - 1.

    The weights of a point sum to one and, from degree 1 on, their mean is its position. They have degree - 1
    continuous derivatives; those of degree 0 are piecewise constant and have no gradient.

    References: Hockney & Eastwood (1981), Computer Simulation Using Particles, sec. 5-3, where degrees 0 to 2 are
    the nearest grid point, the cloud in cell and the triangular-shaped cloud.
    """
    base = jnp.floor(position + 0.5) if degree % 2 == 0 else jnp.floor(position)
    t = position - base
    if degree == 0:
        terms = [jnp.ones_like(t)]
    elif degree == 1:
        terms = [1 - t, t]
    elif degree == 2:
        terms = [0.5 * (0.5 - t) ** 2, 0.75 - t**2, 0.5 * (0.5 + t) ** 2]
    else:
        terms = [(1 - t) ** 3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6, t**3 / 6]
    weights = jnp.stack(terms, axis=1)
    # Far outside, the cast to integers would overflow.
    base = jnp.clip(base, -4, size + 4).astype(jnp.int32)
    index = base[:, None] + (jnp.arange(degree + 1, dtype=jnp.int32) - degree // 2)[None, :]
    inside = (index >= 0) & (index < size)
    return Stencil(jnp.clip(index, 0, size - 1), jnp.where(inside, weights, 0), size)


def between(position: Float[Array, " point"], nodes: Float[Array, " node"]) -> Stencil:
    """Linear weights between increasing nodes; a position outside is held at the nearest end."""
    position = jnp.clip(position, nodes[0], nodes[-1])
    index = jnp.clip(jnp.searchsorted(nodes, position, side="right") - 1, 0, nodes.size - 2).astype(jnp.int32)
    low = nodes[index]
    t = (position - low) / (nodes[index + 1] - low)
    return Stencil(jnp.stack([index, index + 1], axis=1), jnp.stack([1 - t, t], axis=1), nodes.size)


def window(frequency: Float[np.ndarray, "..."], degree: Degree) -> Float[np.ndarray, "..."]:
    """Fourier transform of the B-spline at a frequency in cycles per node: `sinc` to the power of degree + 1."""
    return np.sinc(frequency) ** (degree + 1)


def spline_values(size: int, margin: int, degree: Degree) -> Float[np.ndarray, "node value"]:
    """The matrix from values on nodes -margin ... size - 1 + margin to the B-spline coefficients on 0 ... size - 1.

    A spline with these coefficients goes through the values. The margin keeps the ends, where the spline is
    natural, away: their influence falls by 0.27 a node.
    """
    if degree < 3:
        return np.eye(size, size + 2 * margin, margin)
    full = size + 2 * margin
    matrix = (np.eye(full, k=-1) + 4 * np.eye(full) + np.eye(full, k=1)) / 6
    matrix[0, :3] = matrix[-1, -3:] = [1, -2, 1]
    values = np.eye(full)
    values[0, 0] = values[-1, -1] = 0
    return np.linalg.solve(matrix, values)[margin : margin + size]
