"""Poisson numbers, each a function of a key and of its own place, and their likelihood."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, UInt32

from ifux.numerics.normal import counters, open_unit, threefry

FEW = 10.0
"""Rates below it are inverted, those from it on are drawn by rejection."""
TERMS = 48
"""Of the sum that is inverted: of a rate of ten, 7e-18 lies beyond."""
SERIES = 8.0
"""Counts from it on have Stirling's series, within 2e-10 of the logarithm of their factorial."""


def poisson(key: PRNGKeyArray, rate: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
    r"""Independent counts of given rates, in the shape of a cube or of its elements; a rate that is no number has none.

    Exact but for the rounding of the uniform numbers that they are made of, of 24 bits in single precision: below a
    rate of ten by inversion of the distribution, which leaves out the last 6e-8 of it, from there on by transformed
    rejection. The same for any number of devices.

    A count has no slope. What stands in for it is that of the normal number as many standard deviations from its mean,
    $\lambda + z \sqrt\lambda$ with z held: $(n + \lambda) / 2\lambda$. Mean and variance of functions that are linear
    in the counts have their true slopes by it.

    References: Hoermann (1993), Insurance: Mathematics and Economics 12, 39, algorithm PTRS.
    """
    held = jax.lax.stop_gradient(rate)
    known = jnp.where(held > 0, held, 0)
    count = drawn(jax.random.bits(key, (2,), jnp.uint32), known)
    slope = jnp.where(known > 0, (count + known) / (2 * jnp.where(known > 0, known, 1)), 1)
    return count + slope * (rate - held)


def drawn(key: UInt32[Array, "2"], rate: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
    """The counts, without a slope."""
    place, wave = counters(rate.shape)
    first = open_unit(threefry(key, place, wave)[0], rate.dtype)
    start = jnp.where(rate < FEW, inverted(first, jnp.minimum(rate, FEW)), -1)

    def attempt(state: tuple[UInt32[Array, ""], Float[Array, "*place wave"]]):
        number, count = state
        again = jnp.stack(threefry(key, number, jnp.uint32(0)))
        one, two = (open_unit(word, rate.dtype) for word in threefry(again, place, wave))
        trial, accepted = tried(one, two, jnp.maximum(rate, FEW))
        return number + jnp.uint32(1), jnp.where((count < 0) & accepted, trial, count)

    # The key has given uniform numbers to all places: the keys of the attempts count from where no place is.
    return jax.lax.while_loop(lambda state: jnp.any(state[1] < 0), attempt, (jnp.uint32(2**31), start))[1]


def inverted(uniform: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The least count whose probability not to be exceeded is as large as a uniform number, for small rates."""
    term = jnp.exp(-rate)
    below, count = term, jnp.zeros_like(rate)
    for number in range(1, TERMS):
        count = count + (uniform > below).astype(rate.dtype)
        term = term * rate * (1 / number)
        below = below + term
    return count


def tried(
    first: Float[Array, "*shape"], second: Float[Array, "*shape"], rate: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Bool[Array, "*shape"]]:
    """A count of a rate of ten or more, and whether it is accepted."""
    b = 0.931 + 2.53 * jnp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    offset = first - 0.5
    # Where no room is left beside the offset, the quotient is huge, and the trial is rejected.
    room = jnp.maximum(0.5 - jnp.abs(offset), 1e-12)
    trial = jnp.floor((2 * a / room + b) * offset + rate + 0.43)
    inside = (trial >= 0) & ((room >= 0.013) | (second <= room))
    height = second * (1.1239 + 1.1328 / (b - 3.4)) / (a / room**2 + b)
    return trial, inside & (jnp.log(height) <= whole_log_probability(jnp.maximum(trial, 0), rate))


def whole_log_probability(count: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Logarithm of the probability of a whole number, without gamma functions."""
    few = count * jnp.log(rate) - rate
    return jnp.where(count < 1.5, few, saddle(jnp.maximum(count, 1.5), rate, 1 / 1680))


def log_probability(count: Float[Array, "*shape"], rate: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Logarithm of $\lambda^n e^{-\lambda} / \Gamma(n + 1)$, for counts that need not be whole, and rates above zero.

    Written as the distance of count and rate, so that large numbers do not cancel.

    References: Loader (2000), Fast and Accurate Computation of Binomial Probabilities, eq. 3.
    """
    small = count < SERIES
    few, many = jnp.where(small, count, 1), jnp.where(small, SERIES, count)
    direct = few * jnp.log(rate) - rate - jax.scipy.special.gammaln(few + 1)
    return jnp.where(small, direct, saddle(many, rate, 0.0))


def saddle(count: Float[Array, "*shape"], rate: Float[Array, "*shape"], fourth: float) -> Float[Array, "*shape"]:
    """The same with Stirling's series, to the third term and a fourth of the given coefficient."""
    inverse = 1 / count
    square = inverse * inverse
    error = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * fourth)))
    return -count * distance((rate - count) * inverse, rate * inverse) - 0.5 * jnp.log(2 * math.pi * count) - error


def distance(x: Float[Array, "*shape"], ratio: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x - log(1 + x) where 1 + x is a ratio: without loss of digits where x is small, nor where the ratio is."""
    near = jnp.abs(x) < 0.1
    small = jnp.where(near, x, 0)
    series = jnp.full_like(x, 1 / 11)
    for power in range(10, 1, -1):
        series = 1 / power - small * series
    return jnp.where(near, small * small * series, x - jnp.log(jnp.where(near, 1, ratio)))
