"""Continuous absorption and ionisation in the layers that light comes from."""

import numpy as np
from jaxtyping import Float

RYDBERG = 13.5984
"""Ionisation of hydrogen [eV]."""

Nodes = Float[np.ndarray, " node"]
Spectra = Float[np.ndarray, "node wave"]

DONORS = ((7.75, 9.2e-5), (5.9, 4.2e-6), (4.34, 1.2e-7))
"""Ionisation energy [eV] and solar number per hydrogen atom: magnesium, silicon and iron; sodium, aluminium and
calcium; potassium. References: Asplund et al. (2009), ARA&A 47, 481."""

_DETACHED = (1.99654, -1.18267e-5, 2.64243e-6, -4.40524e-10, 3.23992e-14, -1.39568e-18, 2.78701e-23)
_FREE = (
    (-2.2763, -1.6850, 0.76661, -0.0533464),
    (15.2827, -9.2846, 1.99381, -0.142631),
    (-197.789, 190.266, -67.9775, 10.6913, -0.625151),
)


def ionised(temperature, pressure, energy, ratio):
    r"""Fraction of atoms that have lost an electron.

    $$\frac{n_+}{n_0} P_e = 0.3334\,\frac{U_+}{U_0}\, T^{5/2} 10^{-5040 \chi / T}$$

    in cgs units, with the ionisation energy [eV] and twice the ratio of partition functions `ratio`.
    """
    balance = 0.3334 * ratio * temperature**2.5 * 10.0 ** (-np.minimum(5040 * energy / temperature, 250)) / pressure
    return balance / (1 + balance)


def electrons(temperature: Nodes, pressure: Nodes, richness: float) -> Nodes:
    """Electrons per hydrogen atom at an electron pressure [dyn/cm2], with metals scaled from solar by `richness`."""
    share = ionised(temperature, pressure, RYDBERG, 1.0) + 0.1 * ionised(temperature, pressure, 24.587, 4.0)
    return share + sum(richness * number * ionised(temperature, pressure, energy, 3.0) for energy, number in DONORS)


def absorption(wavelength: Float[np.ndarray, " wave"], temperature: Nodes, pressure: Nodes, richness: float) -> Spectra:
    """Continuous opacity [cm2 per hydrogen atom] at wavelengths [angstrom].

    The negative hydrogen ion (bound-free and free-free), atomic hydrogen with the edges of its series blurred as
    where their lines merge, Rayleigh scattering and free electrons.

    References: Gray (2005), The Observation and Analysis of Stellar Photospheres, eqs. 8.8-8.13; Dalgarno (1962) for
    Rayleigh scattering. Electron scattering is counted as absorption.
    """
    heat, push = temperature[:, None], pressure[:, None]
    theta = 5040 / heat
    neutral = 1 - ionised(heat, push, RYDBERG, 1.0)
    emission = 1 - 10.0 ** (-12398.4 / wavelength * theta)
    polyval = np.polynomial.polynomial.polyval

    lengths = np.clip(wavelength, 2250, 16400)
    detached = np.maximum(polyval(lengths, _DETACHED), 0) * np.clip((16419 - wavelength) / 500, 0, 1)
    bound = 4.158e-28 * detached * push * theta**2.5 * 10.0 ** (0.754 * np.minimum(theta, 3))
    logs = np.log10(np.maximum(wavelength, 1823))
    powers = [polyval(logs, row) for row in _FREE]
    cool = np.log10(np.clip(theta, 0.5, 2.0))
    free = 1e-26 * push * 10.0 ** (powers[0] + powers[1] * cool + powers[2] * cool**2)

    levels = 0.0
    for level in range(1, 8):
        edge = 911.75 * level**2 * (1.012 if level > 1 else 1.0)
        reached = 1 / (1 + np.exp(np.clip((wavelength / edge - 1) / 0.004, -200, 200)))
        levels = levels + reached * 10.0 ** (-theta * RYDBERG * (1 - 1 / level**2)) / level**3
    upper = 0.4343 / (2 * theta * RYDBERG) * 10.0 ** (-theta * RYDBERG * (1 - 1 / 64))
    hydrogen = 1.0449e-26 * wavelength**3 * (levels + upper)

    scattered = 5.799e-13 / wavelength**4 + 1.422e-6 / wavelength**6 + 2.784 / wavelength**8
    scattered = np.where(wavelength > 1500, scattered, 0.0)
    loose = electrons(temperature, pressure, richness)[:, None]
    return neutral * ((bound + hydrogen) * emission + free + scattered) + 6.652e-25 * loose
