"""Sums that keep their digits, of any number of points in single precision."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

MOST = 512
"""Points that a place takes before its parts are settled: a sum of equal ones is off by 1e-8 a point, at worst."""
EVERY = 8
"""One of so many points is counted, for all of them."""


@final
class Sum(eqx.Module):
    """A grid to which points are added, in two parts: what is settled, and what was added to it since.

    One number after the other, added to a total that has grown, loses its last digits: a million equal ones are a total
    that is off by 2e-3 in single precision, and twenty millions by 6e-2. Here they are added to a part that is small,
    and the part to the total before it is large. What the total rounds off stays in the part, so that nothing is lost
    by how often that is done.

    References: Kahan (1965), Communications of the ACM 8, 40; Knuth (1998), The Art of Computer Programming, vol. 2,
    sec. 4.2.2, for the sum with its rounding error.
    """

    parts: Float[Array, "tall wide two_kind"]
    """For every place the settled parts of all kinds, then what was added since."""
    count: Float[Array, "tall wide"]
    """Points added since, by the corner of their windows; so many as are sure to suffice where only some are counted.
    A number of the kind of the grid, so that tangents have one of their own."""

    @staticmethod
    def onto(grid: Float[Array, "tall wide kind"]) -> "Sum":
        """A sum that begins with a grid."""
        return Sum(jnp.pad(grid, ((0, 0), (0, 0), (0, grid.shape[2]))), jnp.zeros_like(grid[:, :, 0]))

    def value(self) -> Float[Array, "tall wide kind"]:
        """The sum."""
        kinds = self.parts.shape[2] // 2
        return self.parts[:, :, :kinds] + self.parts[:, :, kinds:]


def two_sum(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], ...]:
    """A sum as it is rounded, and what it is off by."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def settled(parts: Float[Array, "a b two_kind"]) -> Float[Array, "a b two_kind"]:
    """The same sums, with as much of them as can be in the first part."""
    kinds = parts.shape[2] // 2
    return jnp.concatenate(two_sum(parts[:, :, :kinds], parts[:, :, kinds:]), axis=2)


def some_of(corner: Int32[Array, "point axis"], wide: int) -> Int32[Array, " some"]:
    """The places of some of the points, one of every few, drawn once and for all."""
    points = corner.shape[0]
    groups = -(-points // EVERY)
    turn = np.random.default_rng(0).integers(0, EVERY, groups)
    some = corner[np.minimum(EVERY * np.arange(groups) + turn, points - 1)]
    return some[:, 0] * wide + some[:, 1]


def at(count: Float[Array, "tall wide"], place: Int32[Array, " some"]) -> Float[Array, " some"]:
    """The counts of places."""
    return count.reshape(-1).at[place].get(mode="promise_in_bounds")


def counted(
    count: Float[Array, "tall wide"], place: Int32[Array, " some"], here: Float[Array, " some"] | float = 1.0
) -> Float[Array, "tall wide"]:
    """The counts with some more points, those that are here."""
    more = jnp.broadcast_to(jnp.asarray(EVERY * here, count.dtype), place.shape)
    return count.reshape(-1).at[place].add(more, mode="promise_in_bounds").reshape(count.shape)


def settle_where_full(
    parts: Float[Array, "tall wide two_kind"],
    count: Float[Array, "tall wide"],
    place: Int32[Array, " some"],
    window: tuple[int, int],
    most: int | Float[Array, ""],
) -> tuple[Float[Array, "tall wide two_kind"], Float[Array, "tall wide"]]:
    """Settles the windows of those places that took many points, the fullest first."""
    wide, kinds = parts.shape[1:]

    def full(state):
        return jnp.max(at(state[1], place)) >= most

    def settle(state):
        parts, count = state
        fullest = place[jnp.argmax(at(count, place))]
        corner = (fullest // wide, fullest % wide, jnp.zeros_like(fullest))
        seen = jax.lax.dynamic_slice(parts, corner, (*window, kinds))
        count = count.reshape(-1).at[fullest].set(0, mode="promise_in_bounds").reshape(count.shape)
        return jax.lax.dynamic_update_slice(parts, settled(seen), corner), count

    return jax.lax.while_loop(full, settle, (parts, count))
