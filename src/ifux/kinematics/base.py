"""What the kinematics do: they shift spectra by the line-of-sight velocity of the stars."""

from abc import abstractmethod
from collections.abc import Iterable

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractSeen
from ifux.typing import AbstractLimited


class AbstractKinematics(AbstractLimited):
    """A grid along the line-of-sight velocity, and the spectra seen at its nodes."""

    reach: eqx.AbstractVar[float]
    """Speed along the line of sight up to which every velocity is represented [km/s]."""
    spacing: eqx.AbstractVar[float]
    """Distance between nodes, in the middle of the grid [km/s]."""
    beyond: eqx.AbstractVar[tuple[tuple[float, float], ...]]
    """Lowest and highest of further velocities that are represented, in as many ranges as there are [km/s]."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of velocity nodes."""

    @property
    @abstractmethod
    def span(self) -> float:
        """Largest speed at which spectra are looked up [km/s]: the library must reach that far beyond the detector."""

    @property
    def extent(self) -> str:
        """The velocities that are represented, in words."""
        words = [f"{low:g} to {high:g} km/s" for low, high in self.beyond]
        return " and ".join([f"to {self.reach:g} km/s", *words])

    @property
    @abstractmethod
    def stretches(self) -> Float[np.ndarray, " term"]:
        """The stretches exp(u) by a velocity for which `respond` wants the spectra, each broadened for its own."""

    @property
    @abstractmethod
    def looked_up(self) -> Float[np.ndarray, " node"]:
        """The Doppler shifts u at which functions of velocity are looked up."""

    @property
    @abstractmethod
    def through(self) -> Float[np.ndarray, "velocity node"]:
        """What makes of a function there its coefficients on the grid: a particle between nodes has their sum."""

    @abstractmethod
    def resolving(self, sigma: float) -> "AbstractKinematics":
        """The same grid, its nodes as near as lines of a standard deviation need [km/s]."""

    @abstractmethod
    def limited_to(self, speed: float) -> "AbstractKinematics":
        """The same grid, no wider than stars up to a speed along the line of sight need [km/s]."""

    @abstractmethod
    def spanning(self, velocities: Iterable[Float[np.ndarray, " _"]]) -> "AbstractKinematics":
        """The same grid, as far as stars go, given the velocities along the line of sight of all in blocks [km/s]."""

    @abstractmethod
    def locate(self, seen: AbstractSeen) -> Stencil:
        """The velocity nodes that each particle touches.

        A star that is not `represented` is held at the nearest velocity that is: its light is kept.
        """

    @abstractmethod
    def represented(self, seen: AbstractSeen) -> Bool[Array, " particle"]:
        """Whether the velocity of each particle is one that the grid has."""

    @abstractmethod
    def respond(
        self,
        spectra: Float[Array, "term basis rest"],
        rest: Wavelengths,
        wavelengths: AbstractWavelengths,
        redshift: Float[Array, ""],
    ) -> Float[Array, "velocity basis wave"]:
        """Rest-frame spectra as the detector's pixels see them from every velocity node.

        The mean flux density over a pixel per unit luminosity density: energy is neither made nor lost, so shifted
        spectra are stretched and thinned by (1 + z) exp(u). The spectra are those at each of the `stretches`.
        """

    @abstractmethod
    def reached(
        self, rest: Wavelengths, wavelengths: AbstractWavelengths, redshift: Float[Array, ""]
    ) -> Bool[Array, " wave"]:
        """Whether rest-frame spectra reach each of the detector's pixels from every velocity node."""
