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

    settled: Float[Array, "tall wide kind"]
    """The total. A grid of its own, read and written only where much was added."""
    since: Float[Array, "tall wide kind"]
    """What was added since."""
    count: Float[Array, "tall wide"]
    """Points added since, by the corner of their windows; so many as are sure to suffice where only some are counted.
    A number of the kind of the grid, so that tangents have one of their own."""

    @staticmethod
    def onto(grid: Float[Array, "tall wide kind"]) -> "Sum":
        """A sum that begins with a grid."""
        return Sum(grid, jnp.zeros_like(grid), jnp.zeros_like(grid[:, :, 0]))

    def value(self) -> Float[Array, "tall wide kind"]:
        """The sum."""
        return self.settled + self.since


def two_sum(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], ...]:
    """A sum as it is rounded, and what it is off by."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


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
    settled: Float[Array, "tall wide kind"],
    since: Float[Array, "tall wide kind"],
    count: Float[Array, "tall wide"],
    place: Int32[Array, " some"],
    window: tuple[int, int],
    most: int | Float[Array, ""],
) -> tuple[Float[Array, "tall wide kind"], Float[Array, "tall wide kind"], Float[Array, "tall wide"]]:
    """Settles the windows of those places that took many points, the fullest first."""
    wide, kinds = since.shape[1:]

    def full(state):
        return jnp.max(at(state[2], place)) >= most

    def settle(state):
        settled, since, count = state
        fullest = place[jnp.argmax(at(count, place))]
        corner = (fullest // wide, fullest % wide, jnp.zeros_like(fullest))
        parts = [jax.lax.dynamic_slice(grid, corner, (*window, kinds)) for grid in (settled, since)]
        # Always so, but what goes into a branch is in memory. XLA would read either window anew as it writes the other,
        # and copy both grids for that.
        parts = jax.lax.cond(full(state), two_sum, lambda *parts: parts, *parts)
        settled, since = (
            jax.lax.dynamic_update_slice(grid, part, corner) for grid, part in zip((settled, since), parts, strict=True)
        )
        return settled, since, count.reshape(-1).at[fullest].set(0, mode="promise_in_bounds").reshape(count.shape)

    return jax.lax.while_loop(full, settle, (settled, since, count))
