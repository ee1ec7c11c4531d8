"""Areas that convex polygons share with a disc and with a square, by Stokes's theorem along their sides.

Both are integrals along the way around a polygon, drawn back onto the other shape where it leaves it: what the way goes
around within stays the same, and what lies on the edge has no area. No corner of what is shared is looked for, so that
sides may be parallel, or the same. Where the shapes do not touch it is exactly zero. As a side moves, the area grows by
what the part of it within the other shape sweeps,

$$\\mathrm{d}A = \\sum_\\mathrm{sides} \\int_\\mathrm{within} \\mathrm{d}\\vec{x} \\cdot \\vec{n}\\,\\mathrm{d}s.$$

Corners go around from x to y.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.numerics.extremes import larger, smaller

Ends = tuple[Float[Array, "*pair side"], Float[Array, "*pair side"]]
"""Along x and along y, of where sides begin or end."""

STEEP = 1e-9
"""Of a side along an axis, over half of the square's: from which on it does not cross lines along the other axis."""


def rectangle(sides: Float[Array, "2"]) -> Float[Array, "2 corner"]:
    """The corners of one with sides along x and y around the origin."""
    return jnp.asarray([[1, 1, -1, -1], [-1, 1, 1, -1]], sides.dtype) * sides[:, None] / 2


def around(x: Float[Array, "*pair"], y: Float[Array, "*pair"], corners: Float[Array, "2 corner"]) -> tuple[Ends, Ends]:
    """Where the sides of a polygon begin and where they end, if its corners around the origin stand around a place."""
    begin, end = ((jnp.add.outer(x, at[0]), jnp.add.outer(y, at[1])) for at in (corners, jnp.roll(corners, -1, axis=1)))
    return begin, end


# --- a disc -----------------------------------------------------------------------------------------------------------


@jax.custom_jvp
def shared_with_disc(begin: Ends, end: Ends) -> Float[Array, "*pair"]:
    r"""Of polygons and the disc of radius one around the origin.

    $$A = \frac12 \oint \min(r, 1)^2\,\mathrm{d}\varphi$$

    Along a side at a distance h from the origin this is $\frac12 \int h\,\mathrm{d}s$ within the disc, and half of the
    angle beyond.
    """
    height, first, length = feet(begin, end)
    last, half = first + length, half_chord(height)
    (start, one), (stop, other) = (drawn_back(along, height, half) for along in (first, last))
    angle = jnp.arctan2(other[1] * one[0] - one[1] * other[0], other[0] * one[0] + other[1] * one[1])
    area = (height * (stop - start) + angle).sum(axis=-1) / 2
    nearest = larger(jnp.zeros_like(first), larger(first, -last))
    touches = (height**2 + nearest**2 < 1).any(axis=-1) | (height > 0).all(axis=-1)
    return positive(area, touches)


@shared_with_disc.defjvp
def disc_swept(
    sides: tuple[Ends, Ends], moves: tuple[Ends, Ends]
) -> tuple[Float[Array, "*pair"], Float[Array, "*pair"]]:
    """With its derivative."""
    height, first, length = feet(*sides)
    half = half_chord(height)
    start, stop = ((larger(-half, smaller(along, half)) - first) / length for along in (first, first + length))
    return shared_with_disc(*sides), swept(sides, moves, start, stop)


def feet(begin: Ends, end: Ends) -> tuple[Float[Array, "*side"], Float[Array, "*side"], Float[Array, "*side"]]:
    """How far sides are from the origin, which is to the left; where they begin, from its foot; and their length."""
    (x, y), across, up = begin, end[0] - begin[0], end[1] - begin[1]
    length = jnp.sqrt(across**2 + up**2)
    return (x * up - y * across) / length, (x * across + y * up) / length, length


def half_chord(height: Float[Array, "*side"]) -> Float[Array, "*side"]:
    """Of a line at a distance from the middle of the disc."""
    square = 1 - height**2
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def drawn_back(
    along: Float[Array, "*side"], height: Float[Array, "*side"], half: Float[Array, "*side"]
) -> tuple[Float[Array, "*side"], tuple[Float[Array, "*side"], Float[Array, "*side"]]]:
    """A place along a side, drawn back to within half a chord of its foot.

    And cosine and sine of the angle between both, seen from the origin, times some number of at least one.
    """
    within, beyond = larger(-half, smaller(along, half)), jnp.abs(along) > half
    cosine = jnp.where(beyond, height**2 + along * within, 1)
    return within, (cosine, jnp.where(beyond, height * (along - within), 0))


# --- a square ---------------------------------------------------------------------------------------------------------


@jax.custom_jvp
def shared_with_square(begin: Ends, end: Ends) -> Float[Array, "*pair"]:
    r"""Of polygons and the square of side two around the origin.

    $$A = -\oint Y\,\mathrm{d}X,$$

    where X and Y are the place of the polygon drawn back onto the square: along a side Y is a ramp with two ends, whose
    mean has a closed form.
    """
    (x, y), across, up = begin, end[0] - begin[0], end[1] - begin[1]
    upright = jnp.abs(across) <= STEEP
    slope = jnp.where(upright, 0, up / jnp.where(upright, 1, across))
    start, stop = (jnp.clip(at[0], -1, 1) for at in (begin, end))
    first, last = y + (start - x) * slope, end[1] + (stop - end[0]) * slope
    area = ((start - stop) * (mean_above(first, last, -1) - mean_above(first, last, 1))).sum(axis=-1)
    beyond = [((at >= 1).all(axis=-1) | (at <= -1).all(axis=-1)) for at in begin]
    nearest = x * up - y * across + jnp.abs(across) + jnp.abs(up)
    return positive(area, ~(beyond[0] | beyond[1] | (nearest <= 0).any(axis=-1)))


@shared_with_square.defjvp
def square_swept(
    sides: tuple[Ends, Ends], moves: tuple[Ends, Ends]
) -> tuple[Float[Array, "*pair"], Float[Array, "*pair"]]:
    """With its derivative."""
    start, stop = jnp.zeros_like(sides[0][0]), jnp.ones_like(sides[0][0])
    for begin, end in zip(*sides, strict=True):
        along = end - begin
        level = jnp.abs(along) <= STEEP
        one, other = ((side - begin) / jnp.where(level, 1, along) for side in (-1, 1))
        enters, leaves = jnp.where(one < other, one, other), jnp.where(one < other, other, one)
        never = level & (jnp.abs(begin) > 1)
        start = larger(start, jnp.where(level, never.astype(along.dtype), enters))
        stop = smaller(stop, jnp.where(level, 1, leaves))
    return shared_with_square(*sides), swept(sides, moves, start, larger(start, stop))


def mean_above(one: Float[Array, "*side"], other: Float[Array, "*side"], level: int) -> Float[Array, "*side"]:
    """The mean over an interval of what is above a level, and of zero below it."""
    low, high = smaller(one, other) - level, larger(one, other) - level
    crosses = (low < 0) & (high > 0)
    part = high**2 / (2 * jnp.where(crosses, high - low, 1))
    return jnp.where(crosses, part, jnp.where(low < 0, 0, (low + high) / 2))


# --- both -------------------------------------------------------------------------------------------------------------


def swept(
    sides: tuple[Ends, Ends], moves: tuple[Ends, Ends], start: Float[Array, "*side"], stop: Float[Array, "*side"]
) -> Float[Array, "*pair"]:
    """What parts of sides sweep if their ends move, from a share of a side to another."""
    begin, end = sides
    across, up = end[0] - begin[0], end[1] - begin[1]
    outward = [up * move[0] - across * move[1] for move in moves]
    middle = (start + stop) / 2
    return ((stop - start) * (outward[0] * (1 - middle) + outward[1] * middle)).sum(axis=-1)


def positive(area: Float[Array, "*pair"], touches: Bool[Array, "*pair"]) -> Float[Array, "*pair"]:
    """An area, without what rounding leaves of those that do not touch."""
    return jnp.where(touches & (area > 0), area, 0)
