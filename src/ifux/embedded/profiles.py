"""The shapes of lines on the pixels of the library."""

from functools import cache

import numpy as np
from jaxtyping import Float

from ifux.embedded.lines import HELIUM, NARROW, entries, scattered
from ifux.embedded.opacity import Nodes, Spectra

FWHM = 2.0
"""Resolution [angstrom]."""

WAVELENGTH = 2950.0 + 0.9 * np.arange(8452)
"""Centres of the pixels in air [angstrom]."""

FOREST = (
    (2900, 3100, 3300, 3500, 3700, 3820, 3900, 3970, 4050, 4200, 4400, 4600, 4900, 5300, 6000, 7000, 8500, 10600),
    (0.85, 0.75, 0.65, 0.58, 0.50, 0.44, 0.33, 0.25, 0.17, 0.16, 0.11, 0.075, 0.055, 0.045, 0.03, 0.018, 0.012, 0.008),
)
"""Wavelength [angstrom], and the mean optical depth of the Sun's faint metal lines that have no row in the table."""

FOREST_SPECIES = (("Fe", 0.5, 0.2), ("Fe", 2.5, 0.3), ("Fe+", 2.0, 0.5))
"""What the faint lines are taken for: species, excitation [eV], share."""

FOREST_COUNT = 4000
"""Faint lines of each sort."""


def stacked(centres: Float[np.ndarray, " line"], widths: Float[np.ndarray, " line"]) -> Float[np.ndarray, " wave"]:
    """Optical depth of Gaussian lines with given centres and equivalent widths [angstrom]."""
    total, sigma = np.zeros_like(WAVELENGTH), FWHM / 2.3548
    for centre, width in zip(centres, widths, strict=True):
        near = slice(*np.searchsorted(WAVELENGTH, (centre - 6, centre + 6)))
        shape = np.exp(-0.5 * ((WAVELENGTH[near] - centre) / sigma) ** 2)
        total[near] += width * shape / (sigma * np.sqrt(2 * np.pi))
    return total


@cache
def narrow() -> list[tuple[str, float, float, Float[np.ndarray, " wave"]]]:
    """Groups of lines: species, excitation [eV], mean wavelength [angstrom], optical depth in the standard star."""
    groups = []
    for species, excitation, rows in entries(NARROW | HELIUM):
        groups.append((species, excitation, float(np.average(rows[:, 0], weights=rows[:, 1])), stacked(*rows.T)))
    first, last = WAVELENGTH[0] - 5, WAVELENGTH[-1] + 5
    for index, (species, excitation, share) in enumerate(FOREST_SPECIES):
        centre = (
            first + (last - first) * (np.arange(FOREST_COUNT) + scattered(FOREST_COUNT, 12.9898 + index)) / FOREST_COUNT
        )
        draw = 0.3 - np.log(0.01 + 0.99 * scattered(FOREST_COUNT, 78.233 + index))
        width = share * draw / draw.mean() * np.interp(centre, *FOREST) * (last - first) / FOREST_COUNT
        groups.append((species, excitation, 4300.0, stacked(centre, width)))
    return groups


def carve(residual: Spectra, centre: float, width: Nodes, power: float, deepest: float) -> None:
    r"""Multiplies a line with wings into residual fluxes, in place.

    $$r = 1 - \frac{D}{1 + |\Delta\lambda / a|^p}$$

    with the equivalent width asked for [angstrom], depth `deepest` where it is wide, and the library's resolution
    where it is not. Damping has p = 2, the linear Stark effect 2.5.
    """
    area = 2 * np.pi / power / np.sin(np.pi / power)
    reach = FWHM / 2 + width / (area * deepest)
    depth = width / (area * reach)
    far = max(20.0, 25.0 * float(reach.max()))
    near = slice(*np.searchsorted(WAVELENGTH, (centre - far, centre + far)))
    away = np.abs(WAVELENGTH[near] - centre) / reach[:, None]
    residual[:, near] *= 1 - depth[:, None] / (1 + away**power)
