"""Stars that burn hydrogen in their cores."""

import numpy as np
from jaxtyping import Float

from ifux.embedded.coefficients import evolved, logarithm, zero_age

Masses = Float[np.ndarray, " mass"]


class MainSequence:
    """Lifetime, luminosity and radius of core hydrogen burning at one metallicity.

    References: Tout et al. (1996), MNRAS 281, 257 (zero age); Hurley, Pols & Tout (2000), MNRAS 315, 543, eqs. 4-12.
    The hook at the end of the phase is left out.
    """

    def __init__(self, metallicity: float):
        self.x = logarithm(metallicity)
        self.zero_age = zero_age(metallicity)
        self.c = evolved(metallicity)

    def base_of_giants(self, mass: Masses) -> Masses:
        """Age at the base of the giant branch [Gyr]."""
        c = self.c
        top = c["a1"] + c["a2"] * mass**4 + c["a3"] * mass**5.5 + mass**7
        return top / (c["a4"] * mass**2 + c["a5"] * mass**7) / 1e3

    def lifetime(self, mass: Masses) -> Masses:
        """Age at the end of core hydrogen burning [Gyr]."""
        c = self.c
        hook = 1 - 0.01 * np.maximum(c["a6"] * mass ** -c["a7"], c["a8"] + c["a9"] * mass ** -c["a10"])
        share = max(0.95, min(0.95 - 0.03 * (self.x + 0.30103), 0.99))
        return np.maximum(np.maximum(0.5, hook), share) * self.base_of_giants(mass)

    def zero_age_luminosity(self, mass: Masses) -> Masses:
        """[solar luminosity]."""
        c = self.zero_age
        top = c[0] * mass**5.5 + c[1] * mass**11
        return top / (c[2] + mass**3 + c[3] * mass**5 + c[4] * mass**7 + c[5] * mass**8 + c[6] * mass**9.5)

    def zero_age_radius(self, mass: Masses) -> Masses:
        """[solar radius]."""
        c = self.zero_age
        top = c[7] * mass**2.5 + c[8] * mass**6.5 + c[9] * mass**11 + c[10] * mass**19 + c[11] * mass**19.5
        return top / (c[12] + c[13] * mass**2 + c[14] * mass**8.5 + mass**18.5 + c[15] * mass**19.5)

    def last_luminosity(self, mass: Masses) -> Masses:
        """At the end of the phase [solar luminosity]."""
        c = self.c
        top = c["a14"] * (c["a11"] * mass**3 + c["a12"] * mass**4) + c["a13"] * mass ** (c["a16"] + 1.8)
        return top / (c["a14"] + c["a15"] * mass**5 + mass ** c["a16"])

    def last_radius(self, mass: Masses) -> Masses:
        """At the end of the phase [solar radius]."""
        c = self.c
        x = np.log10(0.02) + self.x
        knee = 10 ** max(0.097 - 0.1072 * (x + 3), max(0.097, min(0.1461, 0.1461 + 0.1237 * (x + 2))))

        def light(mass):
            fit = c["a20"] * (c["a18"] + c["a19"] * mass ** c["a21"]) / (c["a20"] + mass ** c["a22"])
            return np.maximum(1.5 * self.zero_age_radius(mass), fit)

        def heavy(mass):
            top = -8.672073e-2 * mass**3 + c["a23"] * mass ** c["a26"] + c["a24"] * mass ** (c["a26"] + 1.5)
            return top / (c["a25"] + mass**5)

        share = np.clip((mass - knee) / 0.1, 0, 1)
        return (1 - share) * light(np.minimum(mass, knee)) + share * heavy(np.maximum(mass, knee + 0.1))

    def brightening(self, mass: Masses) -> Masses:
        """Early slope of log luminosity against the elapsed fraction of the phase."""
        c, x = self.c, self.x

        def heavy(mass):
            return (c["a45"] + c["a46"] * mass ** c["a48"]) / (mass**0.4 + c["a47"] * mass**1.9)

        knots = [0.5, 0.7, 1.0, 1.1, 2.0]
        middle = [min(c["a50"], 0.306 + 0.053 * x), min(c["a51"], 0.3625 + 0.062 * x)]
        light = np.interp(mass, knots, [max(c["a49"], 0.145), 0.3, *middle, heavy(2.0)])
        return np.where(mass < 2, light, heavy(np.maximum(mass, 2)))

    def state(self, mass: Masses, elapsed: Masses) -> tuple[Masses, Masses]:
        """Log luminosity and log radius at an elapsed fraction of the phase [dex of solar values]."""
        slope = self.brightening(mass)
        first, last = np.log10(self.zero_age_luminosity(mass)), np.log10(self.last_luminosity(mass))
        luminosity = first + slope * elapsed + (last - first - slope) * elapsed**2
        first, last = np.log10(self.zero_age_radius(mass)), np.log10(self.last_radius(mass))
        radius = first + 0.1 * elapsed + (last - first - 0.1) * elapsed**3
        return luminosity, radius
