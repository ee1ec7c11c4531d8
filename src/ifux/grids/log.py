"""Pixels that are evenly spaced in the logarithm of the wavelength."""

import math
from dataclasses import replace
from typing import final

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ifux.grids.air import Medium
from ifux.grids.base import AbstractWavelengths
from ifux.typing import ranges, within

FARTHEST = 20.0
"""The natural logarithm of the last wavelength over the first may be so great: from a gamma ray to the infrared."""


@final
class LogWavelengths(AbstractWavelengths):
    r"""Pixels of one width in velocity, as MaNGA publishes them and as pPXF works on them.

    $$\lambda_j = \lambda_0\, e^{j s}$$

    A Doppler shift by $e^{s}$ in vacuum moves a spectrum by one pixel, nearly $s c$ in velocity. MaNGA's step of 1e-4
    in the decimal logarithm is s = 2.302585092994046e-4, or 69 km/s.
    """

    start: float = eqx.field(static=True, converter=float, metadata=within(above=0))
    """Centre of the first pixel, half-way between its edges in the logarithm [angstrom]."""
    step: float = eqx.field(static=True, converter=float, metadata=within(above=0))
    """Width of a pixel in the natural logarithm of the wavelength."""
    size: int = eqx.field(static=True, metadata=within(above=0))
    """Number of pixels."""
    medium: Medium = eqx.field(static=True)
    """Whether the wavelengths are those in air or in vacuum."""
    gaps: tuple[tuple[float, float], ...] = eqx.field(static=True, converter=ranges, default=())
    """Lowest and highest wavelength of each range in which the detector sees nothing [angstrom]."""

    def __check_init__(self):
        if self.step * self.size > FARTHEST:
            raise ValueError(
                f"LogWavelengths: {self.size} pixels of {self.step} in the natural logarithm reach further than any "
                f"spectrograph; a pixel as wide as MaNGA's has a step of {1e-4 * math.log(10):.6g}."
            )

    def edges(self) -> Float[np.ndarray, " edge"]:
        """Half a step on either side of the centres, in the logarithm."""
        return self.start * np.exp(self.step * (np.arange(self.size + 1) - 0.5))

    def centres(self) -> Float[np.ndarray, " wave"]:
        """From the start in steps of the logarithm."""
        return self.start * np.exp(self.step * np.arange(self.size))

    def part(self, first: int, last: int) -> "LogWavelengths":
        """The pixels from one to before another."""
        return replace(self, start=self.start * math.exp(first * self.step), size=last - first)

    def divided(self, parts: int) -> "LogWavelengths":
        """Of the same width each, in the logarithm."""
        step = self.step / parts
        return replace(self, start=self.start * math.exp((step - self.step) / 2), step=step, size=parts * self.size)
