"""The physical constants of the package and the units that every module speaks.

| quantity | unit |
|---|---|
| position in the galaxy | kpc |
| angle on the sky | arcsec |
| distance | Mpc |
| velocity, receding is positive | km/s |
| mass, as formed | solar mass |
| age | Gyr |
| metallicity | mass fraction Z |
| wavelength | angstrom |
| orientation | degree |
| flux density of a cube | 1e-20 erg/s/cm2/angstrom per spaxel |
"""

import math

import numpy as np
from jaxtyping import Float

SPEED_OF_LIGHT = 299792.458
"""[km/s], exact."""

SOLAR_LUMINOSITY = 3.828e33
"""[erg/s], IAU 2015 resolution B3."""

SOLAR_METALLICITY = 0.0198
"""Mass fraction behind [M/H] = 0 where a library does not state its own (BaSTI, Pietrinferni et al. 2004)."""

MEGAPARSEC = 3.0856775814913673e24
"""[cm], IAU 2015 resolution B2."""

FLUX_UNIT = 1e-20
"""[erg/s/cm2/angstrom]: the number 1 in a cube."""

ARCSEC = math.pi / 180 / 3600
"""[radian]."""

FWHM_OF_GAUSSIAN = math.sqrt(8 * math.log(2))
"""Full width at half maximum of a Gaussian in units of its standard deviation."""

DEGREE = math.pi / 180
"""[radian]."""

FLUX_OF_ONE_SUN = SOLAR_LUMINOSITY / (4 * math.pi * MEGAPARSEC**2) / FLUX_UNIT
"""Flux of one solar luminosity at one Mpc [1e-20 erg/s/cm2]. A Python float: its factors overflow float32."""

PHOTONS = FLUX_UNIT * 1e4 * 1e-8 / 1.986445857e-16
"""In one second on one m2, of a flux of 1e-20 erg/s/cm2/angstrom over one angstrom at one angstrom: their number grows
with the wavelength. The last factor is h c [erg cm], CODATA 2018."""


def ab_flux(magnitude: float, wavelength: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Flux density of an AB magnitude at wavelengths in vacuum [angstrom], in the units of a cube.

    References: Oke & Gunn (1983), ApJ 266, 713: 48.60 for erg/s/cm2/Hz.
    """
    per_hertz = 10 ** (-0.4 * (magnitude + 48.60))
    return per_hertz * SPEED_OF_LIGHT * 1e13 / wavelength**2 / FLUX_UNIT
