"""Where the galaxy stands: its redshift and its distances."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.particles import AbstractEmitters, Particles, Projected, Seen
from ifux.typing import DATA, AbstractLimited, real, within
from ifux.units import ARCSEC, FLUX_OF_ONE_SUN, SPEED_OF_LIGHT

OFF_THE_SKY = 1e9
"""Where what no telescope sees is put [kpc]."""


class AbstractTarget(AbstractLimited):
    """Redshift and distance of the galaxy that is observed."""

    redshift: eqx.AbstractVar[Float[Array, ""]]
    perspective: eqx.AbstractVar[bool]
    """Whether every particle is seen along its own line of sight; if not, all are along that of the centre."""

    @abstractmethod
    def luminosity_distance(self) -> Float[Array, ""]:
        """[Mpc]."""

    def arcsec_per_kpc(self) -> Float[Array, ""]:
        """Apparent size of a physical length, by the angular diameter distance D_L / (1 + z)^2."""
        return (1 + self.redshift) ** 2 / self.luminosity_distance() * (1e-3 / ARCSEC)

    @abstractmethod
    def expanding(
        self, velocity: Float[Array, " particle"], depth: Float[Array, " particle"]
    ) -> Float[Array, " particle"]:
        """Velocities away from the observer [km/s] with the Hubble flow over a depth [kpc], where that counts."""

    def see(self, turned: AbstractEmitters) -> Seen:
        r"""Places and velocities in the sky frame (east, north, away) [kpc, km/s] as an observer sees them.

        In perspective, a particle at (x, y, z) in front of an observer at the angular diameter distance D stands at
        (x, y) / (D + z) in the tangent plane, is $(D/r)^2$ as bright as at the centre, where r is its own distance, and
        recedes with the component of its velocity along its own line of sight. What is behind the observer, or more
        than 60 degrees away from the centre, is put off the sky: no field holds it. Numbers are offsets from the
        centre, so that nothing is lost of them at any distance.
        """
        scale, (x, y, z) = self.arcsec_per_kpc(), turned.position.T
        sky, receding, brightness = turned.position[:, :2], turned.velocity[:, 2], None
        if self.perspective:
            nearer = scale * ARCSEC
            along = 1 + z * nearer
            there = along > 0
            # The tangents of the angles to the east and the north.
            east, north = (jnp.where(there, place * nearer / jnp.where(there, along, 1), 0) for place in (x, y))
            square = 1 + east**2 + north**2
            there &= square < 4
            u, v, _ = turned.velocity.T
            receding = (u * east + v * north + receding) / jnp.sqrt(square)
            brightness = jnp.where(there, 1 / (jnp.where(there, along, 1) ** 2 * square), 0)
            sky = jnp.where(there[:, None], jnp.stack([east, north], axis=1) / nearer, OFF_THE_SKY)
        return Seen(sky * scale, z, self.expanding(receding, z), brightness)

    def project(self, turned: Particles) -> Projected:
        """Star particles in the sky frame as an observer sees them."""
        seen = self.see(turned)
        return Projected(
            sky=seen.sky,
            depth=seen.depth,
            velocity=seen.velocity,
            mass=turned.mass,
            age=turned.age,
            metallicity=turned.metallicity,
            alpha=turned.alpha,
            mixture=turned.mixture,
            brightness=seen.brightness,
        )

    def flux_per_luminosity(self) -> Float[Array, ""]:
        """Flux of one solar luminosity, 1 / (4 pi D_L^2) [1e-20 erg/s/cm2]."""
        return FLUX_OF_ONE_SUN / self.luminosity_distance() ** 2


@final
class FlatLambdaCDM(AbstractLimited):
    """A flat universe of matter, a cosmological constant, radiation and three neutrinos, by default Planck15.

    References: Planck Collaboration XIII (2016), A&A 594, A13, table 4; neutrinos after Komatsu et al. (2011),
    ApJS 192, 18, eq. 26.
    """

    hubble: Float[Array, ""] = eqx.field(converter=real, default=67.74, metadata=within(above=0) | DATA)
    """Expansion rate today [km/s/Mpc]."""
    matter: Float[Array, ""] = eqx.field(converter=real, default=0.3075, metadata=within(above=0, most=1) | DATA)
    """Density of matter today, neutrinos apart, over the critical density."""
    temperature: Float[Array, ""] = eqx.field(converter=real, default=2.7255, metadata=within(least=0) | DATA)
    """Temperature of the microwave background today [K]; zero for a universe without radiation."""
    neutrino_mass: float = eqx.field(static=True, default=0.06, metadata=within(least=0))
    """Mass of the heaviest neutrino [eV]; the other two have none."""

    def radiation(self, redshift: Float[Array, " node"]) -> Float[Array, " node"]:
        """Density of photons and neutrinos over today's critical density, divided by (1 + z)^4."""
        photons = 2.472823e-5 * (self.temperature / 2.7255) ** 4 / (self.hubble / 100) ** 2
        # k_B T of the neutrinos today, T_nu = 0.7137658555036082 T
        energy = 0.7137658555036082 * 8.617333262e-5 * jnp.maximum(self.temperature, 1e-6) * (1 + redshift)
        massive = (1 + (0.3173 * self.neutrino_mass / energy) ** 1.83) ** 0.54644808743
        return photons * (1 + 0.22710731766 * (3.046 / 3) * (2 + massive))

    @eqx.filter_jit
    def comoving_distance(self, redshift: Float[Array, ""]) -> Float[Array, ""]:
        """Line-of-sight comoving distance [Mpc], by Gauss-Legendre quadrature in log(1 + z); traced once for all."""
        nodes, shares = np.polynomial.legendre.leggauss(24)
        end = jnp.log1p(redshift)
        z = jnp.expm1(end * jnp.asarray((nodes + 1) / 2, end.dtype))
        integral = jnp.sum(jnp.asarray(shares / 2, end.dtype) * (1 + z) / self.expansions(z)) * end
        return SPEED_OF_LIGHT * integral

    def expansions(self, redshift: Float[Array, " node"]) -> Float[Array, " node"]:
        """H(z) [km/s/Mpc]."""
        relativistic = self.radiation(redshift)
        vacuum = 1 - self.matter - self.radiation(jnp.zeros(1, redshift.dtype))[0]
        shape = self.matter * (1 + redshift) ** 3 + relativistic * (1 + redshift) ** 4 + vacuum
        return self.hubble * jnp.sqrt(shape)


@final
class CosmologicalTarget(AbstractTarget):
    """A galaxy in the Hubble flow: its redshift gives its distance."""

    redshift: Float[Array, ""] = eqx.field(
        converter=real, metadata=within(above=0, instead="a fixed target takes any redshift, and a distance")
    )
    """Systemic redshift. Towards zero the distance vanishes, and the flux grows beyond all bounds."""
    cosmology: FlatLambdaCDM = eqx.field(default_factory=FlatLambdaCDM)
    perspective: bool = eqx.field(static=True, default=False)
    """Whether every particle is seen along its own line of sight."""
    hubble_flow: bool = eqx.field(static=True, default=False)
    """Whether what is further away recedes faster, H(z) times its depth: for a deep scene, 69 km/s a Mpc today."""

    def luminosity_distance(self) -> Float[Array, ""]:
        """(1 + z) times the comoving distance [Mpc]."""
        return (1 + self.redshift) * self.cosmology.comoving_distance(self.redshift)

    def expanding(
        self, velocity: Float[Array, " particle"], depth: Float[Array, " particle"]
    ) -> Float[Array, " particle"]:
        """H(z) times the depth more, if that is asked for."""
        if not self.hubble_flow:
            return velocity
        return velocity + self.cosmology.expansions(self.redshift[None])[0] / 1e3 * depth


@final
class FixedTarget(AbstractTarget):
    """A galaxy whose distance is known apart from its redshift."""

    redshift: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=-1))
    """Systemic redshift; below zero for a galaxy that approaches."""
    distance: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Luminosity distance [Mpc]."""
    perspective: bool = eqx.field(static=True, default=False)
    """Whether every particle is seen along its own line of sight."""

    def luminosity_distance(self) -> Float[Array, ""]:
        """[Mpc]."""
        return self.distance

    def expanding(
        self, velocity: Float[Array, " particle"], depth: Float[Array, " particle"]
    ) -> Float[Array, " particle"]:
        """As they are: nothing is known of the universe."""
        return velocity
