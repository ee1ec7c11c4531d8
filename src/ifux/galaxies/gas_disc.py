"""An exponential disc of gas that forms stars."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ifux.galaxies.disc import cartesian, exponential_disc, rotation_curve
from ifux.galaxies.drawn import drawn
from ifux.galaxies.scatter import METALLICITIES, scattered
from ifux.particles import Gas
from ifux.typing import DATA, AbstractLimited, check_one, real, within


@final
class GasDisc(AbstractLimited):
    r"""A disc of gas that forms stars. It spins about +z, counter-clockwise seen from +z, with the curve it is given.

    $$\rho = \frac{M}{4\pi h^2 h_z}\,e^{-R/h}\,\text{sech}^2(z/h_z), \qquad \dot\Sigma_\star \propto \Sigma^N$$

    $$\log_{10} Z = \log_{10} Z_0 + g R + s\,\mathcal N$$

    The law of Kennicutt and Schmidt shares the star formation; how much there is of it is a number of its own. By
    default it is what the law says of the default mass and scale,

    $$\dot\Sigma_\star = 1.7\times10^{-4} \left(\frac{\Sigma}{M_\odot\,\text{pc}^{-2}}\right)^{1.4}
    M_\odot\,\text{yr}^{-1}\,\text{kpc}^{-2}$$

    with the initial mass function of Kroupa. The dispersion is isotropic, and the same everywhere; it is that between
    cells, beside the turbulence inside of them.

    As in `DiscBulge`, all parameters have gradients, random numbers are drawn once, by `sample`, and have none.

    References: Kennicutt (1998), ApJ 498, 541, eq. 4 (Salpeter), times 0.67; Leroy et al. (2008), AJ 136, 2782
    (gas discs are longer than what forms in them); Tamburro et al. (2009), AJ 137, 4424 (dispersion).
    """

    uniform: Float[Array, "cell 4"] = eqx.field(converter=real, metadata=DATA)
    """Random numbers between 0 and 1 behind the places; the gradient is stopped."""
    normal: Float[Array, "cell 4"] = eqx.field(converter=real, metadata=DATA)
    """Random numbers of unit variance behind the velocities and the metallicity; the gradient is stopped."""
    mass: Float[Array, ""] = eqx.field(converter=real, default=5e9, metadata=within(above=0))
    """Mass M of all gas [solar mass]."""
    scale: Float[Array, ""] = eqx.field(converter=real, default=4.0, metadata=within(above=0))
    """Scale length h [kpc]."""
    height: Float[Array, ""] = eqx.field(converter=real, default=0.15, metadata=within(above=0))
    """Scale height h_z [kpc]."""
    dispersion: Float[Array, ""] = eqx.field(converter=real, default=10.0, metadata=within(least=0))
    """Velocity dispersion of the cells along any line of sight [km/s]."""
    star_formation_rate: Float[Array, ""] = eqx.field(converter=real, default=2.0, metadata=within(least=0))
    """Of the whole disc [solar mass/yr]."""
    star_formation_slope: Float[Array, ""] = eqx.field(converter=real, default=1.4, metadata=within(least=0))
    """Power N of the surface density that star formation follows; one shares it by mass."""
    metallicity: Float[Array, ""] = eqx.field(converter=real, default=0.02, metadata=within(above=0, most=1))
    """Median metallicity at the centre [mass fraction]."""
    metallicity_gradient: Float[Array, ""] = eqx.field(converter=real, default=-0.03)
    """Change of the metallicity with radius [dex/kpc]."""
    metallicity_scatter: Float[Array, ""] = eqx.field(converter=real, default=0.05, metadata=within(least=0))
    """Scatter of the metallicities about their median [dex]."""
    temperature: Float[Array, ""] = eqx.field(converter=real, default=1e4, metadata=within(above=0))
    """Of all cells [K]."""

    def __check_init__(self):
        count = self.uniform.shape[0]
        if not count or self.uniform.shape != (count, 4) or self.normal.shape != (count, 4):
            raise ValueError(
                f"GasDisc.uniform and normal must both have the shape (cells, 4) with at least one cell, got "
                f"{self.uniform.shape} and {self.normal.shape}."
            )

    @staticmethod
    def sample(count: int, *, key: PRNGKeyArray, **parameters: ArrayLike) -> "GasDisc":
        """A disc of so many cells."""
        uniform, normal = drawn(key, count, 4)
        return GasDisc(uniform, normal, **parameters)

    def cells(self, rotation_speed: Float[Array, ""], turnover_radius: Float[Array, ""]) -> Gas:
        """The gas on a rotation curve, that of the stars [km/s, kpc]: cells of equal mass, each a ball."""
        check_one(self)
        uniform, normal = lax.stop_gradient((self.uniform, self.normal))
        radius, azimuth, height = exponential_disc(uniform, self.scale, self.height)
        along = rotation_curve(rotation_speed, turnover_radius, radius) + self.dispersion * normal[:, 1]
        outward, upward = self.dispersion * normal[:, 0], self.dispersion * normal[:, 2]
        position, velocity = cartesian(radius, azimuth, height, outward, along, upward)
        mass = jnp.full(radius.shape, self.mass / radius.size)
        # sech^2 of the height, by the random number behind it
        layer = 4 * uniform[:, 3] * (1 - uniform[:, 3])
        density = self.mass / (4 * math.pi * self.scale**2 * self.height) * jnp.exp(-radius / self.scale) * layer
        metallicity = scattered(
            self.metallicity, self.metallicity_gradient, self.metallicity_scatter, radius, normal[:, 3], METALLICITIES
        )
        return Gas(
            position=position,
            velocity=velocity,
            mass=mass,
            density=density,
            temperature=jnp.full(radius.shape, self.temperature),
            metallicity=metallicity,
            star_formation_rate=self.star_formation(radius),
            smoothing_length=jnp.cbrt(3 / (4 * math.pi) * mass / density),
        )

    def star_formation(self, radius: Float[Array, " cell"]) -> Float[Array, " cell"]:
        """Star-formation rates of cells of equal mass, which is one power of the surface density already."""
        weight = jnp.exp((1 - self.star_formation_slope) * radius / self.scale)
        return self.star_formation_rate * weight / jnp.sum(weight)
