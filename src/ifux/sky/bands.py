"""The broad bands in which the brightness of the night sky is published."""

import numpy as np
from jaxtyping import Float

BANDS = {
    "U": 3660, "B": 4360, "V": 5450, "R": 6410, "I": 7980, "J": 12200, "H": 16300, "K": 21900,
}  # fmt: skip
"""Effective wavelengths [angstrom].

References: Bessell, Castelli & Plez (1998), A&A 333, 231, table A2.
"""

ZERO_POINTS = {
    "U": 417.5, "B": 632.0, "V": 363.1, "R": 217.7, "I": 112.6, "J": 31.47, "H": 11.38, "K": 3.961,
}  # fmt: skip
"""Flux density of magnitude zero [1e-11 erg/s/cm2/angstrom].

References: Bessell, Castelli & Plez (1998), A&A 333, 231, table A2.
"""

ZERO_POINTS_OF_ESO = ZERO_POINTS | {
    "U": 418.023, "B": 660.085, "V": 360.994, "R": 228.665, "I": 122.603, "J": 31.2, "H": 11.4,
}  # fmt: skip
"""The same in the system of ESO's calculators; of K nothing was found.

References: the help of ESO's SkyCalc, www.eso.org/observing/etc/doc/skycalc/helpskycalc.html.
"""

PASSBANDS = {
    "U": np.array([
        (3000, 0), (3050, 0.016), (3100, 0.068), (3150, 0.167), (3200, 0.287), (3250, 0.423), (3300, 0.56),
        (3350, 0.673), (3400, 0.772), (3450, 0.841), (3500, 0.905), (3550, 0.943), (3600, 0.981), (3650, 0.993),
        (3700, 1), (3750, 0.989), (3800, 0.916), (3850, 0.804), (3900, 0.625), (3950, 0.423), (4000, 0.238),
        (4050, 0.114), (4100, 0.051), (4150, 0.019), (4200, 0),
    ]),
    "B": np.array([
        (3600, 0), (3700, 0.03), (3800, 0.134), (3900, 0.567), (4000, 0.92), (4100, 0.978), (4200, 1), (4300, 0.978),
        (4400, 0.935), (4500, 0.853), (4600, 0.74), (4700, 0.64), (4800, 0.536), (4900, 0.424), (5000, 0.325),
        (5100, 0.235), (5200, 0.15), (5300, 0.095), (5400, 0.043), (5500, 0.009), (5600, 0),
    ]),
    "V": np.array([
        (4700, 0), (4800, 0.03), (4900, 0.163), (5000, 0.458), (5100, 0.78), (5200, 0.967), (5300, 1), (5400, 0.973),
        (5500, 0.898), (5600, 0.792), (5700, 0.684), (5800, 0.574), (5900, 0.461), (6000, 0.359), (6100, 0.27),
        (6200, 0.197), (6300, 0.135), (6400, 0.081), (6500, 0.045), (6600, 0.025), (6700, 0.017), (6800, 0.013),
        (6900, 0.009), (7000, 0),
    ]),
    "R": np.array([
        (5500, 0), (5600, 0.23), (5700, 0.74), (5800, 0.91), (5900, 0.98), (6000, 1), (6100, 0.98), (6200, 0.96),
        (6300, 0.93), (6400, 0.9), (6500, 0.86), (6600, 0.81), (6700, 0.78), (6800, 0.72), (6900, 0.67),
        (7000, 0.61), (7100, 0.56), (7200, 0.51), (7300, 0.46), (7400, 0.4), (7500, 0.35), (8000, 0.14),
        (8500, 0.03), (9000, 0),
    ]),
    "I": np.array([
        (7000, 0), (7100, 0.024), (7200, 0.232), (7300, 0.555), (7400, 0.785), (7500, 0.91), (7600, 0.965),
        (7700, 0.985), (7800, 0.99), (7900, 0.995), (8000, 1), (8100, 1), (8200, 0.99), (8300, 0.98), (8400, 0.95),
        (8500, 0.91), (8600, 0.86), (8700, 0.75), (8800, 0.56), (8900, 0.33), (9000, 0.15), (9100, 0.03), (9200, 0),
    ]),
}  # fmt: skip
"""Wavelength [angstrom] and response of the optical bands; R has a long red tail, in which the lines of hydroxyl are.

References: Bessell (1990), PASP 102, 1181, table 2.
"""


def flux_of(band: str, magnitude: float, zero_points: dict[str, float] = ZERO_POINTS) -> float:
    """Flux density of a magnitude [erg/s/cm2/angstrom]."""
    return zero_points[band] * 1e-11 * 10 ** (-0.4 * magnitude)


def photons_through(band: str, wavelength: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """Of an optical band, the share of the energy at some wavelengths that counts: response times wavelength."""
    return wavelength * np.interp(wavelength, *PASSBANDS[band].T, left=0.0, right=0.0)
