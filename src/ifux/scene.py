"""The grid on which light is deposited and blurred, before anything collects it."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree


@final
class Scene(eqx.Module):
    """Cells of the sky, one or several to a spaxel: as small as the PSF needs, where the spaxels are too coarse for it.

    The index x grows to the west, y to the north, before the field is turned.
    """

    sides: Float[Array, "2"]
    """Of a cell along x and y [arcsec]."""
    position_angle: Float[Array, ""]
    """Of the axis y, north through east [degree]."""
    oversampling: tuple[int, int] = eqx.field(static=True)
    """Cells to a spaxel along x and y."""
    degree: Degree = eqx.field(static=True)
    """Of the B-splines that spread a point of light over cells."""
    shape: tuple[int, int] = eqx.field(static=True)
    """Number of spaxels (y, x) of the field."""
    blurred: Float[Array, ""] | None = None
    """Full width at half maximum of a Gaussian that all light was blurred by before it came here [arcsec], if any."""

    @property
    def pitch(self) -> Float[Array, "2"]:
        """Sides of a spaxel along x and y [arcsec]."""
        return self.sides * jnp.asarray(self.oversampling, self.sides.dtype)

    def spaxels(self, maps: Float[Array, "*term tall wide channel"]) -> Float[Array, "*term y x channel"]:
        """The sums over the cells of every spaxel."""
        across, up = self.oversampling
        if (across, up) == (1, 1):
            return maps
        *terms, tall, wide, channels = maps.shape
        cells = maps.reshape(*terms, tall // up, up, wide // across, across, channels)
        return cells.sum(axis=(len(terms) + 1, len(terms) + 3))
