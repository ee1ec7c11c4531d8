"""How a point of light is spread over the cells of a scene along one of its axes."""

from abc import abstractmethod
from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree, Stencil, bspline, framed, gaussian_bins
from ifux.units import FWHM_OF_GAUSSIAN


class AbstractSpread(eqx.Module):
    """Shares of a point of light in the cells around it. They sum to one where all these cells are on the scene."""

    @abstractmethod
    def along(self, position: Float[Array, " point"], size: int, side: Float[Array, ""], degree: Degree) -> Stencil:
        """Shares along an axis of so many cells.

        Args:
            position: Of the points [cell of the field]; the first cell is at zero.
            size: Number of cells.
            side: Of a cell of the field [arcsec].
            degree: That of the B-splines of the spaxels.
        """

    @abstractmethod
    def support(self, degree: Degree) -> int:
        """Number of cells that a point touches along an axis."""

    @property
    @abstractmethod
    def within(self) -> "AbstractSpread":
        """The same on a scene that is no wider than the field."""


@final
class SplineSpread(AbstractSpread):
    """B-splines: the PSF makes up for their width."""

    def along(self, position: Float[Array, " point"], size: int, side: Float[Array, ""], degree: Degree) -> Stencil:
        """The B-splines."""
        return bspline(position, size, degree)

    def support(self, degree: Degree) -> int:
        """One more than the degree."""
        return degree + 1

    @property
    def within(self) -> AbstractSpread:
        """The same."""
        return self


@final
class GaussianSpread(AbstractSpread):
    """A Gaussian, integrated over the cells: what is spread is seen, and no kernel acts on it."""

    fwhm: Float[Array, ""]
    """Full width at half maximum [arcsec]."""

    def along(self, position: Float[Array, " point"], size: int, side: Float[Array, ""], degree: Degree) -> Stencil:
        """Differences of error functions."""
        sigma = self.fwhm.astype(position.dtype) / FWHM_OF_GAUSSIAN / side
        return gaussian_bins(position, size, sigma)

    def support(self, degree: Degree) -> int:
        """Four cells, whatever the degree."""
        return 4

    @property
    def within(self) -> AbstractSpread:
        """The same."""
        return self


@final
class FramedSpread(AbstractSpread):
    """B-splines on the cells of the field and some around it, and cubic ones on larger cells in a frame around these.

    A point is on the one or on the others, along each axis: its light is not shared between small and large cells.
    """

    ring: int = eqx.field(static=True)
    """Large cells on every side."""
    coarse: int = eqx.field(static=True)
    """Cells of the field to the side of a large one."""

    def along(self, position: Float[Array, " point"], size: int, side: Float[Array, ""], degree: Degree) -> Stencil:
        """The B-splines; large cells are the first and the last of the axis."""
        # Positions are counted as if all cells were of the size of those in the middle.
        return framed(position - self.ring, size, self.ring, self.coarse, degree)

    def support(self, degree: Degree) -> int:
        """One more than the degree, or the four of a cubic spline on large cells."""
        return max(4, degree + 1)

    @property
    def within(self) -> AbstractSpread:
        """B-splines."""
        return SplineSpread()
