"""Lines of a few pixels' width, each blurred by a mixture of a few kernels of its own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

HIGHEST = jax.lax.Precision.HIGHEST
TOGETHER = 128
"""Lines that are blurred together on a CPU, so that they stay in its cache, if they do not stand in rows."""


def gaussian_taps(variance: Float[Array, "node pixel"], reach: int, parts: int = 1) -> Float[Array, "node pixel tap"]:
    r"""What a Gaussian brings into a pixel from its parts around, on lines that have no higher frequency than they.

    $$\kappa_x = \frac1\pi \int_0^\pi \left(e^{-\sigma^2 k^2/2} - 1\right) D(k) \cos(xk)\,dk$$

    with the mean D of the waves over the parts of a pixel, for any variance [part^2] down to none, at one to `reach`
    parts further than the innermost, which is the middle one or the two about the middle; as a sum over a ring. Their
    weight is what is left.
    """
    ring = max(32, 4 * reach)
    frequency = 2 * np.pi * np.arange(ring // 2 + 1) / ring
    share = np.where((frequency == 0) | (frequency == np.pi), 1.0, 2.0) / ring
    middle = (parts - 1) / 2
    over_pixel = np.cos(frequency[:, None] * (np.arange(parts) - middle)[None, :]).mean(axis=1)
    away = np.arange(1, reach + 1) + middle % 1
    waves = (share * over_pixel)[:, None] * np.cos(frequency[:, None] * away[None, :])
    square = jnp.asarray(frequency**2 / 2, variance.dtype)
    # A constant has no weight away from the centre: without it a small variance keeps its digits.
    damping = jnp.expm1(-variance[:, :, None] * square[None, None, :])
    return jnp.einsum("npf,ft->npt", damping, jnp.asarray(waves, damping.dtype), precision=HIGHEST)


@jax.custom_jvp
def mixture(shares: Float[Array, "line node"], taps: Float[Array, "node pixel"]) -> Float[Array, "line pixel"]:
    """The product of both, of few nodes, term by term, so that it is never in memory as a whole.

    Where it is differentiated it is a product of matrices: so are its transposes then, where sums over all lines and
    over all pixels would follow one another.
    """
    return functools.reduce(jnp.add, (shares[:, n, None] * taps[None, n, :] for n in range(taps.shape[0])))


@mixture.defjvp
def _(primals, tangents):
    (shares, taps), (more, others) = primals, tangents
    change = jnp.matmul(more, taps, precision=HIGHEST) + jnp.matmul(shares, others, precision=HIGHEST)
    return jnp.matmul(shares, taps, precision=HIGHEST), change


def mixed_blur(
    lines: Float[Array, "*row line part"],
    shares: Float[Array, "*row line node"],
    taps: Float[Array, "node pixel tap"],
    counts: Bool[Array, " part"],
) -> Float[Array, "*row line pixel"]:
    r"""Pixels of every line, which has some parts of each, plus what its mixture of symmetric kernels moves.

    $$\bar l_p + \sum_{n j} s_n\,\kappa_{npj} \left(l_{p+j} - l_{p+0} - l_{p-0} + l_{p-j}\right)$$

    in differences of pairs of parts that both count from the innermost pair: near an end or a gap a straight line stays
    as it is, and nothing comes in from beyond. Linear in the lines. Takes `2 tap (node + 2)` operations a pixel, and no
    memory but that of the result; its derivatives compute it anew. Lines that stand in rows are blurred row by row:
    devices that share them by their place in a row need not exchange any.
    """
    (_, pixels, reach), size = taps.shape, lines.shape[-1]
    parts = size // pixels
    above, below = parts // 2, (parts - 1) // 2

    def at(padded: Shaped[Array, "*line padded"], place: int) -> Shaped[Array, "*line pixel"]:
        """Of every pixel the part at a place in it, or so far before or behind it."""
        first = reach + place
        return padded[..., first : first + size - parts + 1 : parts]

    whole = counts.reshape(pixels, parts).all(axis=1)
    there = jnp.pad(counts, reach)
    pairs = [at(there, above + j) & at(there, below - j) & whole for j in range(1, reach + 1)]
    taps = jnp.where(jnp.stack(pairs, axis=1)[None], taps, 0)
    clean = jnp.where(counts, lines, 0)

    def blurred(some: Float[Array, "line part"], shares: Float[Array, "line node"]) -> Float[Array, "line pixel"]:
        wide = jnp.pad(some, ((0, 0), (reach, reach)))
        innermost = at(wide, above) + at(wide, below)
        result = some if parts == 1 else some.reshape(-1, pixels, parts).mean(axis=2)
        for j in range(1, reach + 1):
            mixed = mixture(shares, taps[:, :, j - 1])
            result = result + mixed * (at(wide, above + j) + at(wide, below - j) - innermost)
        return result

    piece, processor = jax.checkpoint(lambda piece: blurred(*piece)), jax.default_backend() == "cpu"
    if lines.ndim > 2:
        return jax.lax.map(piece, (clean, shares)) if processor else jax.vmap(piece)((clean, shares))
    count = lines.shape[0]
    together = max(n for n in range(1, TOGETHER + 1) if count % n == 0)
    if together == 1 or not processor:
        return piece((clean, shares))
    pieces = clean.reshape(-1, together, size), shares.reshape(-1, together, shares.shape[1])
    return jax.lax.map(piece, pieces).reshape(count, pixels)
