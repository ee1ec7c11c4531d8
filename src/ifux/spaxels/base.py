"""What the spaxels do: they say where light lands."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree, Stencil
from ifux.particles import Projected
from ifux.typing import AbstractLimited


class AbstractSpaxels(AbstractLimited):
    """A grid of spatial pixels. The pixel index x grows to the west, y to the north."""

    pitch: eqx.AbstractVar[Float[Array, ""]]
    """Distance between neighbouring spaxels [arcsec]."""
    size: eqx.AbstractVar[tuple[int, int]]
    """Number of spaxels along x and y."""
    degree: eqx.AbstractVar[Degree]
    """Degree of the B-spline that spreads a point of light over spaxels: the PSF makes up for its width."""

    @abstractmethod
    def axes(self, projected: Projected, margin: int) -> tuple[Stencil, Stencil]:
        """The rows and the columns that each particle touches, with a margin of spaxels on every side."""

    def locate(self, projected: Projected, margin: int) -> Stencil:
        """The spaxels that each particle touches, on the grid widened by a margin of spaxels on every side."""
        rows, columns = self.axes(projected, margin)
        return rows.outer(columns)

    def shape(self, margin: int) -> tuple[int, int]:
        """Number of spaxels (y, x) of the widened grid."""
        return self.size[1] + 2 * margin, self.size[0] + 2 * margin
