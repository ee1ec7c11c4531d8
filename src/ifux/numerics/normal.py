"""Standard normal numbers, each a function of a key and of its own place: one loop, whatever splits the array.

JAX's own generator of random bits keeps its rounds in a loop on a CPU, and every round goes through memory. Here they
are written out, and XLA fuses bits, normals and what is done with them.
"""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

ROUNDS = 13
"""Of Threefry-2x32: with thirteen no statistical flaw is known, and JAX takes twenty to be safe."""
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA

ROOT_HALF = 0x3F3504F3
"""The bits of the square root of a half, in single precision."""
LOGARITHM = (
    -0.499999916, 0.333339502, -0.250017553, 0.199620721, -0.165705081, 0.149179733, -0.143075224, 0.0873484459
)  # fmt: skip
r"""Coefficients p of $\log(1 + f) = f + f^2 p(f)$, within 3.1e-8 of it from the root of a half to that of two."""
SINE = (6.28318516, -41.34165503, 81.60100407, -76.54978232, 39.53670635)
r"""Coefficients of $\sin 2\pi x$ in odd powers of x, within 4e-9 up to a quarter."""


def threefry(
    key: UInt32[Array, "2"], high: UInt32[Array, "*shape"], low: UInt32[Array, "*shape"], rounds: int = ROUNDS
) -> tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """Two random words for each pair of counters: Threefry-2x32.

    References: Salmon, Moraes, Dror & Shaw (2011), Parallel Random Numbers: As Easy as 1, 2, 3, SC11.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(PARITY))
    high, low = high + schedule[0], low + schedule[1]
    for done in range(1, rounds + 1):
        turn = ROTATIONS[(done - 1) % 8]
        high = high + low
        low = ((low << jnp.uint32(turn)) | (low >> jnp.uint32(32 - turn))) ^ high
        if done % 4 == 0:
            group = done // 4
            high = high + schedule[group % 3]
            low = low + (schedule[(group + 1) % 3] + jnp.uint32(group))
    return high, low


def counters(shape: tuple[int, ...]) -> tuple[UInt32[Array, "*place wave"], UInt32[Array, "*place wave"]]:
    """Which place, counted row by row, and which channel every number of a cube is of: the words that it is drawn from.

    The places of an image may be in rows or in one line.
    """
    *places, wave = (jax.lax.broadcasted_iota(jnp.uint32, shape, axis) for axis in range(len(shape)))
    place = jnp.zeros(shape, jnp.uint32)
    for size, index in zip(shape, places, strict=False):
        place = place * jnp.uint32(size) + index
    return place, wave


def standard_normal(key: PRNGKeyArray, shape: tuple[int, ...], dtype: DTypeLike) -> Float[Array, "*place wave"]:
    r"""Independent numbers of mean zero and variance one, in the shape of a cube or of its elements.

    $$z = \sqrt{-2 \log u}\,\sin 2\pi x, \qquad u \in (0, 1],\ x \in [-\tfrac14, \tfrac14]$$

    with u and x from a word each: the largest |z| is 6.7. They are the same for any precision, to rounding, and for any
    number of devices.

    References: Box & Muller (1958), Annals of Mathematical Statistics 29, 610.
    """
    first, second = threefry(jax.random.bits(key, (2,), jnp.uint32), *counters(shape))
    uniform = open_unit(first, dtype)
    turn = 0.25 - jnp.abs(second.astype(jnp.int32).astype(dtype)) * 2.0**-32
    sine = turn * polynomial(SINE, turn * turn)
    return jnp.sqrt(-2 * logarithm(uniform)) * sine


def open_unit(word: UInt32[Array, "*shape"], dtype: DTypeLike) -> Float[Array, "*shape"]:
    """A number in (0, 1] of a random word; in double precision one is not among them."""
    # Signed words become numbers faster than unsigned ones.
    return ((word >> jnp.uint32(1)).astype(jnp.int32).astype(dtype) + 0.5) * 2.0**-31


def logarithm(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The natural logarithm of normalised positive numbers.

    In single precision, without what zero, infinity and subnormal numbers would need.
    """
    if x.dtype != jnp.float32:
        return jnp.log(x)
    above = jax.lax.bitcast_convert_type(x, jnp.int32) - ROOT_HALF
    exponent = (above >> 23).astype(jnp.float32)
    mantissa = jax.lax.bitcast_convert_type((above & 0x7FFFFF) + ROOT_HALF, jnp.float32)
    f = mantissa - 1
    return f + f * f * polynomial(LOGARITHM, f) + exponent * 0.6931471805599453


def polynomial(coefficients: tuple[float, ...], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """With coefficients of rising powers."""
    value = jnp.full((), coefficients[-1], x.dtype)
    for coefficient in coefficients[-2::-1]:
        value = coefficient + x * value
    return value
