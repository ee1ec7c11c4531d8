"""Points with a place and a mixture, added up on the product of all grids."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.stencil import Stencil, dense
from ifux.numerics.windows import add_product


def deposit(
    grid: Float[Array, "tall wide kind"],
    place: Sequence[Stencil],
    mixture: Stencil | Float[Array, "point basis"],
    amount: Float[Array, " point"],
) -> Float[Array, "tall wide kind"]:
    """Adds amount x place x mixture of every point to a grid.

    The place is a stencil of consecutive nodes on each of three axes: rows, columns, and channels, with which the basis
    shares the last axis of the grid. A dense mixture is added in windows; a sparse one entry by entry, which costs
    nothing for the rest of its row.
    """
    rows, columns, channels = place
    if isinstance(mixture, Stencil):
        if grid.size >= 2**31:
            raise ValueError(
                f"{grid.shape[0] * grid.shape[1] * channels.size} places times {mixture.size} basis spectra are "
                f"{grid.size} weights, more than 32 bits can count: use a low-rank basis, fewer spaxels or fewer "
                "velocity nodes."
            )
        nodes = rows.outer(columns).outer(channels).outer(mixture)
        added = (amount[:, None] * nodes.weight).reshape(-1)
        return grid.reshape(-1).at[nodes.index.reshape(-1)].add(added, mode="promise_in_bounds").reshape(grid.shape)
    corner = jnp.stack([rows.index[:, 0], columns.index[:, 0], channels.index[:, 0] * mixture.shape[1]], axis=1)
    return add_product(grid, corner, amount[:, None] * rows.weight, columns.weight, channels.weight, mixture)


def joined(
    shares: Float[Array, "point term"], mixture: Stencil | Float[Array, "point basis"]
) -> Stencil | Float[Array, "point kind"]:
    """A mixture of every term and basis spectrum, those of the basis fastest."""
    if isinstance(mixture, Stencil):
        return dense(shares).outer(mixture)
    both = shares[:, :, None] * mixture[:, None, :]
    return both.reshape(both.shape[0], both.shape[1] * both.shape[2])
