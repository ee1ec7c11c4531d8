"""H II regions around young stars."""

import math
from collections.abc import Sequence
from typing import Annotated, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.emission.base import AbstractEmission, motion
from ifux.emission.ionising import AGES, METALS, RATES, photons
from ifux.emission.lines import Line, species
from ifux.emission.oxygen import oxygen
from ifux.emission.regions import KNOWN, luminosities, recipe_lines, recipe_shares
from ifux.emission.strong_lines import calibrated, strong_lines
from ifux.library import SSPLibrary
from ifux.numerics.stencil import between
from ifux.particles import Gas, Particles
from ifux.typing import DATA, Limits, real, within
from ifux.units import SOLAR_LUMINOSITY

ENERGY = 1.37e-12
"""In H-alpha of one ionising photon, case B at 1e4 K [erg]: Osterbrock & Ferland (2006), sec. 5.10; its inverse is
7.31e11 photons per erg in Kennicutt (1998), ARA&A 36, 189."""
DARK = 0.1
"""Age from which on there is no H II region [Gyr]."""
NOTHING = 20.0
"""Logarithm of the rate of photons there, which is none."""


@final
class YoungStarEmission(AbstractEmission):
    r"""Lines of the gas around young stars, by their ionising photons and their own metals.

    $$L_{\mathrm{H}\alpha} = 1.37\times10^{-12}\,\mathrm{erg}\,(1 - f)\,M\,Q(\mathrm{age}, Z)$$

    with Q linear in the logarithms of itself, of age and of Z between nodes, held at the ends but for ages: stars fade
    from the last node to an age of 100 Myr, where they are dark. Other lines follow as for gas that forms stars: those
    of hydrogen `case_b`, those of metals `over_hydrogen`. The gas has the place and the velocity of its stars.
    """

    lines: tuple[Line, ...] = eqx.field(static=True, converter=recipe_lines)
    """Those wanted, by name."""
    metallicity: Float[Array, " metallicity"] = eqx.field(converter=real, metadata=DATA | within(above=0))
    """Nodes of the mass fraction of metals, increasing."""
    age: Float[Array, " age"] = eqx.field(converter=real, metadata=DATA | within(above=0))
    """Nodes of the age, increasing [Gyr]."""
    rates: Float[Array, "metallicity age"] = eqx.field(converter=real, metadata=DATA)
    """Logarithms of the ionising photons of one solar mass in one second."""
    escape: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0, most=1))
    """Share f of the photons that ionise no gas: they escape, or dust takes them."""
    temperature: Float[Array, ""] = eqx.field(converter=real, default=1e4, metadata=within(above=0))
    """Of the electrons and ions [K]."""
    turbulence: Float[Array, ""] = eqx.field(converter=real, default=20.0, metadata=within(least=0))
    """Standard deviation of the velocity that is not thermal, as in `StarFormingEmission` [km/s]."""

    def __check_init__(self):
        if self.rates.shape != (self.metallicity.size, self.age.size):
            raise ValueError(
                f"YoungStarEmission.rates has shape {self.rates.shape}, but there are {self.metallicity.size} nodes of "
                f"metallicity and {self.age.size} of age."
            )

    @classmethod
    def of_table(
        cls,
        lines: tuple[str, ...] = KNOWN,
        escape: Annotated[float, Limits(least=0, most=1)] = 0.0,
        temperature: Annotated[float, Limits(above=0)] = 1e4,
        turbulence: Annotated[float, Limits(least=0)] = 20.0,
    ) -> "YoungStarEmission":
        """With the photons of Bruzual & Charlot (2003), see `ifux.emission.ionising`."""
        ages, rates = faded(np.array(AGES), np.array(RATES))
        return cls(lines, np.array(METALS), ages, rates, escape, temperature, turbulence)

    @classmethod
    def of_library(cls, library: SSPLibrary, lines: Sequence[str] = KNOWN, **given: float) -> "YoungStarEmission":
        """With the photons of a library that reaches them.

        Raises:
            ValueError: it does not.
        """
        young = library.age < DARK
        ages, rates = faded(library.age[young], photons(library)[:, young])
        return cls(tuple(lines), library.metallicity, ages, rates, **given)

    @property
    def size(self) -> int:
        """Hydrogen, and each pair of lines that is wanted."""
        return len(species(self.lines))

    @property
    def of_stars(self) -> bool:
        """Stars have the gas around them."""
        return True

    def coefficients(self, emitters: Gas | Particles) -> Float[Array, "cell element"]:
        """By mass, age and metals."""
        stars = stars_of_emitters(emitters)
        metals = jnp.log(jnp.clip(stars.metallicity, self.metallicity[0], self.metallicity[-1]))
        ages = jnp.log(jnp.clip(stars.age, self.age[0], self.age[-1]))
        place = between(metals, jnp.log(self.metallicity)).outer(between(ages, jnp.log(self.age)))
        scale = math.log10(ENERGY) - math.log10(SOLAR_LUMINOSITY)
        halpha = (1 - self.escape) * stars.mass * 10 ** (place.gather(self.rates.reshape(-1)) + scale)
        return luminosities(self.lines, halpha, strong_lines(oxygen(stars)), self.temperature)

    def shares(self) -> Float[Array, " line"]:
        """Case B for hydrogen; those of a pair are fixed."""
        return recipe_shares(self.lines, self.temperature)

    def variances(self) -> Float[Array, " line"]:
        """Thermal and turbulent."""
        return motion(self.lines, self.temperature, self.turbulence)

    def covered(self, emitters: Gas | Particles) -> Bool[Array, " cell"]:
        """Whether stars are dark, or have metals that the photons and the calibration of lines are known for."""
        stars = stars_of_emitters(emitters)
        inside = (stars.metallicity >= self.metallicity[0]) & (stars.metallicity <= self.metallicity[-1])
        return (stars.age >= self.age[-1]) | (inside & calibrated(oxygen(stars)))


def faded(
    ages: Float[np.ndarray, " age"], rates: Float[np.ndarray, "metallicity age"]
) -> tuple[Float[np.ndarray, " age_and_dark"], Float[np.ndarray, "metallicity age_and_dark"]]:
    """Ages and rates with the age from which on stars are dark."""
    return np.append(ages, DARK), np.pad(rates, [(0, 0), (0, 1)], constant_values=NOTHING)


def stars_of_emitters(emitters: Gas | Particles) -> Particles:
    """What shines, where it has to be stars."""
    if not isinstance(emitters, Particles):
        raise ValueError(f"The gas around star particles shines here, and {type(emitters).__name__} is none of them.")
    return emitters
