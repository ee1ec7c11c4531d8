"""Footprints with straight sides."""

import math
from functools import reduce
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.numerics.areas import around, rectangle, shared_with_square
from ifux.numerics.extremes import larger
from ifux.typing import real, within


def turned(points: Float[Array, "point 2"], angle: Float[Array, ""]) -> Float[Array, "point 2"]:
    """Places turned north through east [degree]."""
    sin, cos = jnp.sin(jnp.deg2rad(angle)), jnp.cos(jnp.deg2rad(angle))
    east, north = points[:, 0], points[:, 1]
    return jnp.stack([east * cos + north * sin, north * cos - east * sin], axis=1)


def shared(
    corners: Float[Array, "corner 2"],
    east: Float[Array, "*pair"],
    north: Float[Array, "*pair"],
    sides: Float[Array, "2"],
) -> Float[Array, "*pair"]:
    """Area of a polygon and of rectangles that it is at offsets from: in halves of their sides, which make squares."""
    half = sides / 2
    begin, end = around(east / half[0], north / half[1], (corners / half[None]).T)
    return half[0] * half[1] * shared_with_square(begin, end)


@final
class Rectangle(AbstractFootprint):
    """A rectangle: a square lenslet, a slit, a part of a slice."""

    width: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """From east to west, before it is turned [arcsec]."""
    height: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """From south to north, before it is turned [arcsec]."""
    angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """By which it is turned, north through east [degree]."""

    def area(self) -> Float[Array, ""]:
        """That of a rectangle."""
        return self.width * self.height

    def quadrature(self, nodes: int) -> tuple[Float[Array, "point 2"], Float[Array, " point"]]:
        """Of Gauss along both sides."""
        place, share = np.polynomial.legendre.leggauss(nodes)
        grid = np.stack(np.meshgrid(place / 2, place / 2, indexing="ij"), axis=-1).reshape(-1, 2)
        points = jnp.asarray(grid, self.width.dtype) * jnp.stack([self.width, self.height])[None, :]
        return turned(points, self.angle), jnp.asarray(np.outer(share, share).reshape(-1) / 4, self.width.dtype)

    def radius(self) -> Float[Array, ""]:
        """Of its corners."""
        return jnp.hypot(self.width, self.height) / 2

    def half_width(self) -> Float[Array, ""]:
        """Of its corners."""
        sin, cos = jnp.sin(jnp.deg2rad(self.angle)), jnp.cos(jnp.deg2rad(self.angle))
        return (self.width * jnp.abs(cos) + self.height * jnp.abs(sin)) / 2

    def corners(self) -> Float[Array, "corner 2"]:
        """From its middle, around from east to north [arcsec]."""
        return turned(rectangle(jnp.stack([self.width, self.height])).T, self.angle)

    def shared_area(
        self, east: Float[Array, "*pair"], north: Float[Array, "*pair"], sides: Float[Array, "2"]
    ) -> Float[Array, "*pair"]:
        """That of a polygon."""
        return shared(self.corners(), east, north, sides)


@final
class Hexagon(AbstractFootprint):
    """A regular hexagon: a lenslet of an array without gaps, or the outline of a bundle."""

    across: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """From one side to the opposite one: the pitch of an array [arcsec]."""
    angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Of a corner, north through east [degree]."""

    def area(self) -> Float[Array, ""]:
        """That of a hexagon."""
        return math.sqrt(3) / 2 * self.across**2

    def quadrature(self, nodes: int) -> tuple[Float[Array, "point 2"], Float[Array, " point"]]:
        """Of Gauss in each of six triangles, along the radius and along the side."""
        place, share = np.polynomial.legendre.leggauss(nodes)
        # Of a triangle the area grows with the distance from the middle.
        radius, side = (place + 1) / 2, place / 2 / math.sqrt(3)
        shares = np.outer(share / 2 * 2 * radius, share / 2)
        one = np.stack(np.broadcast_arrays(0.5 * radius[:, None], radius[:, None] * side[None, :]), axis=-1)
        around = math.pi / 3 * np.arange(6) + math.pi / 6
        sin, cos = np.sin(around)[:, None, None], np.cos(around)[:, None, None]
        # The first triangle is cut in two by the direction `around`; corners lie between two of them, one to the north.
        out, along = one[None, ..., 0], one[None, ..., 1]
        points = np.stack([out * sin + along * cos, out * cos - along * sin], axis=-1).reshape(-1, 2)
        found = jnp.asarray(points, self.across.dtype) * self.across
        return turned(found, self.angle), jnp.asarray(np.tile(shares.reshape(-1), 6) / 6, self.across.dtype)

    def radius(self) -> Float[Array, ""]:
        """Of its corners."""
        return self.across / math.sqrt(3)

    def half_width(self) -> Float[Array, ""]:
        """Of the corner that is furthest to the east."""
        return reduce(larger, self.corners()[:, 0])

    def corners(self) -> Float[Array, "corner 2"]:
        """From its middle, around from east to north [arcsec]."""
        angles = -math.pi / 3 * np.arange(6)
        unit = jnp.asarray(np.stack([np.sin(angles), np.cos(angles)], axis=1), self.across.dtype)
        return turned(unit * self.radius(), self.angle)

    def shared_area(
        self, east: Float[Array, "*pair"], north: Float[Array, "*pair"], sides: Float[Array, "2"]
    ) -> Float[Array, "*pair"]:
        """That of a polygon."""
        return shared(self.corners(), east, north, sides)
