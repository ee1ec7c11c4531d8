"""What a footprint does: it says where on the sky light is collected around a place."""

from abc import abstractmethod

from jaxtyping import Array, Float

from ifux.typing import AbstractLimited


class AbstractFootprint(AbstractLimited):
    """A part of the sky around a place, which collects all light that falls on it and none beside it.

    East and north are those of the field before it is turned.
    """

    @abstractmethod
    def area(self) -> Float[Array, ""]:
        """[arcsec2]."""

    @abstractmethod
    def quadrature(self, nodes: int) -> tuple[Float[Array, "point 2"], Float[Array, " point"]]:
        """Places east and north of the middle [arcsec] and shares of the area, which sum to one.

        The mean of a function over the footprint is the sum of its values there. Smooth in every number of the
        footprint; along a radius or a side there are so many nodes.
        """

    @abstractmethod
    def radius(self) -> Float[Array, ""]:
        """Of the circle around it [arcsec]."""

    @abstractmethod
    def half_width(self) -> Float[Array, ""]:
        """How far it reaches to the east, and to the west [arcsec]."""

    @abstractmethod
    def shared_area(
        self, east: Float[Array, "*pair"], north: Float[Array, "*pair"], sides: Float[Array, "2"]
    ) -> Float[Array, "*pair"]:
        """Of it, at an offset from the middle of a rectangle with sides to the east and north, and of that.

        Offsets and sides [arcsec], areas [arcsec2]; exact, and zero where they do not touch. Where a side lies on one
        of the rectangle's its derivative jumps.
        """
