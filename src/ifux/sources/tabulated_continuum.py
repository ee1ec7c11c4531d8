"""A spectrum that somebody has measured or computed."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.grids import Wavelengths, to_vacuum
from ifux.kinematics.base import AbstractKinematics
from ifux.sources.base import View
from ifux.sources.component import AbstractComponent
from ifux.typing import DATA, real, within


@final
class TabulatedContinuum(AbstractComponent):
    """A spectrum on even pixels, which the instrument blurs as far as it is not as blurred already.

    What lies beyond its ends is dark, which the checks of an observation tell. Of one that approaches its galaxy at
    10,000 km/s up to 5e-5 of the light of a pixel is lost, at 3,000 km/s 3e-7.
    """

    spectrum: Float[Array, " rest"] = eqx.field(converter=real, metadata=DATA)
    """[solar luminosity/angstrom, for a factor of one]."""
    fwhm: Float[Array, " rest"] = eqx.field(converter=real, metadata=DATA)
    """Full width at half maximum of a line in it [angstrom]."""
    rest: Wavelengths
    """Its pixels, at rest."""
    kinematics: AbstractKinematics
    """One node, by which it is looked up: `RestingKinematics`."""
    factor: Float[Array, ""] = eqx.field(converter=real, default=1.0, metadata=within(least=0))
    """How much of it there is."""

    def __check_init__(self):
        if self.kinematics.size != 1:
            raise ValueError(f"TabulatedContinuum.kinematics must have one node, got {self.kinematics.size}.")
        if not self.spectrum.shape == self.fwhm.shape == (self.rest.size,):
            raise ValueError(
                f"TabulatedContinuum: spectrum {self.spectrum.shape} and fwhm {self.fwhm.shape} do not fit "
                f"{self.rest.size} pixels."
            )

    def density(self, view: View, shift: Float[Array, ""]) -> Float[Array, " part"]:
        """Blurred and looked up as the stellar library is."""
        centres = self.rest.centres()
        wave = jnp.asarray(to_vacuum(centres) if self.rest.medium == "air" else centres, shift.dtype)
        redshift = jnp.expm1(shift)
        dimmed = (self.factor * self.spectrum * view.dust.transmission(wave))[None]
        blurred = view.lsf.broaden(dimmed, self.rest, self.fwhm, redshift[None], view.wavelengths)
        seen = self.kinematics.respond(blurred, self.rest, view.sampled, redshift)[0, 0]
        return jnp.where(self.kinematics.reached(self.rest, view.sampled, redshift), seen, 0)
