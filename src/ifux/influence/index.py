"""Equivalent widths of lines."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.influence.apertures import check_aperture, spectrum
from ifux.influence.bands import LICK, Band, check_bands, inside, on_detector, within
from ifux.influence.base import AbstractObservable
from ifux.particles import Particles
from ifux.telescope import Telescope
from ifux.typing import real


@final
class LineIndex(AbstractObservable):
    r"""The equivalent width of a line in the rest frame, positive in absorption.

    $$\mathrm{EW} = \frac{1}{1 + z} \int_\text{line} \left(1 - \frac{F}{C}\right) d\lambda$$

    with C the straight line through the mean fluxes of the two continua at their middles. It is measured at the
    resolution of the telescope, not that of the Lick system, and is not corrected for velocities.

    References: Worthey et al. (1994), ApJS 94, 687, eqs. 1-3.
    """

    aperture: Float[Array, "y x"] = eqx.field(converter=real)
    """Share of every spaxel that is added, such as `aperture` makes."""
    bands: tuple[Band, Band, Band] = eqx.field(static=True, default=LICK["Hbeta"])
    """Line, blue and red continuum [angstrom, air, rest frame]: of `LICK`, or others."""

    @property
    def unit(self) -> str:
        """Angstrom in the rest frame."""
        return "angstrom"

    def check(self, telescope: Telescope) -> None:
        """The bands are on the detector, and the aperture is of the field."""
        check_bands("LineIndex", self.bands, telescope)
        check_aperture("LineIndex", self.aperture, telescope)

    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """[angstrom]."""
        return self.measured(telescope, spectrum(telescope, particles, self.aperture))

    def measured(self, telescope: Telescope, flux: Float[Array, " wave"]) -> Float[Array, ""]:
        """Of a spectrum on the wavelengths of a telescope [angstrom]."""
        edges = [on_detector(band, telescope) for band in self.bands]
        line, blue, red = (within(band, telescope) for band in edges)
        middle = [(low + high) / 2 for low, high in edges]
        place = (jnp.asarray(telescope.wavelengths.centres(), flux.dtype) - middle[1]) / (middle[2] - middle[1])
        levels = [jnp.sum(share * inside(share, flux)) / jnp.sum(share) for share in (blue, red)]
        continuum = levels[0] + (levels[1] - levels[0]) * place
        return jnp.sum(line * (1 - inside(line, flux) / continuum)) / (1 + telescope.target.redshift)
