"""The break at 4000 angstrom."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.influence.apertures import check_aperture, spectrum
from ifux.influence.bands import Band, check_bands, inside, on_detector, within
from ifux.influence.base import AbstractObservable
from ifux.particles import Particles
from ifux.telescope import Telescope
from ifux.typing import real


@final
class BreakStrength(AbstractObservable):
    r"""The narrow break at 4000 angstrom, Dn4000: mean $F_\nu$ at 4000-4100 angstrom over that at 3850-3950.

    References: Balogh et al. (1999), ApJ 527, 54. They give no medium; these are taken to be wavelengths in air.
    """

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added."""
    blue: Band = eqx.field(static=True, default=(3850.0, 3950.0))
    """[angstrom, air, rest frame]."""
    red: Band = eqx.field(static=True, default=(4000.0, 4100.0))
    """[angstrom, air, rest frame]."""

    @property
    def unit(self) -> str:
        """A ratio."""
        return ""

    def check(self, telescope: Telescope) -> None:
        """The bands are on the detector, and the aperture is of the field."""
        check_bands("BreakStrength", (self.blue, self.red), telescope)
        check_aperture("BreakStrength", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """The ratio."""
        return self.measured(telescope, spectrum(telescope, particles, self.aperture))

    def measured(self, telescope: Telescope, flux: Float[Array, " wave"]) -> Float[Array, ""]:
        """Of a spectrum on the wavelengths of a telescope."""
        # The mean of F_nu over wavelength: F_lambda times the square of the wavelength, here in units of 4000 angstrom.
        wave = jnp.asarray(telescope.wavelengths.centres() / 4000, flux.dtype)
        blue, red = (within(on_detector(band, telescope), telescope) for band in (self.blue, self.red))
        means = [jnp.sum(band * inside(band, flux) * wave**2) / jnp.sum(band) for band in (red, blue)]
        return means[0] / means[1]
