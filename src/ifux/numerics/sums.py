"""Sums that keep their digits, of any number of points in single precision."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

MOST = 512
"""Points that a place takes before its parts are settled: a sum of equal ones is off by 1e-8 a point, at worst."""
EVERY = 16
"""One of so many points is counted, for all of them."""
COUNTERS = 8192
"""Places that stand so many apart share a counter, where a bound is all that is wanted."""


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
    count: Float[Array, "tall wide channel"]
    """Points added since, by the place and the channel where their windows begin; one of every few stands for all.
    Numbers of the type of the grid, so that tangents have their own."""

    @staticmethod
    def onto(grid: Float[Array, "tall wide kind"], channels: int) -> "Sum":
        """A sum that begins with a grid, whose kinds are so many channels times a basis."""
        parts = jnp.pad(grid, ((0, 0), (0, 0), (0, grid.shape[2])))
        return Sum(parts, jnp.zeros_like(grid, shape=(*grid.shape[:2], channels)))

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


def some_of(
    corner: Int32[Array, "point 3"], count: Float[Array, "tall wide channel"], kinds: int
) -> Int32[Array, " some"]:
    """The places of some of the points among the counts, one of every few, drawn once and for all."""
    points = corner.shape[0]
    groups = -(-points // EVERY)
    turn = np.random.default_rng(0).integers(0, EVERY, groups)
    some = corner[np.minimum(EVERY * np.arange(groups) + turn, points - 1)]
    _, wide, channels = count.shape
    return (some[:, 0] * wide + some[:, 1]) * channels + some[:, 2] // (kinds // channels)


def at(count: Float[Array, "tall wide channel"], place: Int32[Array, " some"]) -> Float[Array, " some"]:
    """The counts of places."""
    return count.reshape(-1).at[place].get(mode="promise_in_bounds")


def counted(
    count: Float[Array, "tall wide channel"], place: Int32[Array, " some"], here: Float[Array, " some"] | float = 1.0
) -> Float[Array, "tall wide channel"]:
    """The counts with some more points, those that are here."""
    more = jnp.broadcast_to(jnp.asarray(EVERY * here, count.dtype), place.shape)
    return count.reshape(-1).at[place].add(more, mode="promise_in_bounds").reshape(count.shape)


def at_most(count: Float[Array, "tall wide channel"], place: Int32[Array, " some"]) -> Float[Array, ""]:
    """The largest count of any place with some more points, or a larger number.

    XLA would copy all counts for a sum that is only looked at.
    """
    counter = place % COUNTERS
    here = jnp.zeros_like(count, shape=COUNTERS).at[counter].add(EVERY, mode="promise_in_bounds")
    return jnp.max(at(count, place) + here.at[counter].get(mode="promise_in_bounds"))


def settle_where_full(
    parts: Float[Array, "tall wide two_kind"],
    count: Float[Array, "tall wide channel"],
    place: Int32[Array, " some"],
    window: tuple[int, int, int],
) -> tuple[Float[Array, "tall wide two_kind"], Float[Array, "tall wide channel"]]:
    """Settles the windows of those places that took many points, the fullest first."""
    kinds, channels = parts.shape[2] // 2, count.shape[2]
    tall, wide, depth = window

    def full(state):
        return jnp.max(at(state[1], place)) >= MOST

    def settle(state):
        parts, count = state
        fullest = place[jnp.argmax(at(count, place))]
        row, column, channel = jnp.unravel_index(fullest, count.shape)
        corner = row, column, jnp.zeros_like(row), channel * (kinds // channels)
        seen = jax.lax.dynamic_slice(parts, corner, (tall, wide, 2, depth))
        seen = settled(seen.reshape(tall, wide, 2 * depth)).reshape(seen.shape)
        count = jax.lax.dynamic_update_slice(count, jnp.zeros_like(count, shape=(1, 1, 1)), (row, column, channel))
        return jax.lax.dynamic_update_slice(parts, seen, corner), count

    state = parts.reshape(*parts.shape[:2], 2, kinds), count
    found, count = jax.lax.while_loop(full, settle, state)
    return found.reshape(parts.shape), count
