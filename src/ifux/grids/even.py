"""Pixels that are evenly spaced in wavelength."""

from dataclasses import replace
from typing import final

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ifux.grids.air import Medium
from ifux.grids.base import AbstractWavelengths
from ifux.typing import ranges, within


@final
class Wavelengths(AbstractWavelengths):
    """Evenly spaced pixels along the wavelength axis of a detector or of a stellar library."""

    start: float = eqx.field(static=True, metadata=within(above=0))
    """Centre of the first pixel [angstrom]."""
    step: float = eqx.field(static=True, metadata=within(above=0))
    """Width of a pixel [angstrom]."""
    size: int = eqx.field(static=True, metadata=within(above=0))
    """Number of pixels."""
    medium: Medium = eqx.field(static=True)
    """Whether the wavelengths are those in air or in vacuum."""
    gaps: tuple[tuple[float, float], ...] = eqx.field(static=True, converter=ranges, default=())
    """Lowest and highest wavelength of each range in which the detector sees nothing [angstrom]."""

    def edges(self) -> Float[np.ndarray, " edge"]:
        """Half a step on either side of the centres."""
        return self.start + self.step * (np.arange(self.size + 1) - 0.5)

    def centres(self) -> Float[np.ndarray, " wave"]:
        """From the start in steps."""
        return self.start + self.step * np.arange(self.size)

    def part(self, first: int, last: int) -> "Wavelengths":
        """The pixels from one to before another."""
        return replace(self, start=self.start + first * self.step, size=last - first)

    def divided(self, parts: int) -> "Wavelengths":
        """Of the same width each."""
        step = self.step / parts
        return replace(self, start=self.start - (self.step - step) / 2, step=step, size=parts * self.size)
