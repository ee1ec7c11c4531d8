"""Ionised gas outside of H II regions."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.particles import Gas
from ifux.units import SOLAR_LUMINOSITY

SOLAR_MASS = 1.98841e33
"""[g], IAU 2015 resolution B3 and CODATA 2018."""
HYDROGEN_MASS = 1.6735e-24
"""[g]."""
KILOPARSEC = 3.0856775814913673e21
"""[cm]."""
HYDROGEN = 0.74
"""Mass fraction of hydrogen where the simulation does not count it: Asplund et al. (2009), ARA&A 47, 481, table 4."""
EMISSIVITY = 3.54e-25
"""Of H-alpha in case B at 1e4 K, times protons and electrons per cm^3 [erg cm^3/s]: Storey & Hummer (1995)."""
FORMING = 1e11
"""Gas that would take longer than this to become stars counts as diffuse, what forms them faster less and less [yr]."""

DIFFUSE_RATIOS = (0.6, 0.0, -0.3, -0.25)
"""Logarithms of [O II] 3726, 3729 and [O III] 5007 over H-beta, [N II] 6583 and [S II] 6716, 6731 over H-alpha.

Assumed, to begin with, and of no table: lines of low ions are stronger than in H II regions, and differ by factors of
two within a galaxy and between them, see Haffner et al. (2009), RMP 81, 969, sec. II, and Zhang et al. (2017), MNRAS
466, 3217.
"""

SCALE = EMISSIVITY / HYDROGEN_MASS**2 * (SOLAR_MASS / KILOPARSEC**3) * SOLAR_MASS / SOLAR_LUMINOSITY
"""Luminosity of a solar mass of protons at a density of one solar mass/kpc^3 [solar luminosity]."""


def diffuse_halpha(gas: Gas) -> Float[Array, " cell"]:
    r"""Luminosity in H-alpha of gas that recombines at the density and temperature of its cell [solar luminosity].

    $$L = w\,\epsilon\left(\frac{T}{10^4\,\mathrm{K}}\right)^{-0.942 - 0.031\ln(T/10^4\,\mathrm{K})}
    \frac{(x X)^2 \rho M}{m_\mathrm{H}^2}, \quad w = \frac{M}{M + \tau\,\mathrm{SFR}}$$

    with the ionised fraction x of the simulation, the electrons per hydrogen nucleus but at most one, and else that of
    collisional equilibrium. The cell has the temperature of no phase where it forms stars: w leaves it out. Density
    that a cell does not resolve is in the number that multiplies it.

    References: Draine (2011), Physics of the Interstellar and Intergalactic Medium, eq. 14.8.
    """
    has = gas.temperature > 0
    temperature = jnp.where(has, gas.temperature, 1e4)
    log = jnp.log(temperature / 1e4)
    ionised = collisional(temperature) if gas.electron_abundance is None else jnp.minimum(gas.electron_abundance, 1)
    hydrogen = gas.elements.get("H", jnp.full_like(gas.mass, HYDROGEN))
    total = gas.mass + FORMING * gas.star_formation_rate
    quiet = gas.mass / jnp.where(total > 0, total, 1)
    square = (ionised * hydrogen) ** 2 * jnp.exp((-0.942 - 0.031 * log) * log)
    return jnp.where(has, quiet * square * (SCALE * gas.density) * gas.mass, 0)


def collisional(temperature: Float[Array, " cell"]) -> Float[Array, " cell"]:
    """Fraction of hydrogen that is ionised where collisions ionise as much as recombines, at temperatures [K].

    References: Katz, Weinberg & Hernquist (1996), ApJS 105, 19, table 2.
    """
    warm = jnp.sqrt(temperature / 1e5)
    ionising = 5.85e-11 * jnp.exp(-157809.1 / temperature) * jnp.sqrt(temperature) / (1 + warm)
    recombining = 8.4e-11 * (temperature / 1e3) ** -0.2 / jnp.sqrt(temperature) / (1 + (temperature / 1e6) ** 0.7)
    return ionising / (ionising + recombining)
