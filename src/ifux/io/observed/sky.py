"""Where the spaxels of other people's cubes are on the sky."""

import math
from typing import Any, NamedTuple

import numpy as np
from astropy.wcs import WCS

from ifux.errors import InputError
from ifux.io.observed.units import quantity


class Plane(NamedTuple):
    """A field of spaxels, turned so that x grows to the west."""

    pitch: tuple[float, float]
    """Sides of a spaxel along x and y [arcsec]."""
    position: tuple[float, float] | None
    """Right ascension and declination of its centre [degree]; None where it is nowhere."""
    angle: float
    """Of the axis y, north through east [degree]."""
    mirrored: bool
    """Whether x grows to the east in the file."""


def plane_of(header: Any, file: Any, path: Any) -> Plane:
    """From a header with celestial axes, in whatever form, or with linear ones that are angles.

    Linear axes say nothing of north: y is taken for it, and x for west or east by its sign.

    Raises:
        InputError: the axes are neither, or their spaxels have no sides.
    """
    if not str(header.get("CTYPE1", "")).strip().upper().startswith(("RA", "DEC", "GLON", "GLAT", "ELON", "ELAT")):
        return linear(header, path)
    x, y = (header["NAXIS1"] - 1) / 2, (header["NAXIS2"] - 1) / 2
    # units of wavelengths are spelled in ways that astropy does not know
    flat = header.copy()
    for keyword in ("CTYPE3", "CUNIT3"):
        flat.remove(keyword, ignore_missing=True)
    points: Any = WCS(flat, file, naxis=2).pixel_to_world([x, x + 1, x], [y, y, y + 1])
    points = points.icrs
    east, north = points[0].spherical_offsets_to(points)
    steps = np.array([east[1:].arcsec, north[1:].arcsec])
    return turned(steps, (float(points[0].ra.deg), float(points[0].dec.deg)), path)


def linear(header: Any, path: Any) -> Plane:
    """The same of axes that are angles from somewhere."""
    steps = np.zeros((2, 2))
    for axis in (1, 2):
        unit = str(header.get(f"CUNIT{axis}", "")).strip() or "arcsec"
        step = header.get(f"CD{axis}_{axis}", header.get(f"CDELT{axis}"))
        try:
            steps[axis - 1, axis - 1] = quantity(1.0 if step is None else step, unit).to_value("arcsec")
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: its axes on the sky must be angles, got {unit!r}.") from error
    steps[1, 1] = abs(steps[1, 1])
    return turned(steps, None, path)


def turned(steps: np.ndarray, position: tuple[float, float] | None, path: Any) -> Plane:
    """From the steps (to the east, to the north) [arcsec] of a spaxel along x and along y."""
    x, y = (math.hypot(*side) for side in steps.T)
    if not (0 < x < math.inf and 0 < y < math.inf):
        raise InputError(f"{path}: spaxels of {x:.6g} x {y:.6g} arcsec are none.")
    mirrored = float(np.linalg.det(steps)) > 0
    if abs(float(steps[:, 0] @ steps[:, 1])) > 0.01 * x * y:
        raise InputError(f"{path}: the axes of its field are not at right angles, and its spaxels no rectangles.")
    angle = round(math.degrees(math.atan2(steps[0, 1], steps[1, 1])), 7) + 0.0
    # eight digits undo the rounding of degrees and of angles between near points
    return Plane((float(f"{x:.8g}"), float(f"{y:.8g}")), position, angle, mirrored)
