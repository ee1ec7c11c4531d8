"""The product of maps and spectra, in pieces whose results stay in the cache until they are whole."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

HIGHEST = jax.lax.Precision.HIGHEST
PIECE = 1024
"""Spectra that are computed together on a CPU."""
ALIGNED = 64
"""Channels: where a multiple of them is computed, rows begin where the registers of a CPU do."""


class Range(NamedTuple):
    """Channels from a first to before a last one, in which terms from a lowest to before a highest one have a share."""

    first: int
    last: int
    low: int
    high: int
    mixtures: tuple[tuple[float, ...], ...] | None = None
    """Of these terms, fewer than they are, if their shares are a sum of them at every channel: rows of independent
    weights of the terms."""


def contract(
    maps: Float[Array, "term y x kind"],
    spectra: Float[Array, "term kind wave"],
    ranges: tuple[Range, ...] | None = None,
) -> Float[Array, "y x wave"]:
    """The sum over terms and kinds, in full precision.

    Ranges, if they are given, follow one another from the first channel to the last, and spectra are zero of terms that
    have no share in them: those are left out. Where the shares of the terms are sums of a few mixtures, maps are mixed
    first, and there are as many products as mixtures. Where the first spectrum is not a number, the cube is not, and
    has no derivative.

    On a CPU a few rows at a time: a product that goes back and forth over a result larger than the cache waits for the
    memory.
    """
    terms, _, channels = spectra.shape
    return contracted(ranges or (Range(0, channels, 0, terms),), maps, spectra)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def contracted(
    ranges: tuple[Range, ...], maps: Float[Array, "term y x kind"], spectra: Float[Array, "term kind wave"]
) -> Float[Array, "y x wave"]:
    """The sum over the terms of every range and over kinds."""
    _, tall, wide, _ = maps.shape
    together = rows_together(tall, wide)
    spectra, missing = numbers(spectra)
    if together == tall:
        return product(maps, spectra, ranges) + missing[None, None]
    shares = [seen(spectra, one) for one in ranges]
    filled = [jnp.pad(share, ((0, 0), (0, 0), (0, -share.shape[2] % ALIGNED))) for share in shares]

    def add(piece, cube):
        rows = jax.lax.dynamic_slice_in_dim(maps, piece * together, together, axis=1)
        for one, share in zip(ranges, filled, strict=True):
            channels = slice(one.first, one.last)
            computed = sum_of_terms(mixed(rows, one), share)[..., : one.last - one.first]
            computed = computed + missing[None, None, channels]
            cube = jax.lax.dynamic_update_slice(cube, computed, (piece * together, 0, one.first))
        return cube

    cube = jnp.zeros((tall, wide, spectra.shape[2]), spectra.dtype)
    return jax.lax.fori_loop(0, tall // together, add, cube)


@partial(contracted.defjvp, symbolic_zeros=True)
def contracted_jvp(ranges, primals, tangents):
    """The same, in a loop whose transpose needs no second cube, and only for what varies."""
    varies = [index for index, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero)]

    def stacked(*varied):
        maps, spectra = (varied[varies.index(i)] if i in varies else primals[i] for i in range(2))
        _, tall, wide, _ = maps.shape
        together = rows_together(tall, wide)
        spectra, missing = numbers(spectra)
        if together == tall:
            return product(maps, spectra, ranges) + missing[None, None]
        pieces = jnp.moveaxis(maps.reshape(maps.shape[0], -1, together, *maps.shape[2:]), 1, 0)
        return jax.lax.map(lambda rows: product(rows, spectra, ranges) + missing[None, None], pieces).reshape(
            tall, wide, -1
        )

    return jax.jvp(stacked, tuple(primals[i] for i in varies), tuple(tangents[i] for i in varies))


def numbers(
    spectra: Float[Array, "term kind wave"],
) -> tuple[Float[Array, "term kind wave"], Float[Array, " wave"]]:
    """The spectra with zeros in place of what is not a number, and what to add where the first is not."""
    none = jnp.isnan(spectra[0, 0])
    return jnp.where(none[None, None], 0, spectra), jnp.where(none, jnp.nan, 0).astype(spectra.dtype)


def product(
    rows: Float[Array, "term y x kind"], spectra: Float[Array, "term kind wave"], ranges: tuple[Range, ...]
) -> Float[Array, "y x wave"]:
    """The sum over terms and kinds, range by range."""
    found = [sum_of_terms(mixed(rows, one), seen(spectra, one)) for one in ranges]
    return found[0] if len(found) == 1 else jnp.concatenate(found, axis=2)


def mixed(rows: Float[Array, "term y x kind"], one: Range) -> Float[Array, "mixture y x kind"]:
    """The maps whose products are summed in a range."""
    rows = rows[one.low : one.high]
    if one.mixtures is None:
        return rows
    return jnp.einsum("mt,tyxk->myxk", jnp.asarray(one.mixtures, rows.dtype), rows, precision=HIGHEST)


def seen(spectra: Float[Array, "term kind wave"], one: Range) -> Float[Array, "mixture kind channel"]:
    """The spectra that they are multiplied with: those of the mixtures, of whose sums they are made."""
    spectra = spectra[one.low : one.high, :, one.first : one.last]
    if one.mixtures is None:
        return spectra
    inverse = np.linalg.pinv(np.asarray(one.mixtures)).T
    return jnp.einsum("mt,tkw->mkw", jnp.asarray(inverse, spectra.dtype), spectra, precision=HIGHEST)


def sum_of_terms(
    rows: Float[Array, "term y x kind"], spectra: Float[Array, "term kind wave"]
) -> Float[Array, "y x wave"]:
    """The sum over terms and kinds at once."""
    return jnp.einsum("tyxk,tkw->yxw", rows, spectra, precision=HIGHEST)


def rows_together(tall: int, wide: int) -> int:
    """How many rows are computed at once: all, if they do not divide into pieces."""
    together = max(n for n in range(1, tall + 1) if tall % n == 0 and (n == 1 or n * wide <= PIECE))
    return tall if together == 1 or jax.default_backend() != "cpu" else together
