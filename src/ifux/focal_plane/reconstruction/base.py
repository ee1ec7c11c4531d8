"""What a reconstruction does: it weights the elements around a spaxel."""

from abc import abstractmethod

import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.typing import AbstractLimited


class AbstractReconstruction(AbstractLimited):
    """A weighted mean of the surface brightness that the elements around a spaxel have seen."""

    @property
    @abstractmethod
    def fewest(self) -> int:
        """Elements with a weight that a spaxel needs to have a value."""

    @abstractmethod
    def weights(
        self,
        east: Float[Array, "*pair"],
        north: Float[Array, "*pair"],
        footprint: AbstractFootprint,
        pitch: Float[Array, "2"],
    ) -> Float[Array, "*pair"]:
        """Of elements at offsets from the middle of a spaxel [arcsec], before they are divided by their sum.

        Args:
            east: Of the element from the spaxel, before the field is turned.
            north: The same.
            footprint: Of the elements.
            pitch: Sides of a spaxel along x and y [arcsec].
        """

    @abstractmethod
    def within(self, footprint: AbstractFootprint, pitch: Float[np.ndarray, "2"]) -> float:
        """Distance from the middle of a spaxel from which on no element has a weight [arcsec]. On the host."""
