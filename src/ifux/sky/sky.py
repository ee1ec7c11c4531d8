"""A sky above an instrument."""

import math
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Float

from ifux.grids import AbstractWavelengths
from ifux.sky.curve import Curve
from ifux.typing import Limits
from ifux.units import FWHM_OF_GAUSSIAN, ab_flux


@dataclass(frozen=True)
class Sky:
    """Its light as it reaches the mirror, and the share of a source's light that the atmosphere lets through."""

    radiance: Curve
    """[1e-20 erg/s/cm2/angstrom/arcsec2]."""
    transmission: Curve
    lines: Float[np.ndarray, "line 2"] = field(default_factory=lambda: np.empty((0, 2)))
    """Wavelengths in vacuum [angstrom] and intensities [1e-20 erg/s/cm2/arcsec2] of lines on top of the radiance."""
    fwhm: float = 2.5
    """That the spectrograph gives them [angstrom]."""

    def on(self, wavelengths: AbstractWavelengths) -> tuple[Float[np.ndarray, " wave"], Float[np.ndarray, " wave"]]:
        """Means of radiance and transmission over the channels.

        Raises:
            InputError: a table does not reach all channels.
        """
        from scipy.special import erf

        edges = wavelengths.vacuum_edges()
        near = self.lines[
            (self.lines[:, 0] > edges[0] - 9 * self.fwhm) & (self.lines[:, 0] < edges[-1] + 9 * self.fwhm)
        ]
        sigma = self.fwhm / FWHM_OF_GAUSSIAN
        below = near[:, 1] @ (1 + erf((edges - near[:, :1]) / (sigma * math.sqrt(2)))) / 2
        return self.radiance.on(wavelengths) + np.diff(below) / np.diff(edges), self.transmission.on(wavelengths)


def no_sky() -> Sky:
    """Darkness, and no atmosphere."""
    return Sky(Curve.flat("no sky", 0.0), Curve.flat("no atmosphere", 1.0))


def flat_sky(magnitude: float, transmission: Annotated[float, Limits(above=0, most=1)] = 1.0) -> Sky:
    """A sky as bright at all frequencies.

    Args:
        magnitude: Its brightness [AB mag/arcsec2].
        transmission: Of the atmosphere, at all wavelengths.
    """
    wavelength = np.geomspace(1e3, 3e5, 4000)
    return Sky(Curve("a flat sky", wavelength, ab_flux(magnitude, wavelength)), Curve.flat("a flat sky", transmission))
