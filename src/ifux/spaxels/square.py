"""Square spaxels."""

from collections.abc import Sequence
from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree, Stencil, bspline
from ifux.particles import Projected
from ifux.spaxels.base import AbstractSpaxels
from ifux.typing import real, within


def pair(size: Sequence[int]) -> tuple[int, int]:
    """Two numbers, as JSON gives them, in a form that can be compared and hashed."""
    x, y = size
    return x, y


@final
class SquareSpaxels(AbstractSpaxels):
    """A rectangular field of square spaxels.

    B-splines share a particle between neighbours, so that its place has a true gradient. The PSF makes up for their
    mean width; what is left depends on where in a spaxel a source stands, and averages out over many. For a Moffat PSF
    of four spaxels FWHM it is at most 7, 0.7 and 0.3 per cent of the peak of a single particle for degrees 1, 2 and 3.
    Degree 0 puts a particle into the nearest spaxel as other codes do: its place then has *no* gradient.
    """

    pitch: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Side of a spaxel [arcsec]."""
    size: tuple[int, int] = eqx.field(static=True, converter=pair, metadata=within(above=0))
    """Number of spaxels along x and y."""
    centre: Float[Array, "2"] = eqx.field(converter=real, default=(0.0, 0.0))
    """Where the field is centred, to the (east, north) of the galaxy [arcsec]."""
    degree: Degree = eqx.field(static=True, default=3)
    """0 nearest, 1 linear, 2 quadratic, 3 cubic."""

    def __check_init__(self):
        if self.degree not in (0, 1, 2, 3):
            raise ValueError(f"SquareSpaxels.degree must be 0, 1, 2 or 3, got {self.degree}.")

    def axes(self, projected: Projected, margin: int) -> tuple[Stencil, Stencil]:
        """A B-spline along each axis."""
        tall, wide = self.shape(margin)
        east, north = projected.sky[:, 0] - self.centre[0], projected.sky[:, 1] - self.centre[1]
        x = bspline(0.5 * (wide - 1) - east / self.pitch, wide, self.degree)
        y = bspline(0.5 * (tall - 1) + north / self.pitch, tall, self.degree)
        return y, x
