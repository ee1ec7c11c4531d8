"""What an observer would measure of a galaxy: one number."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from ifux.particles import Particles
from ifux.telescope import Telescope


class AbstractObservable(eqx.Module):
    """One number that is measured of a galaxy."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Its unit."""

    @abstractmethod
    def __call__(self, telescope: Telescope, particles: Particles) -> Float[Array, ""]:
        """Its value, without noise."""

    @abstractmethod
    def check(self, telescope: Telescope) -> None:
        """On concrete values, before anything is traced.

        Raises:
            InputError: the telescope does not show it.
        """
