"""Mean velocities."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.influence.apertures import check_aperture, seen_moments
from ifux.influence.base import AbstractObservable
from ifux.particles import Particles
from ifux.telescope import Telescope
from ifux.typing import real


@final
class MeanVelocity(AbstractObservable):
    """The light-weighted mean line-of-sight velocity in an aperture behind the PSF, receding is positive."""

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added."""

    @property
    def unit(self) -> str:
        """Kilometres per second."""
        return "km/s"

    def check(self, telescope: Telescope) -> None:
        """The aperture is of the field."""
        check_aperture("MeanVelocity", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """[km/s]."""
        light, velocity, _ = jnp.einsum("yx,yxm->m", self.aperture, seen_moments(telescope, particles))
        return velocity / light
