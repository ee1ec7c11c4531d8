"""What the atmosphere scatters of the moon's light into the line of sight."""

import math

import numpy as np
from jaxtyping import Float

from ifux.sky.bands import BANDS, flux_of
from ifux.sky.extinction import extinction, scattering
from ifux.sky.sunlight import sunlight
from ifux.units import FLUX_UNIT

HEIGHT = 45.0
"""Of the moon [degree]."""

REFLECTANCE = np.array([
    (3500, -2.68), (4050, -2.36), (4416, -2.32), (4750, -2.29), (5491, -2.11), (6651, -1.89), (7036, -1.92),
    (7453, -1.87), (7748, -1.80), (8653, -1.75), (8820, -1.73), (9393, -1.76), (10595, -1.59), (12432, -1.54),
    (15387, -1.34), (16336, -1.35), (19815, -1.26), (22509, -1.04),
])  # fmt: skip
"""Wavelength [angstrom] and logarithm of the share that the full moon sends back: it is redder than the sun.

References: Kieffer & Stone (2005), AJ 129, 2887, table 4, first coefficient.
"""


def moonlight(
    wavelength: Float[np.ndarray, " node"], airmass: float, moon: float, away: float
) -> Float[np.ndarray, " node"]:
    """At an airmass [1e-20 erg/s/cm2/angstrom/arcsec2], of a moon of which a share is lit, so far away [degree].

    In V by a published formula, with its surge near full moon, and elsewhere in proportion to what the moon sends back
    of sunlight and the atmosphere scatters of that to the ground.

    References: Krisciunas & Schaefer (1991), PASP 103, 1033.
    """
    phase = math.degrees(math.acos(2 * moon - 1))
    illuminance = 10 ** (-0.4 * (3.84 + 0.026 * phase + 4e-9 * phase**4)) * max(1.0, 1.35 - 0.05 * phase)
    angular = 10**5.36 * (1.06 + math.cos(math.radians(away)) ** 2) + 10 ** (6.15 - away / 40)
    high = (1 - 0.96 * math.cos(math.radians(HEIGHT)) ** 2) ** -0.5
    zenith, centre = extinction(wavelength), BANDS["V"]
    scattered = 10 ** (-0.4 * zenith * high) * (1 - 10 ** (-0.4 * zenith * airmass))
    lamberts = angular * illuminance * np.interp(centre, wavelength, scattered)
    magnitude = (20.7233 - math.log(lamberts / 34.08)) / 0.92104
    reflected = np.exp(np.interp(wavelength, *REFLECTANCE.T)) * sunlight(wavelength)
    colour = reflected * diffuse(wavelength, 1 / high)
    return flux_of("V", magnitude) / FLUX_UNIT * colour / np.interp(centre, wavelength, colour)


def diffuse(wavelength: Float[np.ndarray, " node"], cosine: float) -> Float[np.ndarray, " node"]:
    r"""Share of a beam that reaches the ground scattered, once or often, from a source at a cosine of zenith distance.

    $$\frac{2 + 3\mu + (2 - 3\mu)e^{-\tau/\mu}}{4 + 3\tau} - e^{-\tau/\mu}$$

    above dark ground, as many photons forwards as backwards; dimmed by what is swallowed and not scattered.

    References: Eddington's approximation, Shettle & Weinman (1970), J. Atmos. Sci. 27, 1048.
    """
    depth = scattering(wavelength) * math.log(10) / 2.5
    swallowed = np.maximum(extinction(wavelength) * math.log(10) / 2.5 - depth, 0)
    direct = np.exp(-depth / cosine)
    arriving = (2 + 3 * cosine + (2 - 3 * cosine) * direct) / (4 + 3 * depth)
    return (arriving - direct) * np.exp(-swallowed / cosine)
