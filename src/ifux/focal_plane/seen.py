"""What a footprint sees of the cells of a scene."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.numerics.reading import SUPPORT, read_around, read_everywhere
from ifux.scene import Scene

SPARE = 3
"""Cells by which a footprint may grow or turn after it was asked how many it touches."""


def seen_by(
    footprint: AbstractFootprint,
    nodes: int,
    places: Float[Array, "element 2"],
    splines: Float[Array, "term tall wide channel"],
    scene: Scene,
    cells: int | None = None,
) -> Float[Array, "term element channel"]:
    """The light that a footprint collects whose middle is at a place.

    The density of light is that of splines, whose integrals over the cells are what these hold; the footprint is a
    quadrature with so many nodes along a radius or a side.

    Args:
        footprint: What collects.
        nodes: Of its quadrature.
        places: East and north of the centre of the field, before it is turned [arcsec].
        splines: Coefficients, on a scene with a margin that is the same on both sides.
        scene: The cells.
        cells: Around its middle along an axis, beyond which a footprint sees nothing; without them it may see all.
    """
    _, tall, wide, _ = splines.shape
    points, shares = footprint.quadrature(nodes)
    at = in_cells(places[:, None, :] + points[None], scene, (tall, wide))
    shares = shares * footprint.area() / jnp.prod(scene.sides)
    if cells is None:
        return read_everywhere(splines, at[..., 0], at[..., 1], shares)
    middle = in_cells(places, scene, (tall, wide))
    return jax.lax.map(lambda one: read_around(one, at[..., 0], at[..., 1], shares, middle, cells), splines)


def in_cells(places: Float[Array, "*element 2"], scene: Scene, shape: tuple[int, int]) -> Float[Array, "*element 2"]:
    """Rows and columns of places [arcsec], from the middle of the first cell."""
    columns = 0.5 * (shape[1] - 1) - places[..., 0] / scene.sides[0]
    return jnp.stack([0.5 * (shape[0] - 1) + places[..., 1] / scene.sides[1], columns], axis=-1)


def cells_beyond(
    footprint: AbstractFootprint, places: Float[Array, "place 2"], scene: Scene, size: tuple[int, int]
) -> int:
    """Cells around a field of so many spaxels (x, y) that footprints at some places touch. On the host; may be none."""
    points, _ = footprint.quadrature(3)
    radius = max(np.hypot(*np.asarray(points, np.float64).T).max(), float(footprint.half_width()))
    farthest = np.abs(np.asarray(places, np.float64)).max(axis=0) + radius
    field = np.array(size) * np.asarray(scene.pitch, np.float64) / 2
    return int(np.ceil(((farthest - field) / np.asarray(scene.sides, np.float64)).max()))


def cells_across(footprint: AbstractFootprint, nodes: int, scene: Scene) -> int:
    """Cells along an axis that a footprint touches at the most, and some to spare. On the host."""
    points, _ = footprint.quadrature(nodes)
    half = np.abs(np.asarray(points, np.float64)).max(axis=0) / np.asarray(scene.sides, np.float64)
    return int(np.ceil(2 * half.max())) + SUPPORT + SPARE
