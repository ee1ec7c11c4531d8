"""Round footprints."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.numerics.areas import around, rectangle, shared_with_disc
from ifux.typing import real, within


def polar(nodes: int) -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, " point"]]:
    """Quadrature over a circle of radius one: of Gauss along the square of the radius, even around it."""
    place, share = np.polynomial.legendre.leggauss(nodes)
    radius, around = np.sqrt((place + 1) / 2)[:, None], 2 * math.pi * (np.arange(4 * nodes) + 0.5) / (4 * nodes)
    points = np.stack([radius * np.cos(around), radius * np.sin(around)], axis=-1)
    return points.reshape(-1, 2), np.repeat(share / 2, 4 * nodes) / (4 * nodes)


@final
class Circle(AbstractFootprint):
    """A fibre, or an aperture on a catalogue's picture."""

    diameter: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """[arcsec]."""

    def area(self) -> Float[Array, ""]:
        """That of a circle."""
        return math.pi / 4 * self.diameter**2

    def quadrature(self, nodes: int) -> tuple[Float[Array, "point 2"], Float[Array, " point"]]:
        """Polar."""
        points, shares = (jnp.asarray(values, self.diameter.dtype) for values in polar(nodes))
        return points * self.diameter / 2, shares

    def radius(self) -> Float[Array, ""]:
        """Half the diameter."""
        return self.diameter / 2

    def half_width(self) -> Float[Array, ""]:
        """The radius."""
        return self.diameter / 2

    def shared_area(
        self, east: Float[Array, "*pair"], north: Float[Array, "*pair"], sides: Float[Array, "2"]
    ) -> Float[Array, "*pair"]:
        """In radii, around the middle of the circle."""
        radius = self.diameter / 2
        begin, end = around(-east / radius, -north / radius, rectangle(sides / radius))
        return radius**2 * shared_with_disc(begin, end)


@final
class Ellipse(AbstractFootprint):
    """An ellipse."""

    major: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Full axis [arcsec]."""
    minor: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Full axis [arcsec]."""
    angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Of the major axis, north through east [degree]."""

    def area(self) -> Float[Array, ""]:
        """That of an ellipse."""
        return math.pi / 4 * self.major * self.minor

    def quadrature(self, nodes: int) -> tuple[Float[Array, "point 2"], Float[Array, " point"]]:
        """That of a circle, squeezed and turned."""
        points, shares = (jnp.asarray(values, self.major.dtype) for values in polar(nodes))
        along, across = points[:, 0] * self.major / 2, points[:, 1] * self.minor / 2
        sin, cos = jnp.sin(jnp.deg2rad(self.angle)), jnp.cos(jnp.deg2rad(self.angle))
        return jnp.stack([along * sin + across * cos, along * cos - across * sin], axis=1), shares

    def radius(self) -> Float[Array, ""]:
        """Half the longer axis."""
        return jnp.maximum(self.major, self.minor) / 2

    def half_width(self) -> Float[Array, ""]:
        """Where a line from south to north touches it."""
        sin, cos = jnp.sin(jnp.deg2rad(self.angle)), jnp.cos(jnp.deg2rad(self.angle))
        return jnp.sqrt((self.major * sin) ** 2 + (self.minor * cos) ** 2) / 2

    def shared_area(
        self, east: Float[Array, "*pair"], north: Float[Array, "*pair"], sides: Float[Array, "2"]
    ) -> Float[Array, "*pair"]:
        """In half axes, in which the ellipse is a circle and the rectangle a parallelogram."""
        sin, cos = jnp.sin(jnp.deg2rad(self.angle)), jnp.cos(jnp.deg2rad(self.angle))
        along, across = self.major / 2, self.minor / 2
        place, spaxel = (
            ((x * cos - y * sin) / across, (x * sin + y * cos) / along) for x, y in ((-east, -north), rectangle(sides))
        )
        begin, end = around(*place, jnp.stack(spaxel))
        return along * across * shared_with_disc(begin, end)
