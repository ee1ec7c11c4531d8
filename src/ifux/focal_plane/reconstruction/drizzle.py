"""The reconstruction of SAMI, and of image slicers."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.reconstruction.base import AbstractReconstruction
from ifux.numerics.extremes import larger, smaller
from ifux.typing import real, within

LINES = 8
"""From south to north, along which the area that a drop and a spaxel share is integrated."""


@final
class Drizzle(AbstractReconstruction):
    """Elements shrink to drops, whose light goes to the spaxels on which they fall: weights are the shared areas.

    Areas are integrated to a few thousandths of the drop along the lines of a Gauss-Legendre quadrature.

    References: Fruchter & Hook (2002), PASP 114, 144; Sharp et al. (2015), MNRAS 446, 1551 (SAMI).
    """

    drop: Float[Array, ""] = eqx.field(converter=real, default=1.0, metadata=within(above=0))
    """Size of a drop over that of the element."""

    @property
    def fewest(self) -> int:
        """One."""
        return 1

    def weights(
        self,
        east: Float[Array, "*pair"],
        north: Float[Array, "*pair"],
        footprint: AbstractFootprint,
        pitch: Float[Array, "2"],
    ) -> Float[Array, "*pair"]:
        """The areas, over the square of the size of a drop [arcsec2]."""
        drop = self.drop
        return shared_area(east / drop, north / drop, footprint, pitch / drop)

    def within(self, footprint: AbstractFootprint, pitch: Float[np.ndarray, "2"]) -> float:
        """As far as a drop and a spaxel touch at the most."""
        return abs(float(self.drop)) * float(footprint.radius()) + float(np.hypot(*pitch)) / 2


def shared_area(
    east: Float[Array, "*pair"], north: Float[Array, "*pair"], footprint: AbstractFootprint, pitch: Float[Array, "2"]
) -> Float[Array, "*pair"]:
    """Of a footprint at an offset from the middle of a spaxel, and of the spaxel [arcsec, arcsec2]."""
    place, share = np.polynomial.legendre.leggauss(LINES)
    line = (*(1,) * east.ndim, -1)
    place, share = (jnp.asarray(values, east.dtype).reshape(line) for values in (place, share))
    half, (across, up) = footprint.half_width(), pitch / 2
    low, high = (
        larger(jnp.broadcast_to(-half, east.shape), -across - east),
        smaller(jnp.broadcast_to(half, east.shape), across - east),
    )
    width = larger(high - low, jnp.zeros_like(east))
    south, end = footprint.chord((low + high)[..., None] / 2 + width[..., None] * place / 2)
    above, below = ((side - north)[..., None] * jnp.ones_like(place) for side in (up, -up))
    covered = smaller(end, above) - larger(south, below)
    return width * (larger(covered, jnp.zeros_like(covered)) * share / 2).sum(axis=-1)
