"""Integrals of an evenly sampled function over intervals, as one stencil."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from ifux.numerics.stencil import Stencil


def spline_coefficients(lines: Float[Array, "line pixel"]) -> Float[Array, "line pixel"]:
    r"""Coefficients of the quadratic B-splines whose values in the middle of the pixels are given.

    The inverse of the filter (1, 6, 1) / 8, whose response $\sqrt 2\,z^{|k|}$ with $z = 2\sqrt 2 - 3$ has 16 terms
    to either side, which leave out 1e-11. They are a product of four short filters,
    $\sum_{k < 16} z^k = \prod_{j < 4} (1 + z^{2^j})$. The lines go on as their mirror image beyond the ends.

    References: Unser, Aldroubi & Eden (1993), IEEE Trans. Signal Processing 41, 821.
    """
    pixels, shifts = lines.shape[1], (8, 4, 2, 1)
    left = sum(shifts)
    result = jnp.pad(lines, ((0, 0), (left, left)), mode="symmetric")
    for shift in shifts:
        power = (2 * math.sqrt(2) - 3) ** shift
        beside, left = power / (1 + power) ** 2, left - shift
        size = pixels + 2 * left
        sides = result[:, :size] + result[:, 2 * shift :]
        result = (1 - 2 * beside) * result[:, shift : shift + size] + beside * sides
    return result


def step_response(distance: Float[Array, "..."]) -> Float[Array, "..."]:
    """The share of a quadratic B-spline that lies below an edge, at a distance from the lower edge of its pixel.

    It rises from 0 at -1 to 1 at 2, with two continuous derivatives.
    """
    t = jnp.clip(distance, -1, 2)
    low, high = (t + 1) ** 3 / 6, 1 - (2 - t) ** 3 / 6
    middle = (1 + 3 * t + 3 * t**2 - 2 * t**3) / 6
    return jnp.where(t < 0, low, jnp.where(t <= 1, middle, high))


def integrate(whole: Int32[Array, " edge"], part: Float[Array, " edge"], size: int, widest: float) -> Stencil:
    """The stencil that integrates over the intervals between neighbouring edges, in units of pixels.

    It acts on the `spline_coefficients` of a function that is known at j + 1/2, in the middle of pixel j. The edges are
    at whole + part; they come in two pieces so that single precision does not blur them. Between the edges nothing is
    made or lost: integrals over neighbouring intervals add up exactly. Pixels outside 0 ... size - 1 count as zero.

    `widest` bounds the width of an interval in pixels, and with it the support.
    """
    carry = jnp.floor(part)
    whole, part = whole + carry.astype(jnp.int32), part - carry
    support = int(widest) + 4
    offset = jnp.arange(support, dtype=jnp.int32) - 1
    pixel = whole[:-1, None] + offset[None, :]
    below = step_response(part[:-1, None] - offset.astype(part.dtype)[None, :])
    gap = (whole[1:] - whole[:-1])[:, None] - offset[None, :]
    above = step_response(part[1:, None] + gap.astype(part.dtype))
    inside = (pixel >= 0) & (pixel < size)
    return Stencil(jnp.clip(pixel, 0, size - 1), jnp.where(inside, above - below, 0), size)
