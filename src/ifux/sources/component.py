"""What a component of an unresolved source does: it has a spectrum."""

from abc import abstractmethod

from jaxtyping import Array, Float

from ifux.sources.base import View
from ifux.typing import AbstractLimited


class AbstractComponent(AbstractLimited):
    """A part of the spectrum of something unresolved: its continuum, its lines."""

    @abstractmethod
    def density(self, view: View, shift: Float[Array, ""]) -> Float[Array, " part"]:
        """Luminosity in every sampled pixel over the width of the pixel [solar luminosity/angstrom, observed].

        At a shift, the logarithm of observed over rest wavelength; dimmed by the dust of the galaxy.
        """
