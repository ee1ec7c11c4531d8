"""A screen of dust in front of the whole galaxy."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.dust.base import AbstractCurve, AbstractDust
from ifux.dust.calzetti import CalzettiCurve
from ifux.grids import Wavelengths, to_vacuum
from ifux.particles import Projected
from ifux.typing import real, within


@final
class ScreenDust(AbstractDust):
    r"""The same dust in front of every star, in the rest frame of the galaxy.

    $$F = F_0\, 10^{-0.4\, A_V\, k(\lambda)}, \quad k = A(\lambda) / A(V)$$
    """

    depth: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """Attenuation in the V band, A(V) [mag]."""
    curve: AbstractCurve = eqx.field(default_factory=CalzettiCurve)
    """How attenuation depends on wavelength."""

    @property
    def size(self) -> int:
        """One term: all the light."""
        return 1

    def coefficients(self, projected: Projected) -> Float[Array, "particle dust"]:
        """One."""
        return jnp.ones_like(projected.mass)[:, None]

    def respond(self, spectra: Float[Array, "basis rest"], rest: Wavelengths) -> Float[Array, "dust basis rest"]:
        """The dimmed spectra."""
        centres = rest.centres()
        vacuum = jnp.asarray(to_vacuum(centres) if rest.medium == "air" else centres, spectra.dtype)
        return (spectra * self.transmission(vacuum)[None, :])[None]

    def transmission(self, vacuum: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """By the depth and the curve."""
        return jnp.exp(-0.4 * jnp.log(10.0) * self.depth * self.curve.ratio(vacuum))
