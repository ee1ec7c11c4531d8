"""An image slicer."""

from typing import final

from jaxtyping import Array, Float

from ifux.focal_plane.base import AbstractFocalPlane
from ifux.scene import Scene


@final
class Slicer(AbstractFocalPlane):
    """Spaxels that tile the field: each is an element, and collects all light that falls on it.

    So do lenslets without gaps. That the slices of a detector are resampled to spaxels, and the noise of neighbours is
    then alike, is left out.
    """

    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene
    ) -> Float[Array, "term *element channel"]:
        """The sums over the cells of every spaxel."""
        across, up = scene.oversampling
        if (across, up) == (1, 1):
            return maps
        terms, tall, wide, channels = maps.shape
        return maps.reshape(terms, tall // up, up, wide // across, across, channels).sum(axis=(2, 4))

    def rebuild(self, elements: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """The elements are the spaxels."""
        return elements

    def rebuild_variance(self, variance: Float[Array, "*element wave"]) -> Float[Array, "y x wave"]:
        """That of the elements."""
        return variance
