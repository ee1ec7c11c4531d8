"""Footprints without a sharp edge."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.typing import real, within

NODES = 5
"""Along each axis, of the Gaussian."""


@final
class Soft(AbstractFootprint):
    """Another footprint, convolved with a Gaussian: light is collected with a share that falls smoothly at the edge.

    To a ten-thousandth of its light, where the Gaussian is no wider than what is seen is blurred.
    """

    footprint: AbstractFootprint
    width: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """Standard deviation of the Gaussian [arcsec]."""

    def area(self) -> Float[Array, ""]:
        """The integral of the share: as of the other."""
        return self.footprint.area()

    def quadrature(self, nodes: int) -> tuple[Float[Array, "point 2"], Float[Array, " point"]]:
        """That of Gauss and Hermite around the points of the other."""
        points, shares = self.footprint.quadrature(nodes)
        place, share = np.polynomial.hermite_e.hermegauss(NODES)
        grid = np.stack(np.meshgrid(place, place, indexing="ij"), axis=-1).reshape(1, -1, 2)
        weight = np.outer(share, share).reshape(1, -1) / share.sum() ** 2
        around = points[:, None, :] + self.width * jnp.asarray(grid, points.dtype)
        return around.reshape(-1, 2), (shares[:, None] * jnp.asarray(weight, shares.dtype)).reshape(-1)

    def radius(self) -> Float[Array, ""]:
        """Of the other."""
        return self.footprint.radius()

    def half_width(self) -> Float[Array, ""]:
        """Of the other."""
        return self.footprint.half_width()

    def shared_area(
        self, east: Float[Array, "*pair"], north: Float[Array, "*pair"], sides: Float[Array, "2"]
    ) -> Float[Array, "*pair"]:
        """Of the other: whoever drops light takes a footprint for sharp."""
        return self.footprint.shared_area(east, north, sides)
