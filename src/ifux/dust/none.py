"""No dust."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.dust.base import AbstractDust
from ifux.grids import Wavelengths
from ifux.particles import Projected


@final
class NoDust(AbstractDust):
    """A transparent galaxy."""

    @property
    def size(self) -> int:
        """One term: all the light."""
        return 1

    def coefficients(self, projected: Projected) -> Float[Array, "particle dust"]:
        """One."""
        return jnp.ones_like(projected.mass)[:, None]

    def respond(self, spectra: Float[Array, "basis rest"], rest: Wavelengths) -> Float[Array, "dust basis rest"]:
        """The spectra themselves."""
        return spectra[None]

    def transmission(self, vacuum: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """All."""
        return jnp.ones_like(vacuum)
