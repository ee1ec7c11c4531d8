"""What a source does: it brings kinds of its own, which follow those of the stars on the same axis."""

from abc import abstractmethod
from typing import Any, final

import equinox as eqx
from jaxtyping import Array, Bool, Float

from ifux.dust.base import AbstractDust
from ifux.grids import AbstractWavelengths
from ifux.lsf.base import AbstractLSF
from ifux.numerics.bands import Bands
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractEmitters, AbstractSeen
from ifux.typing import AbstractLimited


@final
class View(eqx.Module):
    """What stands between a source and the spectrum that is recorded of it."""

    dust: AbstractDust
    lsf: AbstractLSF
    wavelengths: AbstractWavelengths
    """Pixels of the detector."""
    sampled: AbstractWavelengths
    """Pixels that templates have: those, or equal parts of them."""
    redshift: Float[Array, ""]
    """Systemic."""
    flux_per_luminosity: Float[Array, ""]
    """Of one solar luminosity [1e-20 erg/s/cm2]."""


class AbstractSource(AbstractLimited):
    """Light with spectra of its own: kinds = velocity x element, in this order.

    Emitters of it have a place, a velocity, and a luminosity in each of its basis elements.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What shines, in words."""

    @property
    @abstractmethod
    def velocities(self) -> int:
        """Number of velocity nodes."""

    @property
    @abstractmethod
    def elements(self) -> int:
        """Number of basis elements."""

    @property
    def kinds(self) -> int:
        """Number of kinds."""
        return self.velocities * self.elements

    @abstractmethod
    def emitters(self, stars: Any, gas: Any) -> Any:
        """What shines of a galaxy: its stars, its gas, or something of the source's own; None where it has none.

        Stars and gas in memory, or as they stream from a file.
        """

    @abstractmethod
    def locate(self, seen: AbstractSeen) -> Stencil:
        """The velocity nodes that each emitter touches."""

    @abstractmethod
    def luminosities(self, emitters: AbstractEmitters) -> Float[Array, "emitter element"]:
        """Luminosity of each emitter in every element [solar luminosity]; zero of one whose numbers are zero."""

    @abstractmethod
    def represented(self, seen: AbstractSeen) -> Bool[Array, " emitter"]:
        """Whether the velocity of each emitter is one that its nodes have."""

    @abstractmethod
    def covers(self, emitters: AbstractEmitters) -> Bool[Array, " emitter"]:
        """Whether the light of each is within what is known of it; that of others is held at its ends."""

    @abstractmethod
    def templates(self, view: View) -> Float[Array, "kind part"]:
        """Flux density of one solar luminosity of each kind [1e-20 erg/s/cm2/angstrom]."""

    @abstractmethod
    def bands(self, view: View) -> Bands | None:
        """Sampled pixels outside of which its elements are dark; None where they are bright anywhere."""
