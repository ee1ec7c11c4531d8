"""The product of maps and spectra, in pieces whose results stay in the cache until they are whole."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

PIECE = 1024
"""Spectra that are computed together on a CPU."""
ALIGNED = 64
"""Channels: where a multiple of them is computed, rows begin where the registers of a CPU do."""


@jax.custom_jvp
def contract(maps: Float[Array, "term y x kind"], spectra: Float[Array, "term kind wave"]) -> Float[Array, "y x wave"]:
    """The sum over terms and kinds, in full precision.

    Where the first spectrum is not a number, the cube is not, and has no derivative.

    On a CPU a few rows at a time: a product that goes back and forth over a result larger than the cache waits for the
    memory.
    """
    _, tall, wide, _ = maps.shape
    together = rows_together(tall, wide)
    spectra, missing = numbers(spectra)
    if together == tall:
        return product(maps, spectra) + missing[None, None]

    channels = spectra.shape[2]
    filled = jnp.pad(spectra, ((0, 0), (0, 0), (0, -channels % ALIGNED)))

    def add(piece, cube):
        rows = jax.lax.dynamic_slice_in_dim(maps, piece * together, together, axis=1)
        computed = product(rows, filled)[..., :channels] + missing[None, None]
        return jax.lax.dynamic_update_slice_in_dim(cube, computed, piece * together, axis=0)

    cube = jnp.zeros((tall, wide, channels), spectra.dtype)
    return jax.lax.fori_loop(0, tall // together, add, cube)


@partial(contract.defjvp, symbolic_zeros=True)
def contract_jvp(primals, tangents):
    """The same, in a loop whose transpose needs no second cube, and only for what varies."""
    varies = [index for index, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)]

    def stacked(*varied):
        maps, spectra = (varied[varies.index(i)] if i in varies else primals[i] for i in range(2))
        _, tall, wide, _ = maps.shape
        together = rows_together(tall, wide)
        spectra, missing = numbers(spectra)
        if together == tall:
            return product(maps, spectra) + missing[None, None]
        pieces = jnp.moveaxis(maps.reshape(maps.shape[0], -1, together, *maps.shape[2:]), 1, 0)
        return jax.lax.map(lambda rows: product(rows, spectra) + missing[None, None], pieces).reshape(tall, wide, -1)

    return jax.jvp(stacked, tuple(primals[i] for i in varies), tuple(tangents[i] for i in varies))


def numbers(
    spectra: Float[Array, "term kind wave"],
) -> tuple[Float[Array, "term kind wave"], Float[Array, " wave"]]:
    """The spectra with zeros in place of what is not a number, and what to add where the first is not."""
    none = jnp.isnan(spectra[0, 0])
    return jnp.where(none[None, None], 0, spectra), jnp.where(none, jnp.nan, 0).astype(spectra.dtype)


def product(rows: Float[Array, "term y x kind"], spectra: Float[Array, "term kind wave"]) -> Float[Array, "y x wave"]:
    """The sum over terms and kinds at once."""
    return jnp.einsum("tyxk,tkw->yxw", rows, spectra, precision=jax.lax.Precision.HIGHEST)


def rows_together(tall: int, wide: int) -> int:
    """How many rows are computed at once: all, if they do not divide into pieces."""
    together = max(n for n in range(1, tall + 1) if tall % n == 0 and (n == 1 or n * wide <= PIECE))
    return tall if together == 1 or jax.default_backend() != "cpu" else together
