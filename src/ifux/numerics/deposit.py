"""Points with a place and a mixture, added up on the product of all grids."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.blocks import accumulate
from ifux.numerics.stencil import Stencil, dense
from ifux.numerics.sums import Sum
from ifux.numerics.windows import add_product, settle

SPARSE = 512
"""Points with a sparse mixture that are added before one looks where many are, on a CPU."""


def deposit(
    total: Sum,
    place: Sequence[Stencil],
    mixture: Stencil | Float[Array, "point basis"],
    amount: Float[Array, " point"],
) -> Sum:
    """Adds amount x place x mixture of every point to a sum.

    The place is a stencil of consecutive nodes on each of three axes: rows, columns, and channels, with which the basis
    shares the last axis of the grid. A dense mixture is added in windows; a sparse one entry by entry, which costs
    nothing for the rest of its row.
    """
    rows, columns, channels = place
    if not isinstance(mixture, Stencil):
        corner = jnp.stack([rows.index[:, 0], columns.index[:, 0], channels.index[:, 0] * mixture.shape[1]], axis=1)
        return add_product(total, corner, amount[:, None] * rows.weight, columns.weight, channels.weight, mixture)
    tall, wide, kinds = total.parts.shape[0], total.parts.shape[1], total.parts.shape[2] // 2
    if tall * wide * kinds >= 2**31:
        raise ValueError(
            f"{tall * wide * channels.size} places times {mixture.size} basis spectra are {tall * wide * kinds} "
            "weights, more than 32 bits can count: use a low-rank basis, fewer spaxels or fewer velocity nodes."
        )

    def add(total: Sum, points) -> Sum:
        (rows, columns), kind, amount = points
        spaxel = rows.outer(columns)
        added = (amount[:, None] * spaxel.weight)[:, :, None] * kind.weight[:, None, :]
        parts = total.parts.reshape(tall * wide, 2 * kinds)
        parts = parts.at[spaxel.index[:, :, None], kinds + kind.index[:, None, :]].add(added, mode="promise_in_bounds")
        first = kind.index[:, 0] // mixture.size * mixture.size
        corner = jnp.stack([rows.index[:, 0], columns.index[:, 0], first], axis=1)
        window = rows.index.shape[1], columns.index.shape[1], channels.index.shape[1] * mixture.size
        return settle(Sum(parts.reshape(total.parts.shape), total.count), corner, window)

    together = SPARSE if jax.default_backend() == "cpu" else 4 * SPARSE
    return accumulate(add, total, ((rows, columns), channels.outer(mixture), amount), together)


def joined(
    shares: Float[Array, "point term"], mixture: Stencil | Float[Array, "point basis"]
) -> Stencil | Float[Array, "point kind"]:
    """A mixture of every term and basis spectrum, those of the basis fastest."""
    if isinstance(mixture, Stencil):
        return dense(shares).outer(mixture)
    both = shares[:, :, None] * mixture[:, None, :]
    return both.reshape(both.shape[0], both.shape[1] * both.shape[2])
