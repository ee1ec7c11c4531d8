"""What a footprint sees of the cells of a scene."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.numerics.reading import reading
from ifux.scene import Scene


def shares_of_cells(
    footprint: AbstractFootprint, nodes: int, places: Float[Array, "*element 2"], scene: Scene, shape: tuple[int, int]
) -> Float[Array, "*element tall wide"]:
    """What share of the light in every cell a footprint collects whose middle is at a place.

    Light between the cells is that of the cubic spline whose integrals over the cells are theirs; the footprint is a
    quadrature with so many nodes along a radius or a side.

    Args:
        footprint: What collects.
        nodes: Of its quadrature.
        places: East and north of the centre of the field, before it is turned [arcsec].
        scene: The cells,
        shape: and how many there are (y, x), with a margin that is the same on both sides.
    """
    tall, wide = shape
    points, shares = footprint.quadrature(nodes)
    at = places[..., None, :] + points.reshape(*(1,) * (places.ndim - 1), *points.shape)
    columns = reading(0.5 * (wide - 1) - at[..., 0] / scene.sides[0], wide)
    rows = reading(0.5 * (tall - 1) + at[..., 1] / scene.sides[1], tall)
    cells = footprint.area() / jnp.prod(scene.sides)
    return jnp.einsum("...qy,...qx,q->...yx", rows, columns, shares * cells, precision=jax.lax.Precision.HIGHEST)
