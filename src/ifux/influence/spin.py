"""The spin parameter of the stars."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.influence.apertures import check_aperture, offsets, seen_moments
from ifux.influence.base import AbstractObservable
from ifux.particles import Particles
from ifux.telescope import Telescope
from ifux.typing import real


@final
class SpinParameter(AbstractObservable):
    r"""The spin parameter of the stars within an aperture, from maps of light, velocity and dispersion behind the PSF.

    $$\lambda_R = \frac{\sum F R |V|}{\sum F R \sqrt{V^2 + \sigma^2}}$$

    with R the distance of a spaxel from the centre of the field, which should be that of the galaxy. Of an aperture of
    one or two effective radii; spaxels without light count for nothing.

    References: Emsellem et al. (2007), MNRAS 379, 401, eq. 6.
    """

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added."""

    @property
    def unit(self) -> str:
        """A ratio."""
        return ""

    def check(self, telescope: Telescope) -> None:
        """The aperture is of the field."""
        check_aperture("SpinParameter", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """The ratio, between zero and one."""
        return self.measured(telescope, seen_moments(telescope, particles))

    def measured(self, telescope: Telescope, moments: Float[Array, "y x moment"]) -> Float[Array, ""]:
        """Of light, light times velocity, and light times the square of it.

        F |V| is the size of the second, F sqrt(V^2 + sigma^2) the geometric mean of the first and the third.
        """
        east, north = offsets(telescope.spaxels)
        weight = self.aperture * jnp.sqrt(jnp.where(east**2 + north**2 > 0, east**2 + north**2, 1))
        weight = jnp.where(east**2 + north**2 > 0, weight, 0)
        light, velocity, square = (moments[..., i] for i in range(3))
        bright = (light > 0) & (square > 0)
        root = jnp.where(bright, jnp.sqrt(jnp.where(bright, light, 1)) * jnp.sqrt(jnp.where(bright, square, 1)), 0)
        return jnp.sum(weight * jnp.where(bright, jnp.abs(velocity), 0)) / jnp.sum(weight * root)
