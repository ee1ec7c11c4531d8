"""Standard normal numbers, each a function of a key and of its own place: one loop, whatever splits the array.

JAX's own generator of random bits keeps its rounds in a loop on a CPU, and every round goes through memory. Here they
are written out, and XLA fuses bits, normals and what is done with them.
"""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA

SINE = (6.283185307, -41.34170224, 81.60524928, -76.70585975, 42.05869394, -15.09464258)
r"""Taylor coefficients of $\sin 2\pi x$, in odd powers of x: enough for 6e-8 up to a quarter."""


def threefry(
    key: UInt32[Array, "2"], high: UInt32[Array, "*shape"], low: UInt32[Array, "*shape"]
) -> tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """Two random words for each pair of counters: Threefry-2x32 with twenty rounds.

    References: Salmon, Moraes, Dror & Shaw (2011), Parallel Random Numbers: As Easy as 1, 2, 3, SC11.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(PARITY))
    high, low = high + schedule[0], low + schedule[1]
    for group in range(5):
        for turn in ROTATIONS[group % 2]:
            high = high + low
            low = ((low << jnp.uint32(turn)) | (low >> jnp.uint32(32 - turn))) ^ high
        high = high + schedule[(group + 1) % 3]
        low = low + (schedule[(group + 2) % 3] + jnp.uint32(group + 1))
    return high, low


def standard_normal(key: PRNGKeyArray, shape: tuple[int, ...], dtype: DTypeLike) -> Float[Array, "y x wave"]:
    r"""Independent numbers of mean zero and variance one, in the shape of a cube.

    $$z = \sqrt{-2 \log u}\,\sin 2\pi x, \qquad u \in (0, 1),\ x \in [-\tfrac14, \tfrac14]$$

    with u and x from a word each: the largest |z| is 6.7. They are the same for any precision, to rounding, and for any
    number of devices.

    References: Box & Muller (1958), Annals of Mathematical Statistics 29, 610.
    """
    y, x, wave = (jax.lax.broadcasted_iota(jnp.uint32, shape, axis) for axis in range(3))
    first, second = threefry(jax.random.bits(key, (2,), jnp.uint32), y * jnp.uint32(shape[1]) + x, wave)
    # Signed words become numbers faster than unsigned ones.
    uniform = ((first >> jnp.uint32(1)).astype(jnp.int32).astype(dtype) + 0.5) * 2.0**-31
    turn = 0.25 - jnp.abs(second.astype(jnp.int32).astype(dtype)) * 2.0**-32
    square, series = turn * turn, jnp.zeros((), dtype)
    for coefficient in reversed(SINE):
        series = coefficient + square * series
    return jnp.sqrt(-2 * jnp.log(uniform)) * (turn * series)
