"""Products of maps with spectra that are zero outside of a band, added to a cube there alone."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

HIGHEST = jax.lax.Precision.HIGHEST


class Band(NamedTuple):
    """Channels outside of which the spectra of a basis element are zero, at every node."""

    first: Int32[Array, ""]
    size: int
    """Number of channels."""
    element: int


def add_bands(
    cube: Float[Array, "*place wave"],
    maps: Float[Array, "term *place node basis"],
    spectra: Float[Array, "node basis wave"],
    share: Float[Array, "term wave"],
    missing: Bool[Array, " wave"],
    bands: Sequence[Band],
) -> Float[Array, "*place wave"]:
    """A cube with the sum over terms, nodes and basis of `share * maps * spectra`, band by band.

    Channels that are missing are left as they are, and have no derivative. Bands of one element do not overlap.
    """
    by_element = jnp.moveaxis(maps, -1, 0)
    for first, size, element in bands:
        here = jax.lax.dynamic_slice_in_dim(spectra[:, element], first, size, axis=1)
        shares = jax.lax.dynamic_slice_in_dim(share, first, size, axis=1)
        product = jnp.einsum("t...n,tnw->...w", by_element[element], shares[:, None] * here[None], precision=HIGHEST)
        product = jnp.where(jax.lax.dynamic_slice_in_dim(missing, first, size), 0, product)
        before = jax.lax.dynamic_slice_in_dim(cube, first, size, axis=-1)
        cube = jax.lax.dynamic_update_slice_in_dim(cube, before + product, first, axis=-1)
    return cube
