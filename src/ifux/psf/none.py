"""No point spread function."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree
from ifux.psf.base import AbstractPSF


@final
class NoPSF(AbstractPSF):
    """Perfect seeing. The spaxels' own B-spline remains, and nothing makes up for it."""

    @property
    def margin(self) -> int:
        """Light stays where it lands."""
        return 0

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """One term at all wavelengths."""
        return jnp.ones_like(wave)[None]

    def held(self, pitch: Float[Array, ""]) -> Float[Array, ""]:
        """All of it."""
        return jnp.ones_like(pitch)

    def blur(
        self, maps: Float[Array, "tall wide channel"], pitch: Float[Array, ""], degree: Degree
    ) -> Float[Array, "term y x channel"]:
        """The maps themselves."""
        return maps[None]
