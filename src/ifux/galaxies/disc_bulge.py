"""An exponential disc and a Hernquist bulge."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ifux.galaxies.disc import cartesian, exponential_disc, rotation_curve
from ifux.galaxies.drawn import drawn
from ifux.galaxies.scatter import METALLICITIES, scattered
from ifux.particles import AbstractGalaxy, Particles
from ifux.typing import DATA, check_one, real, within

BULGE_REACH = 1000
"""Where the bulge ends [bulge scale]: its profile falls so slowly that the last particle would stand anywhere."""

AGES = (0.003, 13.5)
"""Limits of the ages [Gyr]."""


@final
class DiscBulge(AbstractGalaxy):
    r"""A spiral galaxy for tests, examples and first fits. It spins about +z, counter-clockwise seen from +z.

    $$\rho_\text{disc} \propto e^{-R/h}\,\text{sech}^2(z/h_z), \qquad
    \rho_\text{bulge} \propto \frac{1}{r\,(r + a)^3} \quad (r < 1000\,a)$$

    $$\bar v_\phi(R) = v \tanh(R/R_t), \quad \sigma_R = \sigma\,e^{-R/2h}, \quad \sigma_\phi = \sigma_R/\sqrt 2, \quad
    \sigma_z = 0.6\,\sigma_R$$

    $$\log_{10} \text{age} = \log_{10} \text{age}_0 + g R + s\,\mathcal N, \qquad
    \log_{10} Z = \log_{10} Z_0 + g_Z r + s_Z\,\mathcal N$$

    The disc's mean rotation is the rotation curve itself: there is no asymmetric drift. The bulge does not rotate, its
    dispersion is the same everywhere, and its ages have no gradient; metallicity falls with distance from the axis in
    the disc and from the centre in the bulge. The model is no equilibrium: nothing ties the velocities to the mass.

    Every parameter is smooth in the particles, since they are a function of the parameters and of random numbers that
    are drawn once, by `sample`. Their gradient is stopped: an optimiser may be given the whole module, and moves the
    parameters only (one that also decays its weights would shrink the random numbers, and must be told to leave them).
    The mean place and velocity of the particles are zero up to the chance of that draw. Disc and bulge share the
    particles in fixed numbers, so that their share of the mass is a weight with a gradient.

    References: Freeman (1970), ApJ 160, 811; van der Kruit & Searle (1981), A&A 95, 105; Hernquist (1990), ApJ 356,
    359; Andersen & Bershady (2013), ApJ 768, 41 (rotation curve); Bottema (1993), A&A 275, 16 (dispersions).
    """

    uniform: Float[Array, "particle 4"] = eqx.field(converter=real, metadata=DATA)
    """Random numbers between 0 and 1 behind the places; the gradient is stopped."""
    normal: Float[Array, "particle 5"] = eqx.field(converter=real, metadata=DATA)
    """Random numbers of unit variance behind the velocities, age and metallicity; the gradient is stopped."""
    bulge_count: int = eqx.field(static=True)
    """How many of the particles, the last ones, belong to the bulge."""
    mass: Float[Array, ""] = eqx.field(converter=real, default=5e10, metadata=within(above=0))
    """Stellar mass as formed, of disc and bulge [solar mass]."""
    bulge_fraction: Float[Array, ""] = eqx.field(converter=real, default=0.25, metadata=within(least=0, most=1))
    """Share of the bulge in the mass."""
    disc_scale: Float[Array, ""] = eqx.field(converter=real, default=3.0, metadata=within(above=0))
    """Scale length h of the disc [kpc]."""
    disc_height: Float[Array, ""] = eqx.field(converter=real, default=0.4, metadata=within(above=0))
    """Scale height h_z of the disc [kpc]."""
    bulge_scale: Float[Array, ""] = eqx.field(converter=real, default=0.5, metadata=within(above=0))
    """Scale a of the bulge [kpc]; half of its mass lies within 2.41 a."""
    rotation_speed: Float[Array, ""] = eqx.field(converter=real, default=220.0)
    """Rotation speed v of the outer disc [km/s]."""
    turnover_radius: Float[Array, ""] = eqx.field(converter=real, default=1.5, metadata=within(above=0))
    """Radius R_t within which the rotation curve rises [kpc]."""
    disc_dispersion: Float[Array, ""] = eqx.field(converter=real, default=70.0, metadata=within(least=0))
    """Radial velocity dispersion of the disc at its centre [km/s]."""
    bulge_dispersion: Float[Array, ""] = eqx.field(converter=real, default=120.0, metadata=within(least=0))
    """Velocity dispersion of the bulge along any line of sight [km/s]."""
    disc_age: Float[Array, ""] = eqx.field(converter=real, default=7.0, metadata=within(above=0))
    """Median age at the centre of the disc [Gyr]."""
    disc_age_gradient: Float[Array, ""] = eqx.field(converter=real, default=-0.03)
    """Change of the disc's age with radius [dex/kpc]."""
    bulge_age: Float[Array, ""] = eqx.field(converter=real, default=10.0, metadata=within(above=0))
    """Median age of the bulge [Gyr]."""
    age_scatter: Float[Array, ""] = eqx.field(converter=real, default=0.1, metadata=within(least=0))
    """Scatter of the ages of both about their median [dex]."""
    metallicity: Float[Array, ""] = eqx.field(converter=real, default=0.025, metadata=within(above=0, most=1))
    """Median metallicity at the centre [mass fraction]."""
    metallicity_gradient: Float[Array, ""] = eqx.field(converter=real, default=-0.04)
    """Change of the metallicity of both with radius [dex/kpc]."""
    metallicity_scatter: Float[Array, ""] = eqx.field(converter=real, default=0.1, metadata=within(least=0))
    """Scatter of the metallicities of both about their median [dex]."""

    def __check_init__(self):
        count = self.uniform.shape[0]
        if self.uniform.shape != (count, 4) or self.normal.shape != (count, 5):
            raise ValueError(
                f"DiscBulge.uniform and normal must have shapes (particles, 4) and (particles, 5), "
                f"got {self.uniform.shape} and {self.normal.shape}."
            )
        if not 0 < self.bulge_count < count:
            raise ValueError(
                f"DiscBulge.bulge_count must leave particles to both disc and bulge: "
                f"between 1 and {count - 1}, got {self.bulge_count}."
            )

    @staticmethod
    def sample(
        count: int, *, bulge_count: int | None = None, key: PRNGKeyArray, **parameters: ArrayLike
    ) -> "DiscBulge":
        """A galaxy of so many particles, a quarter of them in the bulge if not told otherwise."""
        uniform, normal = drawn(key, count, 5)
        return DiscBulge(uniform, normal, count // 4 if bulge_count is None else bulge_count, **parameters)

    def particles(self) -> Particles:
        """The star particles: first those of the disc, then those of the bulge."""
        check_one(self)
        disc_count = self.uniform.shape[0] - self.bulge_count
        uniform, normal = lax.stop_gradient((self.uniform, self.normal))
        disc = self.disc(uniform[:disc_count], normal[:disc_count])
        bulge = self.bulge(uniform[disc_count:], normal[disc_count:])
        return Particles(*(jnp.concatenate(pair) for pair in zip(disc, bulge, strict=True)))

    def disc(self, uniform: Float[Array, "particle 4"], normal: Float[Array, "particle 5"]) -> tuple[Array, ...]:
        """Position, velocity, mass, age and metallicity of the disc."""
        radius, azimuth, height = exponential_disc(uniform, self.disc_scale, self.disc_height)
        dispersion = self.disc_dispersion * jnp.exp(-radius / (2 * self.disc_scale))
        outward = dispersion * normal[:, 0]
        rotation = rotation_curve(self.rotation_speed, self.turnover_radius, radius)
        along = rotation + dispersion * normal[:, 1] / math.sqrt(2)
        upward = 0.6 * dispersion * normal[:, 2]

        position, velocity = cartesian(radius, azimuth, height, outward, along, upward)
        age = scattered(self.disc_age, self.disc_age_gradient, self.age_scatter, radius, normal[:, 3], AGES)
        mass = jnp.full(radius.shape, self.mass * (1 - self.bulge_fraction) / radius.size)
        return position, velocity, mass, age, self.metallicities(radius, normal[:, 4])

    def bulge(self, uniform: Float[Array, "particle 4"], normal: Float[Array, "particle 5"]) -> tuple[Array, ...]:
        """Position, velocity, mass, age and metallicity of the bulge, whose mass within r is (r / (r + a))^2.

        The random number is the share of the mass *outside*: far out, where it is small, it is also precise.
        """
        whole = (BULGE_REACH / (BULGE_REACH + 1)) ** 2
        root = jnp.sqrt(whole * (1 - uniform[:, 0]))
        radius = self.bulge_scale * root * (1 + root) / ((1 - whole) + whole * uniform[:, 0])
        azimuth = 2 * math.pi * uniform[:, 1]
        cosine = 2 * uniform[:, 2] - 1
        sine = jnp.sqrt((1 - cosine) * (1 + cosine))

        direction = jnp.stack([sine * jnp.cos(azimuth), sine * jnp.sin(azimuth), cosine], axis=1)
        velocity = self.bulge_dispersion * normal[:, :3]
        age = scattered(self.bulge_age, 0.0, self.age_scatter, radius, normal[:, 3], AGES)
        mass = jnp.full(radius.shape, self.mass * self.bulge_fraction / radius.size)
        return radius[:, None] * direction, velocity, mass, age, self.metallicities(radius, normal[:, 4])

    def metallicities(
        self, radius: Float[Array, " particle"], normal: Float[Array, " particle"]
    ) -> Float[Array, " particle"]:
        """Metallicities of either component at a distance from its axis or centre [kpc]."""
        return scattered(
            self.metallicity, self.metallicity_gradient, self.metallicity_scatter, radius, normal, METALLICITIES
        )
