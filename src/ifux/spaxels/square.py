"""Square spaxels."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics.stencil import Degree
from ifux.spaxels.base import AbstractSpaxels, pair
from ifux.typing import decimal, real, within


@final
class SquareSpaxels(AbstractSpaxels):
    """A rectangular field of square spaxels."""

    pitch: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Side of a spaxel [arcsec]."""
    size: tuple[int, int] = eqx.field(static=True, converter=pair, metadata=within(above=0))
    """Number of spaxels along x and y."""
    centre: Float[Array, "2"] = eqx.field(converter=real, default=(0.0, 0.0))
    """Where the field is centred, to the (east, north) of the galaxy [arcsec]."""
    degree: Degree = eqx.field(static=True, default=3)
    """0 nearest, 1 linear, 2 quadratic, 3 cubic, 4 quartic, 5 quintic."""
    position_angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Of the axis y, north through east [degree]."""
    oversampling: tuple[int, int] = eqx.field(static=True, converter=pair, default=(1, 1), metadata=within(above=0))
    """Cells of the scene to a spaxel along x and y."""

    @property
    def sides(self) -> Float[Array, "2"]:
        """The pitch, twice."""
        return jnp.stack([self.pitch, self.pitch])

    @property
    def known_sides(self) -> tuple[float, float]:
        """The pitch, twice."""
        return decimal(self.pitch), decimal(self.pitch)
