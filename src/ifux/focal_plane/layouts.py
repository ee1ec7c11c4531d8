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
    order = np.lexsort((east, north))
    return turned(np.stack([east, north], axis=1)[order], angle)


def rectangular(columns: Count, rows: Count, pitch: Positive) -> Float[np.ndarray, "fibre 2"]:
    """Lenslets in rows and columns, as far apart along both [arcsec]."""
    north, east = np.meshgrid(np.arange(rows) - (rows - 1) / 2, np.arange(columns) - (columns - 1) / 2, indexing="ij")
    return pitch * np.stack([east.ravel(), north.ravel()], axis=1)


def rows(
    counts: Annotated[tuple[int, ...], Limits(least=0)],
    pitch: Positive,
    spacing: Positive,
    shift: float = 0.0,
    angle: float = 0.0,
) -> Float[np.ndarray, "fibre 2"]:
    """Fibres in rows, the first in the north, each from east to west and in the middle.

    Args:
        counts: Fibres of every row.
        pitch: Within a row [arcsec].
        spacing: Between rows [arcsec].
        shift: Of every second row to the east, and of the others to the west [arcsec].
        angle: By which all is turned, from east to north [degree].
    """
    if not any(counts):
        raise ValueError("rows needs a fibre or more, got none.")
    found = []
    for place, count in enumerate(counts):
        east = pitch * ((count - 1) / 2 - np.arange(count)) + (shift if place % 2 else -shift)
        found.append(np.stack([east, np.full(count, spacing * ((len(counts) - 1) / 2 - place))], axis=1))
    return turned(np.concatenate(found), angle)


def turned(positions: Float[np.ndarray, "fibre 2"], angle: float) -> Float[np.ndarray, "fibre 2"]:
    """Turned from east to north [degree]."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return positions @ np.array([[cos, sin], [-sin, cos]])


def table(positions: Pairs) -> Float[np.ndarray, "fibre 2"]:
    """Fibres one by one, east and north of the centre [arcsec]."""
    if len(positions) == 0:
        raise ValueError("table needs a fibre or more, got none.")
    return np.asarray(positions, np.float64).reshape(-1, 2)


def fibre_bundle(
    layout: Float[np.ndarray, "fibre 2"],
    footprint: AbstractFootprint,
    reconstruction: AbstractReconstruction,
    centre: tuple[float, float] = (0.0, 0.0),
    dithers: Pairs | None = None,
    errors: Pairs | None = None,
    throughput: tuple[float, ...] | None = None,
    refraction: AbstractRefraction | None = None,
    broken: tuple[int, ...] = (),
    reach: Count = 8,
    nodes: Count = 4,
) -> FibreBundle:
    """The bundle of a layout, whose middle is to the east and north of that of the field [arcsec].

    Without dithers there is one exposure. For the other arguments see `FibreBundle`.
    """
    return FibreBundle(
        layout + np.asarray(centre),
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
