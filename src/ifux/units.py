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

DEGREE = math.pi / 180
"""[radian]."""

FLUX_OF_ONE_SUN = SOLAR_LUMINOSITY / (4 * math.pi * MEGAPARSEC**2) / FLUX_UNIT
"""Flux of one solar luminosity at one Mpc [1e-20 erg/s/cm2]. A Python float: its factors overflow float32."""
