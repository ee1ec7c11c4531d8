"""The continuum of a stellar photosphere."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ifux.embedded.opacity import Nodes, Spectra, absorption, electrons

COARSE = np.geomspace(250.0, 1e5, 240)
"""Wavelengths at which opacities are weighed and luminosities integrated [angstrom]."""

HYDROGEN_MASS = 1.4 * 1.6735e-24
"""Mass of gas per hydrogen atom [g]."""


@dataclass(frozen=True)
class Atmosphere:
    """Photospheres at nodes of effective temperature and gravity."""

    temperature: Nodes
    """Effective temperature [K]."""
    gravity: Nodes
    """Logarithm of the surface gravity [cm/s2]."""
    pressure: Nodes
    """Electron pressure where the mean optical depth is two thirds [dyn/cm2]."""
    mean: Nodes
    """Rosseland mean of the continuous opacity [cm2 per hydrogen atom]."""
    richness: float
    """Metals relative to the Sun."""


def planck(wavelength: Float[np.ndarray, " wave"], temperature: Spectra) -> Spectra:
    """Surface brightness of a black body over that of all wavelengths [1/angstrom], times the fourth power of T."""
    power = np.minimum(1.438777e8 / (wavelength * temperature), 600)
    return 1.438777e8**4 * 15 / np.pi**4 / wavelength**5 / np.expm1(power)


def rosseland(temperature: Nodes, opacity: Spectra) -> Nodes:
    """Harmonic mean of an opacity on the coarse wavelengths, weighted with the slope of the black body."""
    power = np.clip(1.438777e8 / (COARSE * temperature[:, None]), 1e-3, 300)
    weight = power**4 * np.exp(-power) / np.expm1(-power) ** 2 * np.gradient(np.log(COARSE)) / COARSE
    return np.sum(weight, axis=1) / np.sum(weight / opacity, axis=1)


def atmosphere(temperature: Nodes, gravity: Nodes, richness: float) -> Atmosphere:
    r"""Solves for the pressure at mean optical depth two thirds.

    Hydrostatic equilibrium of a layer with constant opacity, $P = \frac23 g / \kappa$, by bisection in the electron
    pressure.

    References: Mihalas (1978), Stellar Atmospheres, section 7.
    """
    low, high = np.full_like(temperature, -6.0), np.full_like(temperature, 7.0)
    for _ in range(22):
        middle = 0.5 * (low + high)
        pressure = 10.0**middle
        opacity = rosseland(temperature, absorption(COARSE, temperature, pressure, richness))
        loose = electrons(temperature, pressure, richness)
        total = pressure * (1.1 + loose) / loose
        heavy = total * opacity / HYDROGEN_MASS > 2 / 3 * 10.0**gravity
        low, high = np.where(heavy, low, middle), np.where(heavy, middle, high)
    pressure = 10.0 ** (0.5 * (low + high))
    mean = rosseland(temperature, absorption(COARSE, temperature, pressure, richness))
    return Atmosphere(temperature, gravity, pressure, mean, richness)


def continuum(star: Atmosphere, wavelength: Float[np.ndarray, " wave"]) -> Spectra:
    r"""Flux without lines at wavelengths [angstrom], over about that of all wavelengths [1/angstrom].

    Light of each wavelength comes from where its own optical depth is two thirds in a grey atmosphere,

    $$F_\lambda = \pi B_\lambda(T_\lambda), \quad
    T_\lambda^4 = \frac12 T_\mathrm{eff}^4 \left[1 + (\bar\kappa / \kappa_\lambda)^p\right]$$

    with p slightly below one for the change of the ratio with depth.

    References: Eddington & Barbier, as in Mihalas (1978), section 2-2.
    """
    opacity = absorption(wavelength, star.temperature, star.pressure, star.richness)
    ratio = np.clip(star.mean[:, None] / opacity, 1e-3, 12.0) ** 0.95
    heat = star.temperature[:, None] * (0.5 * (1 + ratio)) ** 0.25
    return planck(wavelength, heat) / star.temperature[:, None] ** 4
