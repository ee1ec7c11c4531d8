"""Products of maps with spectra that are zero outside of bands, added to a cube there alone."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32

HIGHEST = jax.lax.Precision.HIGHEST


@final
class Bands(eqx.Module):
    """Channels outside of which the spectra of basis elements are zero, at every node. Several may be of one element.

    What two bands of an element have in common is of the one before: from where that ends, the other counts.
    """

    first: Int32[Array, " band"]
    """First channel of each."""
    after: Int32[Array, " band"]
    """First channel that counts."""
    size: int = eqx.field(static=True)
    """Number of channels of each."""
    elements: tuple[int, ...] = eqx.field(static=True)
    """Which basis element each is of."""

    def inside(self) -> Bool[Array, "band channel"]:
        """Which channels count."""
        return self.first[:, None] + jnp.arange(self.size, dtype=jnp.int32) >= self.after[:, None]


def add_bands(
    cube: Float[Array, "*place wave"],
    maps: Float[Array, "term *place node basis"],
    spectra: Float[Array, "node basis wave"],
    share: Float[Array, "term wave"],
    missing: Bool[Array, " wave"],
    bands: Bands,
) -> Float[Array, "*place wave"]:
    """A cube with the sum over terms, nodes and basis of `share * maps * spectra`, band by band.

    Channels that are missing are left as they are, and have no derivative.
    """
    nodes, basis, _ = spectra.shape
    terms = share.shape[0]
    by_element = jnp.moveaxis(maps, (0, -1), (-2, 0)).reshape(basis, *maps.shape[1:-2], terms * nodes)
    by_wave = jnp.moveaxis(spectra, 1, 0)

    @jax.checkpoint
    def add(cube, band):
        first, element, inside = band
        here = jax.lax.dynamic_slice(by_wave, (element, jnp.zeros_like(first), first), (1, nodes, bands.size))
        shares = jax.lax.dynamic_slice_in_dim(share, first, bands.size, axis=1)
        product = jnp.matmul(
            jax.lax.dynamic_index_in_dim(by_element, element, keepdims=False),
            (shares[:, None, :] * here).reshape(terms * nodes, bands.size),
            precision=HIGHEST,
        )
        counted = inside & ~jax.lax.dynamic_slice_in_dim(missing, first, bands.size)
        before = jax.lax.dynamic_slice_in_dim(cube, first, bands.size, axis=-1)
        after = before + jnp.where(counted, product, 0)
        return jax.lax.dynamic_update_slice_in_dim(cube, after, first, axis=-1), None

    elements = jnp.asarray(np.array(bands.elements, np.int32))
    return jax.lax.scan(add, cube, (bands.first, elements, bands.inside()))[0]
