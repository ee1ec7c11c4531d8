"""A Moffat point spread function."""

import math
from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF, resolved
from ifux.typing import real, within


@final
class MoffatPSF(AbstractKernelPSF):
    r"""Seeing, with the broad wings of atmospheric turbulence.

    $$P(r) = \frac{\beta - 1}{\pi a^2} \left[1 + (r/a)^2\right]^{-\beta}, \quad
    \mathrm{FWHM} = 2 a \sqrt{2^{1/\beta} - 1}$$

    A share $[1 + (r/a)^2]^{1-\beta}$ of the light lies beyond a radius r: 1.3 per cent beyond three FWHM for a slope
    of 2.8, 0.1 per cent beyond 6.4.

    References: Moffat (1969), A&A 3, 455.
    """

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Full width at half maximum [arcsec]."""
    beta: Float[Array, ""] = eqx.field(converter=real, default=2.8, metadata=within(above=1))
    """Slope of the wings; a Gaussian in the limit of large values."""
    reach: int = eqx.field(static=True, default=24, metadata=within(above=0))
    """Half-size of the sampled kernel [cell]."""

    @property
    def margin(self) -> int:
        """The reach of the kernel."""
        return self.reach

    def sharpest(self) -> float:
        """The width."""
        return abs(float(self.fwhm))

    def radius(self, lost: float) -> float:
        r"""Where $[1 + (r/a)^2]^{1-\beta}$ is the share."""
        beta = float(self.beta)
        return self.sharpest() / 2 * math.sqrt((lost ** (1 / (1 - beta)) - 1) / (2 ** (1 / beta) - 1))

    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """The Moffat function; the sign of the width is of no account."""
        square, core = east**2 + north**2, resolved(self.fwhm) ** 2 / (4 * (2 ** (1 / self.beta) - 1))
        return (self.beta - 1) / (math.pi * core) * (1 + square / core) ** (-self.beta)
