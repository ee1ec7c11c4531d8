"""The sparse operator of the package: each point touches a few nodes of a grid, with weights."""

from functools import partial
from typing import Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from ifux.numerics.lattice import Lattice

Degree = Literal[0, 1, 2, 3, 4, 5]
"""Of a B-spline: 0 nearest node, 1 linear, 2 quadratic, 3 cubic, 4 quartic, 5 quintic. It touches degree + 1 nodes."""


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

    def gather(self, table: Float[Array, " node *row"]) -> Float[Array, " point *row"]:
        """Interpolates: for every point, the weighted sum of the rows of its nodes."""
        rows = rows_of(table, self.index)
        return jnp.einsum("ps,ps...->p...", self.weight, rows, precision=jax.lax.Precision.HIGHEST)

    def scatter(self, rows: Float[Array, " point *row"]) -> Float[Array, " node *row"]:
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
        shape = index.shape[0], index.shape[1] * index.shape[2]
        return Stencil(index.reshape(shape), weight.reshape(shape), self.size * other.size)


def dense(rows: Float[Array, "point node"]) -> Stencil:
    """The stencil in which every point touches every node."""
    index = jnp.broadcast_to(jnp.arange(rows.shape[1], dtype=jnp.int32)[None, :], rows.shape)
    return Stencil(index, rows, rows.shape[1])


def bspline(position: Float[Array, " point"], size: int, degree: Degree, support: int | None = None) -> Stencil:
    """B-spline weights around positions on the integer nodes 0 ... size - 1.

    The weights of a point sum to one and, from degree 1 on, their mean is its position. They have degree - 1
    continuous derivatives; those of degree 0 are piecewise constant and have no gradient. The nodes of a point are
    consecutive; those off the grid are left out. With a support of more nodes than degree + 1, the others have nothing.

    References: Hockney & Eastwood (1981), Computer Simulation Using Particles, sec. 5-3, where degrees 0 to 2 are
    the nearest grid point, the cloud in cell and the triangular-shaped cloud.
    """
    touched = degree + 1 if support is None else support
    support = min(touched, size)
    first = jnp.clip(jnp.floor(position - 0.5 * (touched - 2)), 0, size - support)
    nodes = jnp.arange(support, dtype=jnp.int32)
    offset = position[:, None] - (first[:, None] + nodes[None, :].astype(position.dtype))
    return Stencil(first.astype(jnp.int32)[:, None] + nodes[None, :], spline(offset, degree), size)


REACH = 1.5
"""Nodes beyond which a Gaussian is cut that is integrated around nodes."""

NARROWEST = 1e-6
"""Standard deviation of one that is taken for a point [node]."""


def gaussian_bins(position: Float[Array, " point"], size: int, sigma: Float[Array, ""]) -> Stencil:
    r"""Integrals of a Gaussian around positions over the unit intervals about the integer nodes 0 ... size - 1.

    $$w_n = \Phi\left(\frac{n + 1/2 - x}{\sigma}\right) - \Phi\left(\frac{n - 1/2 - x}{\sigma}\right)$$

    Cut one and a half nodes away, and divided by what is left: the weights of a point sum to one. They are exact for a
    narrow one, to 2e-4 for a full width at half maximum of one node. With a width of zero all is at the nearest node,
    intervals are closed to the left, and there is no gradient.
    """
    support = min(4, size)
    first = jnp.clip(jnp.floor(position - 1), 0, size - support)
    nodes = jnp.arange(support + 1, dtype=jnp.int32)
    edges = first[:, None] + nodes[None, :].astype(position.dtype) - 0.5 - position[:, None]
    width = jnp.where(sigma > NARROWEST, sigma, 1)
    tail = jax.scipy.special.ndtr(-REACH / width)
    below = (jax.scipy.special.ndtr(edges / width) - tail) / (1 - 2 * tail)
    below = jnp.where(sigma > NARROWEST, jnp.clip(below, 0, 1), jnp.where(edges > 0, 1, 0).astype(position.dtype))
    return Stencil(first.astype(jnp.int32)[:, None] + nodes[None, :-1], jnp.diff(below, axis=1), size)


def framed(position: Float[Array, " point"], size: int, ring: int, coarse: int, degree: Degree) -> Stencil:
    """B-spline weights on fine nodes within a frame of coarse ones, `coarse` times as far apart.

    The first and the last `ring` nodes of the axis are coarse, see `Lattice`; positions are counted in fine nodes, from
    the first. A point touches nodes of one sort alone: fine ones with splines of a degree, where all that these, or
    cubic ones, would touch are there, and else coarse ones with a cubic spline.
    """
    lattice = Lattice(size - 2 * ring, ring, coarse)
    place = (position - lattice.origin) / coarse + lattice.before
    support = max(4, degree + 1)
    fine = bspline(position, lattice.fine, degree, support)
    left, right = bspline(place, ring, 3, support), bspline(place - lattice.right, ring, 3, support)
    edge = max(1.5, 0.5 * support - 1)
    low, high = (position < edge)[:, None], (position > lattice.fine - 1 - edge)[:, None]
    index = jnp.where(low, left.index, jnp.where(high, right.index + size - ring, fine.index + ring))
    weight = jnp.where(low, left.weight, jnp.where(high, right.weight, fine.weight))
    return Stencil(index, weight, size)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def spline(offset: Float[Array, "..."], degree: Degree) -> Float[Array, "..."]:
    """The B-spline at an offset from its node; its pieces are closed to the left."""
    distance = jnp.abs(offset)
    if degree == 0:
        return jnp.where((offset >= -0.5) & (offset < 0.5), 1.0, 0.0).astype(offset.dtype)
    if degree == 1:
        return jnp.where(
            (offset >= -1) & (offset < 0), 1 + offset, jnp.where((offset >= 0) & (offset < 1), 1 - offset, 0)
        )
    if degree == 2:
        return jnp.where(distance < 0.5, 0.75 - distance**2, 0.5 * jnp.maximum(1.5 - distance, 0) ** 2)
    if degree == 4:
        outer = (jnp.maximum(2.5 - distance, 0) ** 4 - 5 * jnp.maximum(1.5 - distance, 0) ** 4) / 24
        return jnp.where(distance < 0.5, 115 / 192 - distance**2 * (0.625 - distance**2 / 4), outer)
    if degree == 5:
        outer = (jnp.maximum(3 - distance, 0) ** 5 - 6 * jnp.maximum(2 - distance, 0) ** 5) / 120
        return jnp.where(distance < 1, 0.55 - distance**2 * (0.5 - distance**2 * (1 / 4 - distance / 12)), outer)
    return jnp.where(distance < 1, 2 / 3 - distance**2 * (1 - distance / 2), jnp.maximum(2 - distance, 0) ** 3 / 6)


@spline.defjvp
def spline_jvp(degree, primals, tangents):
    """The slope is the difference of two splines of one degree less."""
    (offset,), (change,) = primals, tangents
    value = spline(offset, degree)
    if degree == 0:
        return value, jnp.zeros_like(change)
    return value, (spline(offset + 0.5, degree - 1) - spline(offset - 0.5, degree - 1)) * change


@jax.custom_jvp
def rows_of(table: Float[Array, " node *row"], index: Int32[Array, "point ..."]) -> Float[Array, "point ..."]:
    """The rows of nodes. Their derivatives are added up by points in turns."""
    return table.at[index].get(mode="promise_in_bounds")


@rows_of.defjvp
def rows_of_jvp(primals, tangents):
    """Linear in the table."""
    (table, index), (change, _) = primals, tangents
    return rows_of(table, index), rows_in_turns(change, index)


def rows_in_turns(table: Float[Array, " node *row"], index: Int32[Array, "point ..."]) -> Float[Array, "point ..."]:
    """The same rows, read by points that take turns at copies of a short table.

    The transpose adds what points have to the rows that they read: thousands would lose digits, and on an accelerator
    wait for one another.
    """
    processor = jax.default_backend() == "cpu"
    if processor:
        copies = min(8, index.size // (2 * table.shape[0]))
    else:
        copies = min(1024, index.size // (16 * table.shape[0]), 65536 // table.shape[0])
    if copies < 2:
        return table.at[index].get(mode="promise_in_bounds")
    turn = (jnp.arange(index.shape[0], dtype=jnp.int32) % copies).reshape(-1, *(1,) * (index.ndim - 1))
    # The transpose of a stack adds few copies in one pass; a sum over them waits longer for its threads than it adds.
    many = jnp.stack([table] * copies) if processor else jnp.broadcast_to(table[None], (copies, *table.shape))
    return many.at[turn, index].get(mode="promise_in_bounds")


def between(position: Float[Array, " point"], nodes: Float[Array, " node"]) -> Stencil:
    """Linear weights between increasing nodes; a position outside is held at the nearest end."""
    position = jnp.clip(position, nodes[0], nodes[-1])
    index = jnp.clip(jnp.searchsorted(nodes, position, side="right") - 1, 0, nodes.size - 2).astype(jnp.int32)
    low, high = rows_of(nodes, index), rows_of(nodes, index + 1)
    t = (position - low) / (high - low)
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
