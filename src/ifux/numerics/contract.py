"""The product of maps and spectra, in pieces whose results stay in the cache until they are whole."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

PIECE = 1024
"""Spectra that are computed together on a CPU."""


def contract(maps: Float[Array, "term y x kind"], spectra: Float[Array, "term kind wave"]) -> Float[Array, "y x wave"]:
    """The sum over terms and kinds, in full precision.

    On a CPU a few rows at a time: a product that goes back and forth over a result larger than the cache waits for the
    memory.
    """

    def product(rows: Float[Array, "row term x kind"]) -> Float[Array, "row x wave"]:
        return jnp.einsum("rtxk,tkw->rxw", rows, spectra, precision=jax.lax.Precision.HIGHEST)

    rows = jnp.moveaxis(maps, 1, 0)
    tall, _, wide, _ = rows.shape
    together = max(n for n in range(1, tall + 1) if tall % n == 0 and (n == 1 or n * wide <= PIECE))
    if together in (1, tall) or jax.default_backend() != "cpu":
        return product(rows)
    pieces = jax.lax.map(product, rows.reshape(-1, together, *rows.shape[1:]))
    return pieces.reshape(tall, wide, -1)
