"""Linear maps between a field and grids on it that are a product of one matrix along each axis."""

from collections.abc import Callable
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.varying import alike

HIGHEST = jax.lax.Precision.HIGHEST


@final
class Separable(eqx.Module):
    """What the places of several grids have to do with the cells of a field.

    `gather` reads a map of the field at the places of every grid; `scatter`, its transpose, adds the grids up on the
    field. The product of the matrices is never formed.
    """

    rows: Float[Array, "grid row up"]
    columns: Float[Array, "grid column across"]
    turned: bool = eqx.field(static=True)
    """Whether rows of the grids lie along the axis x of the field, and columns along y."""

    def gather(self, maps: Float[Array, "*term y x channel"]) -> Float[Array, "*term grid row column channel"]:
        """The values at the places."""
        maps = maps.swapaxes(-3, -2) if self.turned else maps
        rows, columns = self.rows.astype(maps.dtype), self.columns.astype(maps.dtype)
        read = jnp.einsum("gcx,...yxk->...gyck", columns, maps, precision=HIGHEST)
        return jnp.einsum("gry,...gyck->...grck", rows, read, precision=HIGHEST)

    def scatter(self, grids: Float[Array, "grid row column channel"]) -> Float[Array, "y x channel"]:
        """The sums over the grids, one after the other: in the memory of one, backwards too."""

        @jax.checkpoint
        def add(field, grid):
            rows, columns, values = grid
            spread = jnp.einsum("cx,rck->rxk", columns, values, precision=HIGHEST)
            return field + jnp.einsum("ry,rxk->yxk", rows, spread, precision=HIGHEST), None

        given = self.rows.astype(grids.dtype), self.columns.astype(grids.dtype), grids
        nothing = jnp.zeros((self.rows.shape[2], self.columns.shape[2], grids.shape[3]), grids.dtype)
        field, _ = jax.lax.scan(add, alike(nothing, given), given)
        return field.swapaxes(0, 1) if self.turned else field

    def dense(self) -> Float[Array, "y x grid row column"]:
        """The matrix itself."""
        product = jnp.einsum("gry,gcx->yxgrc", self.rows, self.columns, precision=HIGHEST)
        return product.swapaxes(0, 1) if self.turned else product

    def raised(self, power: Callable[[Float[Array, "..."]], Float[Array, "..."]]) -> "Separable":
        """The map whose entries are a power of these."""
        return Separable(power(self.rows), power(self.columns), self.turned)
