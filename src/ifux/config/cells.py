"""Cells, splines and the reach of kernels, where a description does not say them."""

import dataclasses
import math
from typing import Any

import numpy as np

from ifux.config.build import is_number, module, parameters
from ifux.config.table import DEFAULTS, INSIDE, KINDS
from ifux.errors import InputError
from ifux.focal_plane import AbstractFocalPlane, AbstractFootprint, Aperture, FibreBundle
from ifux.focal_plane.seen import cells_beyond
from ifux.numerics.stencil import Degree
from ifux.psf import AbstractChromaticPSF, AbstractKernelPSF, CoreHaloPSF
from ifux.psf.base import AbstractPSF, over_cells
from ifux.spaxels.base import AbstractSpaxels

LOST = 1e-3
"""Share of a point source's light that may lie beyond the kernel."""

ENOUGH: dict[Degree, tuple[float, float, float]] = {3: (5.05, 4.6, 3.75), 4: (4.2, 3.3, 3.1), 5: (3.9, 2.7, 3.1)}
"""Cells to the full width at half maximum from which on splines of a degree show a point source to 1e-3 of its peak,
wherever in a spaxel it stands, with one cell to a spaxel, with two, and with three or more: a Gaussian, and a Moffat of
slopes from 2.8 on."""

DEARER = 0.05
"""What a degree more may cost, of a scene: a deposit of a few hundred thousand particles takes so much longer, against
blur and contraction. It chooses between degrees of nearly as many cells."""

ROUNDING = 1e-6
"""Of a width in single precision, and room for it."""

READ: dict[Degree, float] = {3: 2.9, 4: 2.85, 5: 2.85}
WIDE, STEEP = 4 / 3, 2.0
"""Cells to the full width at half maximum behind footprints as many times as wide, by the degree of splines, and how
many more for each full width that they are narrower by. What they collect of a Gaussian point source is then true to
1e-3 of its peak with cubic splines and to 6e-4 with quartic ones, wherever it stands, and nearer if it has wings: a
footprint is a blur, too."""

HARD = 4
"""Cells across a footprint in front of which no PSF has a width."""

BEYOND = 3
"""Cells beside those that an element touches that it is read from: the influence of a cell falls by 0.36 a cell."""

HALO_CELLS, HALO_ERROR = 3.3, 0.02
"""Large cells to the full width at half maximum of a halo, and the error over its peak that they leave of a Moffat of
slope 2.5. It falls with their fifth power."""

MOST, FARTHEST = 12, 256
"""Cells to a spaxel, and half-size of a kernel [cell], that are taken unasked."""


def suited(description: dict[str, Any]) -> dict[str, Any]:
    """The description of a telescope, with cells for the narrowest part of its PSF and a kernel for the light of it.

    What it says is left as it is, and so is what cannot be used: whoever builds the stage says what is wrong with it.
    """
    try:
        spaxels = module("spaxels", description["spaxels"], "spaxels")
        described_plane = description.get("focal_plane", DEFAULTS["focal_plane"])
        plane = module("focal_plane", described_plane, "focal_plane")
        described = narrowed(description["psf"], spaxels, plane, given="oversampling" in description["spaxels"])
        psf = module("psf", described, "psf")
        if isinstance(psf, AbstractChromaticPSF):
            edges = module("channels", description["wavelengths"], "wavelengths").edges()
            described = interpolated(described, float(edges[0]), float(edges[-1]))
            psf = module("psf", described, "psf")
    except InputError:
        return description
    given = description["spaxels"]
    tried = [spaxels] if "oversampling" in given else divided(spaxels, psf, plane, asked=given.get("degree"))
    found = [(some, reached(described, psf, some)) for some in tried]
    spaxels, described = min(found, key=lambda both: effort(both[0], module("psf", both[1], "psf")))
    finer = {**given, "degree": spaxels.degree, "oversampling": [*spaxels.oversampling]}
    collecting = {**read_from(plane, spaxels), **described_plane}
    return {**description, "spaxels": finer, "psf": described, "focal_plane": collecting}


def reached(description: dict[str, Any], psf: AbstractPSF, spaxels: AbstractSpaxels) -> dict[str, Any]:
    """The description of a PSF with a kernel for its light on cells of the spaxels, where it does not say it."""
    side = min(side / count for side, count in zip(spaxels.known_sides, spaxels.oversampling, strict=True))
    reach = min(FARTHEST, cells_within(psf.radius(LOST), side))
    if isinstance(psf, CoreHaloPSF) and spaxels.degree > 0:
        description = coarsened(description, psf, spaxels)
    return reaching(description, reach)


def cells_within(radius: float, side: float) -> int:
    """Half-size of a kernel for light within a radius, of cells of a side."""
    return max(1, math.ceil(radius / side - 0.5))


def coarsened(description: dict[str, Any], psf: CoreHaloPSF, spaxels: AbstractSpaxels) -> dict[str, Any]:
    """The description of a core and a halo; with the halo on larger cells, where that makes the scene smaller.

    They are as large as show the halo to half a thousandth of the peak of both, and the kernels hold the light that one
    kernel would. Where the reach of a part is given nothing is changed.
    """
    if any("reach" in description[part] for part in ("core", "halo")):
        return description
    sides = [side / count for side, count in zip(spaxels.known_sides, spaxels.oversampling, strict=True)]
    share, lost = float(psf.share), LOST / 10
    beyond = (LOST - share * lost) / (1 - share) if share < 1 else 1.0
    faint, bright = (1 - share) * peak(psf.halo, spaxels), share * peak(psf.core, spaxels)
    across = HALO_CELLS * max(1.0, (2 * HALO_ERROR / LOST * faint / (faint + bright)) ** 0.2)
    coarse = math.floor(psf.halo.sharpest() / max(sides) / across)
    if coarse < 2 or beyond >= 1:
        return description
    near = cells_within(psf.core.radius(lost), min(sides))
    far = cells_within(psf.halo.radius(beyond), coarse * min(sides))
    reaches = {"core": min(FARTHEST, near), "halo": min(FARTHEST, far)}
    parts = {part: reaching(description[part], reach) for part, reach in reaches.items()}
    found = {**description, **parts, "kind": "coarse-halo", "coarse": coarse}
    smaller = module("psf", found, "psf").margin < cells_within(psf.radius(LOST), min(sides))
    return found if smaller else description


def peak(psf: AbstractKernelPSF, spaxels: AbstractSpaxels) -> float:
    """Share of the light of a star in the spaxel in whose middle it stands."""
    scene = dataclasses.replace(spaxels, oversampling=(1, 1)).scene
    return float(over_cells(psf.brightness, 0, scene)[0, 0])


def narrowed(description: Any, spaxels: AbstractSpaxels, plane: AbstractFocalPlane, *, given: bool) -> Any:
    """The description of a PSF; of a Gaussian no wider than a spaxel, that of one which is integrated over it.

    Where elements are no spaxels, of one that no number of cells would show. One of some width stays what it is where
    its reach or the cells are given, or light is put into the nearest cell.
    """
    if not isinstance(description, dict) or description.get("kind") != "gaussian":
        return description
    fwhm, asked = description.get("fwhm", math.inf), given or "reach" in description or spaxels.degree == 0
    widest = min(spaxels.known_sides) * (1 if plane.of_spaxels else READ[3] / MOST)
    if not is_number(fwhm) or not 0 <= fwhm <= (0 if asked else widest):
        return description
    return {key: value for key, value in description.items() if key != "reach"} | {"kind": "narrow-gaussian"}


def divided(
    spaxels: AbstractSpaxels, psf: AbstractPSF, plane: AbstractFocalPlane, *, asked: Degree | None = None
) -> list[AbstractSpaxels]:
    """The spaxels with as many cells as the narrowest part of a PSF needs, for splines of a degree, or of several.

    Behind footprints they are cubic or quartic where no degree is asked for.
    """
    footprint = narrowest(plane.footprint) if isinstance(plane, Aperture | FibreBundle) else None
    found = []
    for degree in (ENOUGH if footprint is None else (3, 4)) if asked is None else (asked,):
        width = psf.sharpest() if degree > 0 else math.inf
        if footprint is None:
            x, y = (cells(width / side, degree) for side in spaxels.known_sides)
        else:
            x, y = (cells_before(footprint, width, side, degree) for side in spaxels.known_sides)
        found.append(dataclasses.replace(spaxels, oversampling=(x, y), degree=degree))
    return found


def with_cells(
    spaxels: AbstractSpaxels, psf: AbstractPSF, plane: AbstractFocalPlane, *, asked: Degree | None = None
) -> AbstractSpaxels:
    """Those of them that take the least effort, with the reach that the PSF has."""
    return min(divided(spaxels, psf, plane, asked=asked), key=lambda some: effort(some, psf))


def effort(spaxels: AbstractSpaxels, psf: AbstractPSF) -> float:
    """What light on a scene costs, in proportion to its cells and a little more for what a particle touches."""
    return math.prod(spaxels.scene_shape(psf.margin)) * (1 + DEARER * spaxels.degree)


def cells(across: float, degree: Degree) -> int:
    """Cells to a spaxel for a full width at half maximum of so many spaxels; for lower degrees those for cubic ones."""
    one, two, more = ENOUGH[degree if degree > 3 else 3]
    across *= 1 + ROUNDING
    if across >= one:
        return 1
    return 2 if 2 * across >= two else min(MOST, max(3, math.ceil(more / across)))


def cells_before(footprint: float, width: float, side: float, degree: Degree) -> int:
    """Cells to a spaxel of a side, of a scene before footprints and behind a PSF of their widths [arcsec].

    For lower degrees those for cubic splines.
    """
    least = READ[degree if degree > 3 else 3] + STEEP * max(0.0, WIDE - footprint / width)
    most = footprint / HARD if math.isinf(width) else width / least
    return min(MOST, math.ceil(side / most))


def narrowest(footprint: AbstractFootprint) -> float:
    """The width of a footprint where it is narrow: of a circle its diameter [arcsec]."""
    wide = 2 * float(footprint.half_width())
    return min(wide, 4 / math.pi * float(footprint.area()) / wide)


def read_from(plane: AbstractFocalPlane, spaxels: AbstractSpaxels) -> dict[str, int]:
    """Cells beyond the field that the elements of a plane are read from, and nodes of the quadrature over them."""
    if not isinstance(plane, Aperture | FibreBundle):
        return {}
    scene = spaxels.scene
    points = np.asarray(plane.footprint.quadrature(3)[0])
    radius = max(np.hypot(*points.T).max(), float(plane.footprint.half_width()))
    reach = max(1, cells_beyond(plane.footprint, plane.seeing(scene), scene, spaxels.size) + BEYOND)
    return {"reach": reach, "nodes": math.ceil(radius / np.asarray(scene.sides).min()) + 2}


def reaching(description: dict[str, Any], reach: int) -> dict[str, Any]:
    """The description of a PSF with a reach, where it and any PSF inside it have one and do not say it."""
    known, found = parameters(KINDS["psf"][description["kind"]]), dict(description)
    if "reach" in known:
        found.setdefault("reach", reach)
    inner = {key: reaching(found[key], reach) for key in known if INSIDE.get(key) == "psf"}
    return {**found, **inner}


def interpolated(description: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    """The description of a chromatic PSF with the band of the channels, and terms and nodes enough."""
    found = dict(description)
    found.setdefault("band", [low, high])
    terms, nodes = module("psf", found, "psf").enough()
    found.setdefault("terms", terms)
    found.setdefault("nodes", nodes)
    return found
