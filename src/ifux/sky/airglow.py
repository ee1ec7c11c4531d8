"""What the upper atmosphere shines like between its lines."""

import numpy as np
from jaxtyping import Float

from ifux.units import PHOTONS

SCALE = 79.829 * 0.998 * (0.2068 + 6.139e-3 * 130)
"""At 5430 angstrom, for a monthly mean of 130 solar flux units and the whole year [photon/s/m2/micrometre/arcsec2]."""

TABLE = np.array([
    (3000, 0.92), (3690, 0.92), (3870, 0.65), (4200, 0.69), (4500, 0.70), (4800, 0.79), (5100, 0.79), (5430, 1.00),
    (5750, 1.41), (6080, 1.40), (6420, 1.18), (6750, 1.14), (7200, 1.32), (7670, 1.64), (8200, 2.57), (8580, 3.56),
    (8720, 3.76), (10320, 5.32),
])  # fmt: skip
"""Wavelength [angstrom] and brightness in photons, relative to that: known to a tenth in the green, to a quarter at
8000 angstrom, to a third beyond.

References: ESO's sky model, Noll et al. (2012), A&A 543, A92, after the spectra of Patat (2008), A&A 481, 575 (its
numbers are kept in github.com/sdss/lvmsky, skymodel/sm-01_mod2/data/airglow_cont.dat).
"""


def airglow(wavelength: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """The continuum of airglow at the zenith up to 10,000 angstrom [1e-20 erg/s/cm2/angstrom/arcsec2]."""
    return 1e-4 * SCALE * np.interp(wavelength, *TABLE.T) / (PHOTONS * wavelength)


def layer(airmass: float) -> float:
    r"""By how much the airglow is brighter at an airmass X than at the zenith, nothing being absorbed.

    $$\left[1 - 0.972\,(1 - X^{-2})\right]^{-1/2}$$

    the path through a thin layer 90 km above the ground.

    References: van Rhijn (1921), Publ. Astron. Lab. Univ. Amsterdam 31; Noll et al. (2012), A&A 543, A92, equation 23.
    """
    return (1 - 0.972 * (1 - airmass**-2)) ** -0.5
