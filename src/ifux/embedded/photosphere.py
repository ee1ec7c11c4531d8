"""Spectra of stellar photospheres."""

import numpy as np

from ifux.embedded.atmosphere import COARSE, Atmosphere, atmosphere, continuum
from ifux.embedded.bands import depths, patterns
from ifux.embedded.growth import column, growth, hydrogen, standard
from ifux.embedded.lines import BALMER, DAMPED, PASCHEN, entries
from ifux.embedded.opacity import Nodes, Spectra
from ifux.embedded.profiles import WAVELENGTH, carve, narrow
from ifux.grids import to_air

SUN = (5777.0, 4.44)
A_STAR = (9500.0, 4.0)
STANDARDS = {"He": (20000.0, 4.0), "He+": (40000.0, 4.0)}
"""Temperature [K] and log gravity [cm/s2] of the stars that strengths refer to."""

FADING = 17000.0
"""Temperature above which hydrogen lines weaken faster than the theory says [K]: tuned to MILES below 0.1 Gyr."""

CHROMOSPHERE = 0.28
"""Balmer lines of cool stars relative to an A star, times the ratio of levels: tuned to MILES at 10 Gyr."""


def _relative(star: Atmosphere, wavelength: float, species: str, excitation: float) -> Nodes:
    reference = standard(*STANDARDS.get(species, SUN))
    return column(star, wavelength, species, excitation) / column(reference, wavelength, species, excitation)


def residual(star: Atmosphere) -> Spectra:
    """Flux within the lines and bands over that of the continuum."""
    groups = narrow()
    strengths = [growth(_relative(star, centre, species, energy), 0.38, 2.7) for species, energy, centre, _ in groups]
    depth = np.stack(strengths, axis=1) @ np.stack([shape for *_, shape in groups])
    depth += depths(star.temperature, star.gravity, star.richness) @ patterns(WAVELENGTH)
    left = np.exp(-depth)
    for species, excitation, rows in entries(DAMPED):
        for centre, width in rows:
            relative = _relative(star, float(centre), species, excitation)
            carve(left, float(centre), width * growth(relative, 0.42, 4.0), 2.0, 0.95)
    fading = (1 + (A_STAR[0] / FADING) ** 3) / (1 + (star.temperature / FADING) ** 3)
    for level, series, floor in ((2, BALMER, CHROMOSPHERE), (3, PASCHEN, 0.0)):
        for upper, width in series.items():
            centre = float(to_air(np.array([911.753 / (1 / level**2 - 1 / upper**2)]))[0])
            relative = hydrogen(star, centre, level) / hydrogen(standard(*A_STAR), centre, level)
            carve(left, centre, width * (fading * relative**0.45 + floor * level / upper), 2.3, 0.85)
    return left


def photospheres(temperature: Nodes, gravity: Nodes, richness: float) -> Spectra:
    """Flux density over bolometric flux [1/angstrom] at nodes of temperature [K] and log gravity [cm/s2].

    What the lines block is given back at all wavelengths alike. Lines below 3000 angstrom are a smooth veil.
    """
    star = atmosphere(temperature, gravity, richness)
    knots = np.arange(WAVELENGTH[0] - 50, WAVELENGTH[-1] + 50, 25.0)
    smooth = continuum(star, knots)
    place = (WAVELENGTH - knots[0]) / 25.0
    cell = place.astype(int)
    share = place - cell
    fine = (smooth[:, cell] * (1 - share) + smooth[:, cell + 1] * share) * residual(star)
    veil = 0.7 * (3000 / COARSE) ** 2 * growth(_relative(star, 3000.0, "Fe", 1.5), 0.33, 3.0)[:, None]
    coarse = continuum(star, COARSE) * np.exp(-np.where(COARSE < 3000, veil, 0.0))
    beyond = np.abs(COARSE - WAVELENGTH.mean()) > np.ptp(WAVELENGTH) / 2
    total = np.sum(coarse * beyond * COARSE * np.gradient(np.log(COARSE)), axis=1)
    total += (WAVELENGTH[1] - WAVELENGTH[0]) * fine.sum(axis=1)
    return fine / total[:, None]
