"""What the kinematics do: they shift spectra by the line-of-sight velocity of the stars."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.numerics.stencil import Stencil
from ifux.particles import Projected
from ifux.typing import AbstractLimited


class AbstractKinematics(AbstractLimited):
    """A grid along the line-of-sight velocity, and the spectra seen at its nodes."""

    reach: eqx.AbstractVar[float]
    """Largest speed along the line of sight that is represented [km/s]."""
    spacing: eqx.AbstractVar[float]
    """Distance between nodes, in the middle of the grid [km/s]."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of velocity nodes."""

    @property
    @abstractmethod
    def span(self) -> float:
        """Largest speed at which spectra are looked up [km/s]: the library must reach that far beyond the detector."""

    @abstractmethod
    def narrowed_to(self, speed: float) -> "AbstractKinematics":
        """The same grid, no wider than stars up to a speed along the line of sight need [km/s]."""

    @abstractmethod
    def locate(self, projected: Projected) -> Stencil:
        """The velocity nodes that each particle touches."""

    @abstractmethod
    def respond(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        wavelengths: Wavelengths,
        redshift: Float[Array, ""],
    ) -> Float[Array, "velocity basis wave"]:
        """Rest-frame spectra as the detector's pixels see them from every velocity node.

        The mean flux density over a pixel per unit luminosity density: energy is neither made nor lost, so shifted
        spectra are stretched and thinned by (1 + z) exp(u).
        """
