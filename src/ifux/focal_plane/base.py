"""What a focal plane does: its elements collect the light behind the PSF, each into one spectrum."""

from abc import abstractmethod

from jaxtyping import Array, Float

from ifux.scene import Scene
from ifux.typing import AbstractLimited


class AbstractFocalPlane(AbstractLimited):
    """Elements that collect light, and the spaxels that are made of them. Noise acts on elements.

    Both are linear, and the same for every map: where that is cheaper, weights are collected and not spectra.
    """

    @abstractmethod
    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene
    ) -> Float[Array, "term *element channel"]:
        """What the elements collect of maps of the scene."""

    @abstractmethod
    def rebuild(self, elements: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The cube that is made of the spectra of the elements."""

    @abstractmethod
    def rebuild_variance(self, variance: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The variance of every voxel of that cube, if the elements have independent noise of this one."""
