"""Puts the stars of a population together."""

import numpy as np
from jaxtyping import Float

from ifux.embedded.isochrone import Isochrone, isochrones
from ifux.embedded.photosphere import photospheres
from ifux.embedded.profiles import FWHM, WAVELENGTH
from ifux.library import SSPLibrary
from ifux.units import SOLAR_METALLICITY

AGES = np.geomspace(0.003, 14.0, 46)
"""[Gyr]."""

METALLICITIES = np.array([0.0001, 0.0003, 0.001, 0.002, 0.004, 0.008, 0.0125, SOLAR_METALLICITY, 0.03, 0.04])
"""Mass fractions."""

CITATION = (
    "Synthesised by ifux, for illustration only. Masses: Kroupa (2001). Evolution: Tout et al. (1996), Hurley, Pols & "
    "Tout (2000). Continuous opacities: Gray (2005). Strengths of lines: Moore, Minnaert & Houtgast (1966) and "
    "guesses, tuned to the broad behaviour of the MILES models of Vazdekis et al. (2015)."
)

TEMPERATURES = np.concatenate([np.arange(3.40, 4.0, 0.02), np.arange(4.0, 4.80, 0.05)])
"""Nodes at which photospheres are synthesised, log effective temperature [K]."""

GRAVITIES = np.arange(-1.0, 6.0, 1.0)
"""The same in log gravity [cm/s2]."""


def _shares(nodes: Float[np.ndarray, " node"], values: Float[np.ndarray, " star"]):
    values = np.clip(values, nodes[0], nodes[-1])
    cell = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, nodes.size - 2)
    share = (values - nodes[cell]) / (nodes[cell + 1] - nodes[cell])
    return ((cell, 1 - share), (cell + 1, share))


def light(population: Isochrone) -> Float[np.ndarray, " node"]:
    """Luminosity of a population shared among the nodes of temperature and gravity [solar luminosity]."""
    total = np.zeros((TEMPERATURES.size, GRAVITIES.size))
    bright = population.number * population.luminosity
    for hot, one in _shares(TEMPERATURES, population.temperature):
        for firm, two in _shares(GRAVITIES, population.gravity):
            np.add.at(total, (hot, firm), bright * one * two)
    return total.ravel()


def spectra(metallicity: float) -> Float[np.ndarray, "age rest"]:
    """Luminosity density of populations per solar mass formed [solar luminosity/angstrom]."""
    weights = np.stack([light(population) for population in isochrones(metallicity, AGES)])
    used = weights.sum(axis=0) > 0
    temperature, gravity = (axis.ravel()[used] for axis in np.meshgrid(10.0**TEMPERATURES, GRAVITIES, indexing="ij"))
    return weights[:, used] @ photospheres(temperature, gravity, metallicity / SOLAR_METALLICITY)


def build() -> SSPLibrary:
    """The embedded library, computed from nothing but formulas; the same at every call.

    What was tuned against MILES (Vazdekis et al. 2015, solar metallicity), by eye and in round numbers: the strengths
    of molecular bands, of the faint metal lines as a function of wavelength and of about twenty strong lines; the
    powers and limits of the curve of growth; the hydrogen lines of hot and of cool stars; how deep in the grey
    atmosphere the continuum forms; and five per cent in the radii of giants. Luminosities, lifetimes and the IMF were
    not. Supergiants were made blue enough to resemble Bruzual & Charlot (2003) below 0.02 Gyr.
    """
    return SSPLibrary(
        name="ifux-embedded",
        metallicity=METALLICITIES,
        age=AGES,
        wavelength=WAVELENGTH,
        flux=np.stack([spectra(float(metallicity)) for metallicity in METALLICITIES]),
        fwhm=np.full(WAVELENGTH.shape, FWHM),
        medium="air",
        imf="Kroupa (2001), 0.1-100 solar masses",
        citation=CITATION,
        solar_metallicity=SOLAR_METALLICITY,
        illustrative=True,
    )
