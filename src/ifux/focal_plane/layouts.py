"""Where the fibres of a bundle are, and a bundle by its rule."""

import math
from typing import Annotated

import numpy as np
from jaxtyping import Float

from ifux.focal_plane.fibre_bundle import FibreBundle
from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.reconstruction.base import AbstractReconstruction
from ifux.focal_plane.refraction import AbstractRefraction, NoRefraction
from ifux.typing import Limits

Pairs = tuple[tuple[float, float], ...]
Positive = Annotated[float, Limits(above=0)]
Count = Annotated[int, Limits(above=0)]


def hexagonal(
    rings: Annotated[int, Limits(least=0)], pitch: Positive, angle: float = 0.0
) -> Float[np.ndarray, "fibre 2"]:
    """Fibres that are packed as densely as circles can be, in rings around the first.

    Args:
        rings: Around the fibre in the middle: n of them are 1 + 3 n (n + 1) fibres.
        pitch: From the middle of a fibre to that of its neighbour [arcsec].
        angle: Of a corner, from east to north [degree].
    """
    steps = np.arange(-rings, rings + 1)
    along, up = (values.ravel() for values in np.meshgrid(steps, steps))
    inside = np.abs(along + up) <= rings
    east, north = pitch * (along + up / 2)[inside], pitch * math.sqrt(3) / 2 * up[inside]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    order = np.lexsort((east, north))
    return np.stack([east * cos - north * sin, east * sin + north * cos], axis=1)[order]


def rectangular(columns: Count, rows: Count, pitch: Positive) -> Float[np.ndarray, "fibre 2"]:
    """Lenslets in rows and columns, as far apart along both [arcsec]."""
    north, east = np.meshgrid(np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2, indexing="ij")
    return pitch * np.stack([east.ravel(), north.ravel()], axis=1)


def table(positions: Pairs) -> Float[np.ndarray, "fibre 2"]:
    """Fibres one by one, east and north of the centre [arcsec]."""
    if len(positions) == 0:
        raise ValueError("table needs a fibre or more, got none.")
    return np.asarray(positions, np.float64).reshape(-1, 2)


def fibre_bundle(
    layout: Float[np.ndarray, "fibre 2"],
    footprint: AbstractFootprint,
    reconstruction: AbstractReconstruction,
    dithers: Pairs | None = None,
    errors: Pairs | None = None,
    throughput: tuple[float, ...] | None = None,
    refraction: AbstractRefraction | None = None,
    broken: tuple[int, ...] = (),
    reach: int = 8,
    nodes: int = 4,
) -> FibreBundle:
    """The bundle of a layout; without dithers there is one exposure. For the arguments see `FibreBundle`."""
    return FibreBundle(
        layout,
        footprint,
        reconstruction,
        ((0.0, 0.0),) if dithers is None else dithers,
        errors,
        throughput,
        NoRefraction() if refraction is None else refraction,
        broken,
        reach,
        nodes,
    )
