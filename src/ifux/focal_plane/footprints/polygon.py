"""Footprints with straight sides."""

import math
from functools import reduce
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.numerics.extremes import larger, smaller
from ifux.typing import real, within

ALONG = 1e-6
"""Sine of the angle to the north from which on a side does not end a line from south to north."""


def turned(points: Float[Array, "point 2"], angle: Float[Array, ""]) -> Float[Array, "point 2"]:
    """Places turned north through east [degree]."""
    sin, cos = jnp.sin(jnp.deg2rad(angle)), jnp.cos(jnp.deg2rad(angle))
    east, north = points[:, 0], points[:, 1]
    return jnp.stack([east * cos + north * sin, north * cos - east * sin], axis=1)


def between_sides(
    normals: Float[Array, "side 2"], distances: Float[Array, " side"], east: Float[Array, "*line"]
) -> tuple[Float[Array, "*line"], Float[Array, "*line"]]:
    """What lies between pairs of sides at distances from the middle, of lines from south to north."""
    low, high = jnp.full_like(east, -jnp.inf), jnp.full_like(east, jnp.inf)
    for side in range(normals.shape[0]):
        across, up, distance = normals[side, 0], normals[side, 1], distances[side]
        ends = jnp.abs(up) > ALONG
        slope = jnp.where(ends, up, 1)
        one, other = ((sign * distance - east * across) / slope for sign in (-1, 1))
        low = larger(low, jnp.where(ends, smaller(one, other), -jnp.inf))
        high = smaller(high, jnp.where(ends, larger(one, other), jnp.inf))
    return low, larger(low, high)


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

    def chord(self, east: Float[Array, "*line"]) -> tuple[Float[Array, "*line"], Float[Array, "*line"]]:
        """Between both pairs of sides."""
        normals = turned(jnp.eye(2, dtype=self.width.dtype), self.angle)
        return between_sides(normals, jnp.stack([self.width, self.height]) / 2, east)


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
        corners = jnp.deg2rad(self.angle) + math.pi / 3 * np.arange(6).astype(self.angle.dtype)
        return reduce(larger, jnp.sin(corners)) * self.across / math.sqrt(3)

    def chord(self, east: Float[Array, "*line"]) -> tuple[Float[Array, "*line"], Float[Array, "*line"]]:
        """Between three pairs of sides."""
        around = math.pi / 3 * np.arange(3) + math.pi / 6
        normals = jnp.asarray(np.stack([np.sin(around), np.cos(around)], axis=1), self.across.dtype)
        return between_sides(turned(normals, self.angle), jnp.full(3, 0.5, self.across.dtype) * self.across, east)
