"""How strong a line is: the atoms that can absorb it, and the curve of growth."""

from functools import cache

import numpy as np

from ifux.embedded.atmosphere import Atmosphere, atmosphere
from ifux.embedded.lines import SPECIES
from ifux.embedded.opacity import RYDBERG, Nodes, absorption, ionised

KNEE = 0.02
"""Absorbers relative to the standard star below which lines grow in proportion to them."""


@cache
def standard(temperature: float, gravity: float) -> Atmosphere:
    """The star in which the tables give the strengths of lines."""
    return atmosphere(np.array([temperature]), np.array([gravity]), 1.0)


def column(star: Atmosphere, wavelength: float, species: str, excitation: float) -> Nodes:
    """Absorbing atoms per unit of continuous opacity, in a unit common to all stars of one line.

    Saha and Boltzmann at 0.93 of the effective temperature, about that of the layers where lines form.
    """
    charge, first, second, ratio = SPECIES[species]
    heat = 0.93 * star.temperature
    once, twice = (ionised(heat, star.pressure, energy, ratio) for energy in (first, second))
    share = (1 - once) if charge == 0 else once * (1 - twice)
    opaque = absorption(np.array([wavelength]), star.temperature, star.pressure, star.richness)[:, 0]
    metal = 1.0 if species.startswith("He") else star.richness
    return metal * share * 10.0 ** (-np.minimum(5040 * excitation / heat, 200)) / opaque


def hydrogen(star: Atmosphere, wavelength: float, level: int) -> Nodes:
    """The same for a line from a level of hydrogen, times the electrons that broaden it."""
    neutral = 1 - ionised(star.temperature, star.pressure, RYDBERG, 1.0)
    excitation = RYDBERG * (1 - 1 / level**2)
    opaque = absorption(np.array([wavelength]), star.temperature, star.pressure, star.richness)[:, 0]
    return neutral * star.pressure * 10.0 ** (-5040 * excitation / star.temperature) / star.temperature / opaque


def growth(relative: Nodes, power: float, limit: float) -> Nodes:
    """Equivalent width relative to the standard star: in proportion to few absorbers, then as a power, up to a limit.

    References: Gray (2005), The Observation and Analysis of Stellar Photospheres, chapter 16, in shape.
    """
    return np.minimum(relative * ((1 + KNEE) / (relative + KNEE)) ** (1 - power), limit)
