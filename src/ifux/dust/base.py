"""What dust does: it dims and reddens."""

from abc import abstractmethod

from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.particles import Projected
from ifux.typing import AbstractLimited


class AbstractDust(AbstractLimited):
    """An attenuation as a sum of products: a coefficient of the particle times a function of wavelength."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of terms."""

    @abstractmethod
    def coefficients(self, projected: Projected) -> Float[Array, "particle dust"]:
        """How much of each term there is in front of each particle."""

    @abstractmethod
    def respond(self, spectra: Float[Array, "basis rest"], rest: Wavelengths) -> Float[Array, "dust basis rest"]:
        """The spectra behind each term."""

    @abstractmethod
    def transmission(self, vacuum: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """What is let through of gas, which has no depth of its own, at rest-frame vacuum wavelengths [angstrom]."""


class AbstractCurve(AbstractLimited):
    """How attenuation depends on wavelength."""

    @abstractmethod
    def ratio(self, vacuum: Float[Array, " rest"]) -> Float[Array, " rest"]:
        """A(lambda) / A(V) at rest-frame vacuum wavelengths [angstrom]."""
