"""Stars that have left the main sequence."""

import numpy as np
from jaxtyping import Float

from ifux.embedded.coefficients import evolved, logarithm
from ifux.embedded.main_sequence import Masses

Tracks = Float[np.ndarray, "mass stage"]

SHRUNK = 0.95
"""Radii of giants relative to the fits, which makes them 110 K hotter: tuned to the colours of MILES at 10 Gyr."""


class Giants:
    """Luminosities, radii and durations after core hydrogen burning at one metallicity.

    References: Hurley, Pols & Tout (2000), MNRAS 315, 543, eqs. 10 and 32-74.
    """

    def __init__(self, metallicity: float):
        self.c, x = evolved(metallicity), logarithm(metallicity)
        self.x, self.z = x, 0.02 * 10**x
        self.flash = 1.995 + 0.25 * x + 0.087 * x**2
        """Heaviest star that ignites helium in a degenerate core [solar mass]."""
        self.branch = 13.048 * 10 ** (0.06 * x) / (1 + 0.0012 * 10 ** (-1.27 * x))
        """Heaviest star that ignites helium on the giant branch [solar mass]."""

    def base_luminosity(self, mass: Masses) -> Masses:
        """At the base of the giant branch [solar luminosity]."""
        c = self.c
        top = c["a27"] * mass ** c["a31"] + c["a28"] * mass**9.301992
        return top / (c["a29"] ** c["a32"] + c["a30"] * mass**4.637345 + mass ** c["a32"])

    def _joined(self, mass: Masses, light: Masses, heavy, at_flash: float) -> Masses:
        """A low-mass fit bent to meet the fit for heavier stars at the limiting mass of the flash."""
        meet = float(heavy(np.array(self.flash)))
        bend = (at_flash - meet) / meet * np.exp(15 * np.minimum(mass - self.flash, 0))
        return np.where(mass < self.flash, light / (1 + bend), heavy(np.maximum(mass, self.flash)))

    def ignition_luminosity(self, mass: Masses) -> Masses:
        """At the ignition of helium: the tip of the giant branch [solar luminosity]."""
        c = self.c

        def light(mass):
            return c["b9"] * mass ** c["b10"]

        def heavy(mass):
            return (c["b11"] ** 2 + c["b12"] * mass**3.8) / (c["b13"] ** 2 + mass**2)

        return self._joined(mass, light(mass), heavy, light(self.flash))

    def faintest_helium(self, mass: Masses) -> Masses:
        """Least luminosity of core helium burning in stars that escape the flash [solar luminosity]."""
        c, x = self.c, self.x
        b17 = 1 - 0.3880523 * (x + 1) ** 2.862149 if x > -1 else 1.0
        b14, b16 = c["b14"] ** c["b15"], c["b16"] ** c["b15"]
        slope = b17 / self.branch**0.1 + (b16 * b17 - b14) / self.branch ** (c["b15"] + 0.1)
        share = (b14 + slope * mass ** (c["b15"] + 0.1)) / (b16 + mass ** c["b15"])
        return np.minimum(share, 1) * self.ignition_luminosity(mass)

    def branch_radius(self, mass: Masses, luminosity: Tracks) -> Tracks:
        """On the giant branch [solar radius]."""
        c, z = self.c, self.z
        b2 = min(max(10 ** (-4.6739 - 0.9394 * np.log10(z)), -0.04167 + 55.67 * z), 0.4771 - 9329.21 * z**2.94)
        scale = np.minimum(c["b4"] * mass ** -c["b5"], c["b6"] * mass ** -c["b7"])[:, None] * SHRUNK
        return scale * (luminosity ** min(c["b1"], 0.54) + b2 * luminosity ** self._steepness())

    def _steepness(self) -> float:
        x = np.log10(self.z)
        steep = 10 ** max(-0.1451, -2.2794 - x * (1.5175 + x * 0.254))
        return max(steep, 0.7307 + 14265.1 * self.z**3.395) if self.z > 0.004 else steep

    def asymptotic_radius(self, mass: Masses, luminosity: Tracks) -> Tracks:
        """On the asymptotic giant branch [solar radius]."""
        c, z = self.c, self.z
        b2 = min(max(10 ** (-4.6739 - 0.9394 * np.log10(z)), -0.04167 + 55.67 * z), 0.4771 - 9329.21 * z**2.94)
        share = np.clip((mass - self.flash + 0.2) / 0.2, 0, 1)[:, None]
        light = (c["b56"] + c["b57"] * np.minimum(mass, self.flash - 0.2))[:, None]
        heavy = np.maximum(mass, self.flash)
        heavy = np.minimum(c["b51"] * heavy ** -c["b52"], c["b53"] * heavy ** -c["b54"])[:, None]
        steep = self._steepness() * (1 + share * (min(c["b55"], 0.99164 - 743.123 * z**2.83) - 1))
        return (
            SHRUNK * ((1 - share) * light + share * heavy) * (luminosity ** min(c["b1"], 0.54) + b2 * luminosity**steep)
        )

    def core(self, mass: Masses, luminosity: Tracks) -> Tracks:
        """Core mass that shines with a luminosity on either giant branch [solar mass]."""
        normal = 5.37 + 0.135 * self.x
        share = np.clip((mass - self.flash) / (2.5 - self.flash), 0, 1)[:, None]
        high = np.maximum(np.maximum(-1.0, 0.975 * normal - 0.18 * mass), 0.5 * normal - 0.06 * mass)[:, None]
        steep, flat = 6 - share, 3 - share
        one = 10 ** ((1 - share) * normal + share * high)
        two = np.maximum(3e4, 500 + 1.75e4 * mass**0.6)[:, None]
        return np.maximum((luminosity / one) ** (1 / steep), (luminosity / two) ** (1 / flat))

    def asymptotic_luminosity(self, mass: Masses) -> Masses:
        """At the base of the asymptotic giant branch [solar luminosity]."""
        c = self.c

        def light(mass):
            return c["b29"] * mass ** c["b30"]

        def heavy(mass):
            b31, b34 = c["b31"] ** c["b33"], c["b34"] ** c["b33"]
            return (b31 + c["b32"] * mass ** (c["b33"] + 1.8)) / (b34 + mass ** c["b33"])

        return self._joined(mass, light(mass), heavy, light(self.flash))

    def helium_lifetime(self, mass: Masses, base: Masses) -> Masses:
        """Duration of core helium burning [Gyr], given the age at the base of the giant branch [Gyr].

        The step at the limiting mass of the flash is three times as wide as in eq. 57, so that populations fade evenly.
        """
        c = self.c
        b41, b44 = c["b41"] ** c["b42"], c["b44"] ** 5
        share = (b41 * mass ** c["b42"] + c["b43"] * mass**5) / (b44 + mass**5)
        at_flash = np.interp(self.flash, mass, base * share)
        bend = (1e3 * at_flash / c["b39"] - 1) * np.exp(5 * np.minimum(mass - self.flash, 0))
        return np.where(mass < self.flash, c["b39"] * (1 + bend) / 1e3, base * share)

    def horizontal(self, mass: Masses, core: float) -> tuple[Masses, Masses]:
        """Luminosity and radius as helium begins to burn after a flash [solar values], given the core mass."""
        c = self.c
        share = np.clip((mass - core) / (self.flash - core), 1e-6, 1)
        naked = 1.5262e4 * core**10.25 / (0.0469 + core**6 * (31.18 + core**1.5 * (29.54 + core**1.5)))
        luminosity = naked + (1 + c["b20"]) * c["b18"] * share ** c["b19"] / (1 + c["b20"] * share**1.6479)
        weight = (1 + c["b21"]) * share ** c["b22"] / (1 + c["b21"] * share ** c["b23"])
        naked = 0.2391 * core**4.6 / (core**4 + 0.162 * core**3 + 0.0065)
        return luminosity, (1 - weight) * naked + weight * self.branch_radius(mass, luminosity[:, None])[:, 0]

    def smallest_helium(self, mass: Masses) -> Masses:
        """Least radius of core helium burning in stars that escape the flash [solar radius]."""
        c = self.c
        b24, b27 = c["b24"] ** c["b28"], c["b27"] ** (2 * c["b28"])
        b26 = 5 - 0.09138012 * self.z**-0.3671407
        return (b24 * mass + (c["b25"] * mass) ** b26 * mass ** c["b28"]) / (b27 + mass ** c["b28"])

    def last_core(self, mass: Masses) -> Masses:
        """Core mass at the end of the early asymptotic branch [solar mass]."""
        c = self.c
        core = (c["b36"] ** 4 * mass ** (4 * c["b37"]) + c["b38"] ** 4) ** 0.25
        return np.where(core < 0.8, core, np.minimum(0.44 * core + 0.448, core))
