"""Lines of a few pixels' width, each blurred by a mixture of a few kernels of its own."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

TOGETHER = 128
"""Lines that are blurred together on a CPU, so that they stay in its cache, if they do not stand in rows."""


def gaussian_taps(variance: Float[Array, "node pixel"], reach: int) -> Float[Array, "node pixel tap"]:
    r"""Weights of a Gaussian at one to `reach` pixels from its centre, on lines that have no higher frequency.

    $$\kappa_j = \frac1\pi \int_0^\pi e^{-\sigma^2 k^2/2} \cos(jk)\,dk$$

    for any variance [pixel^2] down to none; as a sum over a ring of pixels. The weight at the centre is what is left.
    """
    ring = max(32, 4 * reach)
    frequency = 2 * np.pi * np.arange(ring // 2 + 1) / ring
    share = np.where((frequency == 0) | (frequency == np.pi), 1.0, 2.0) / ring
    waves = share[:, None] * np.cos(frequency[:, None] * np.arange(1, reach + 1)[None, :])
    square = jnp.asarray(frequency**2 / 2, variance.dtype)
    # A constant has no weight away from the centre: without it a small variance keeps its digits.
    damping = jnp.expm1(-variance[:, :, None] * square[None, None, :])
    return jnp.einsum("npf,ft->npt", damping, jnp.asarray(waves, damping.dtype), precision=jax.lax.Precision.HIGHEST)


def mixed_blur(
    lines: Float[Array, "*row line pixel"],
    shares: Float[Array, "*row line node"],
    taps: Float[Array, "node pixel tap"],
    counts: Bool[Array, " pixel"],
) -> Float[Array, "*row line pixel"]:
    r"""Every line plus what its mixture of symmetric kernels moves, in second differences.

    $$l_p + \sum_{n j} s_n\,\kappa_{npj} \left(l_{p+j} - 2\,l_p + l_{p-j}\right)$$

    of pairs of pixels that both count: near an end or a gap a straight line stays as it is, and nothing comes in from
    beyond. Linear in the lines. Takes `2 tap (node + 2)` operations a pixel, and no memory but that of the result; its
    derivatives compute it anew. Lines that stand in rows are blurred row by row: devices that share them by their place
    in a row need not exchange any.
    """
    reach, pixels = taps.shape[2], lines.shape[-1]
    there = jnp.pad(counts, reach)
    pairs = [there[reach + j : reach + j + pixels] & there[reach - j : reach - j + pixels] for j in range(1, reach + 1)]
    taps = jnp.where(jnp.stack(pairs, axis=1)[None] & counts[None, :, None], taps, 0)
    clean = jnp.where(counts, lines, 0)

    def blurred(some: Float[Array, "line pixel"], shares: Float[Array, "line node"]) -> Float[Array, "line pixel"]:
        wide = jnp.pad(some, ((0, 0), (reach, reach)))
        result = some
        for j in range(1, reach + 1):
            mixed = sum(shares[:, n, None] * taps[n, None, :, j - 1] for n in range(taps.shape[0]))
            up, down = (wide[:, reach + side * j : reach + side * j + pixels] for side in (1, -1))
            result = result + mixed * (up + down - 2 * some)
        return result

    piece, processor = jax.checkpoint(lambda piece: blurred(*piece)), jax.default_backend() == "cpu"
    if lines.ndim > 2:
        return jax.lax.map(piece, (clean, shares)) if processor else jax.vmap(piece)((clean, shares))
    count = lines.shape[0]
    together = max(n for n in range(1, TOGETHER + 1) if count % n == 0)
    if together == 1 or not processor:
        return piece((clean, shares))
    pieces = clean.reshape(-1, together, pixels), shares.reshape(-1, together, shares.shape[1])
    return jax.lax.map(piece, pieces).reshape(count, pixels)
