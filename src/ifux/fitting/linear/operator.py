"""The telescope as a matrix that is never formed."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.telescope import Telescope


@final
class CubeOperator(eqx.Module):
    """From formed mass per spaxel and kind to the noiseless cube, and back by the exact adjoint.

    Kinds are velocity x dust x basis; with `GridSSP` a basis spectrum is a population of the library, and masses are
    not negative. The field is wider than the cube by the margin of the PSF.
    """

    telescope: Telescope
    templates: Float[Array, "kind wave"]

    @staticmethod
    def of(telescope: Telescope) -> "CubeOperator":
        """The operator of a telescope, its templates computed once. Channels that hold no number are dark to it."""
        templates = eqx.filter_jit(lambda t: t.templates())(telescope)
        return CubeOperator(telescope, jnp.where(jnp.isnan(templates), 0, templates))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows and columns of the wider field, and kinds."""
        return (*self.telescope.spaxels.scene_shape(self.telescope.margin), self.telescope.kinds)

    def __call__(self, weights: Float[Array, "tall wide kind"]) -> Float[Array, "y x wave"]:
        """The cube [1e-20 erg/s/cm2/angstrom per spaxel] of formed masses [solar mass]."""
        return self.telescope.observe(weights, self.templates)

    def adjoint(self, cube: Float[Array, "y x wave"]) -> Float[Array, "tall wide kind"]:
        """The transpose: what every weight sees of a cube."""
        weights = jax.ShapeDtypeStruct(self.shape, self.templates.dtype)
        return jax.linear_transpose(self, weights)(cube)[0]

    def blurred(self, maps: Float[Array, "tall wide *channel"]) -> Float[Array, "y x *channel"]:
        """Maps as the PSF shows them on the field, averaged over the wavelengths: no cube knows more of them."""
        telescope = self.telescope
        share = telescope.terms(self.templates.dtype)[0].mean(axis=1)
        collected = telescope.collect(maps.reshape(*maps.shape[:2], -1))
        seen = (share[:, None, None, None] * collected).sum(axis=0)
        return seen.reshape(*seen.shape[:2], *maps.shape[2:])
