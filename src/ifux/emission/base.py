"""What emission does: it says how bright the lines of gas are."""

from abc import abstractmethod
from dataclasses import dataclass

from jaxtyping import Array, Bool, Float

from ifux.particles import Gas, Particles
from ifux.typing import AbstractLimited


@dataclass(frozen=True)
class Line:
    """A line of the spectrum."""

    name: str
    species: str
    vacuum: float
    """Wavelength in vacuum [angstrom]."""
    element: int
    """Which basis element it belongs to."""
    mass: float
    """Of the ion [u]."""


class AbstractEmission(AbstractLimited):
    """Lines of gas, as a basis of elements."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of elements."""

    @property
    @abstractmethod
    def lines(self) -> tuple[Line, ...]:
        """Those that may shine."""

    @property
    @abstractmethod
    def of_stars(self) -> bool:
        """Whether star particles are what shines, and not gas."""

    @abstractmethod
    def coefficients(self, emitters: Gas | Particles) -> Float[Array, "cell element"]:
        """Luminosity of every element [solar luminosity]."""

    @abstractmethod
    def shares(self) -> Float[Array, " line"]:
        """Luminosity of every line over that of its element."""

    @abstractmethod
    def variances(self) -> Float[Array, " line"]:
        """Variance of the velocities within an emitter [(km/s)^2]."""

    @abstractmethod
    def covered(self, emitters: Gas | Particles) -> Bool[Array, " cell"]:
        """Whether it lies within the calibration."""
