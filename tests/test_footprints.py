"""What a footprint collects, against masks of fine pixels: its quadrature and the light of an aperture.

What it shares with spaxels is told by Shapely."""

from functools import cache

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import shapely
import stages
from shapely import affinity

from ifux import Aperture, Circle, Ellipse, Hexagon, Rectangle, RectangularSpaxels, Soft
from ifux.typing import real


def turned(east, north, angle):
    """Places in a frame that is turned north through east [degree]: to its own east and north."""
    sin, cos = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    return east * cos - north * sin, east * sin + north * cos


def in_ellipse(east, north, major, minor, angle):
    across, along = turned(east, north, angle)
    return (along / (major / 2)) ** 2 + (across / (minor / 2)) ** 2 < 1


def in_rectangle(east, north, width, height, angle):
    across, up = turned(east, north, angle)
    return (np.abs(across) < width / 2) & (np.abs(up) < height / 2)


def in_hexagon(east, north, across, angle):
    """Within three pairs of sides; a corner is in the direction of the angle."""
    sides = [turned(east, north, angle + 30 + 60 * k)[1] for k in range(3)]
    return np.max(np.abs(sides), axis=0) < across / 2


SHAPES = {
    "circle": (lambda: Circle(2.6), lambda e, n: np.hypot(e, n) < 1.3, np.pi * 1.3**2),
    "ellipse": (lambda: Ellipse(3.4, 1.9, 25.0), lambda e, n: in_ellipse(e, n, 3.4, 1.9, 25.0), np.pi / 4 * 3.4 * 1.9),
    "rectangle": (lambda: Rectangle(2.9, 1.4, -35.0), lambda e, n: in_rectangle(e, n, 2.9, 1.4, -35.0), 2.9 * 1.4),
    "slit": (lambda: Rectangle(0.8, 3.0), lambda e, n: in_rectangle(e, n, 0.8, 3.0, 0.0), 2.4),
    "hexagon": (lambda: Hexagon(2.4, 10.0), lambda e, n: in_hexagon(e, n, 2.4, 10.0), np.sqrt(3) / 2 * 2.4**2),
    "hexagon, upright": (lambda: Hexagon(2.4), lambda e, n: in_hexagon(e, n, 2.4, 0.0), np.sqrt(3) / 2 * 2.4**2),
}
"""A footprint as it is made, whether a place lies within, and its area by the formula."""

FINE, HALF = 0.004, 1.9
GRID = np.arange(-HALF + FINE / 2, HALF, FINE)
"""Fine pixels, and half of the square that holds every footprint [arcsec]."""


@cache
def inside(shape):
    """The mask of fine pixels: east grows along the second axis."""
    return SHAPES[shape][1](GRID[None, :], GRID[:, None])


@pytest.mark.parametrize("shape", SHAPES)
def test_quadrature_has_the_area_and_the_moments_of_the_mask(double, shape):
    make, _, area = SHAPES[shape]
    footprint, mask = make(), inside(shape)
    points, shares = (np.asarray(values) for values in footprint.quadrature(4))
    assert float(footprint.area()) == pytest.approx(area, rel=1e-13)
    assert mask.sum() * FINE**2 == pytest.approx(area, rel=2e-4)
    assert shares.sum() == pytest.approx(1, abs=1e-13) and np.all(shares > 0)
    east, north = np.meshgrid(GRID, GRID)
    for a, b in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 2), (4, 0), (1, 3)):
        expected = (east**a * north**b)[mask].mean()
        assert shares @ (points[:, 0] ** a * points[:, 1] ** b) == pytest.approx(expected, abs=5e-4), (a, b)


@pytest.mark.parametrize("shape", SHAPES)
def test_footprint_is_as_wide_as_its_outline(double, shape):
    west, _, east, _ = outline(shape).bounds
    footprint = SHAPES[shape][0]()
    assert float(footprint.half_width()) == pytest.approx((east - west) / 2, rel=1e-6)
    assert float(footprint.radius()) == pytest.approx(np.hypot(*np.array(outline(shape).exterior.xy)).max(), rel=1e-6)


# --- the areas that footprints share with spaxels ---------------------------------------------------------------------

PITCH = (0.9, 0.6)
"""Of the spaxels [arcsec]."""


def outline(shape):
    """The polygon that Shapely draws: a circle with four thousand sides, which lack a millionth of its area."""
    footprint, corners = SHAPES[shape][0](), [(np.sin(a), np.cos(a)) for a in np.pi / 3 * np.arange(6)]
    match footprint:
        case Circle():
            drawn = affinity.scale(ROUND, footprint.diameter / 2, footprint.diameter / 2)
        case Ellipse():
            drawn = affinity.scale(ROUND, footprint.minor / 2, footprint.major / 2)
        case Rectangle():
            drawn = affinity.scale(shapely.box(-0.5, -0.5, 0.5, 0.5), footprint.width, footprint.height)
        case Hexagon():
            drawn = affinity.scale(shapely.Polygon(corners), *[footprint.across / np.sqrt(3)] * 2)
    return affinity.rotate(drawn, -float(getattr(footprint, "angle", 0.0)), origin=(0, 0))


ROUND = shapely.Point(0, 0).buffer(1, quad_segs=1024)


def offsets():
    """Of footprints from spaxels: anywhere, in the middle, and where sides of a slit lie on sides of a spaxel."""
    anywhere = np.random.default_rng(3).uniform(-2.0, 2.0, (60, 2))
    return np.concatenate([anywhere, [[0, 0], [0.05, 0], [-0.05, 1.2], [0.85, 0], [0.85, 1.8], [0, 1.8], [5, 5]]])


@eqx.filter_jit
def areas(footprint, offsets, pitch):
    return footprint.shared_area(offsets[:, 0], offsets[:, 1], pitch)


@pytest.mark.parametrize("shape", SHAPES)
def test_area_shared_with_a_spaxel_is_that_of_shapely(bits, shape):
    """And exactly nothing where they do not touch."""
    found = np.asarray(areas(SHAPES[shape][0](), real(offsets()), real(PITCH)))
    spaxel, drawn = shapely.box(-PITCH[0] / 2, -PITCH[1] / 2, PITCH[0] / 2, PITCH[1] / 2), outline(shape)
    placed = [affinity.translate(drawn, *offset) for offset in offsets()]
    expected = np.array([spaxel.intersection(one).area for one in placed])
    assert np.allclose(found, expected, rtol=0, atol=1e-5 * PITCH[0] * PITCH[1])
    apart = np.array([spaxel.distance(one) for one in placed]) > 1e-5
    assert apart.any() and np.all(found[apart] == 0) and np.all(found >= 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_shared_areas_have_the_derivatives_of_finite_differences(double, shape):
    """In every number: of the footprint, of its place and of the spaxel."""
    given = SHAPES[shape][0](), real(offsets()[:60]), real(PITCH)
    flat, unflatten = jax.flatten_util.ravel_pytree(given)
    function = jax.jit(lambda flat: areas(*unflatten(flat)))
    slopes, step = jax.jit(jax.jacrev(function))(flat), 1e-6
    for entry, slope in enumerate(np.asarray(slopes).T):
        moved = step * np.eye(flat.size)[entry]
        different = np.asarray(function(flat + moved) - function(flat - moved)) / (2 * step)
        assert np.allclose(slope, different, rtol=0, atol=1e-6), entry


# --- the light of an aperture -----------------------------------------------------------------------------------------

BLOBS = np.array([[0.4, -0.7, 1.0, 0.65], [-1.1, 0.3, 0.6, 0.8], [1.6, 1.2, 0.8, 0.7], [-0.2, 1.4, 0.5, 1.1]])
"""East, north, light and standard deviation of the Gaussians of a scene [arcsec]."""


def field():
    return RectangularSpaxels((0.5, 0.6), (12, 11), oversampling=(2, 2))


def cells(margin):
    """The integrals of the Gaussians over the cells."""
    tall, wide = field().scene_shape(margin)
    maps = np.zeros((1, tall, wide, 1))
    for east, north, light, sigma in BLOBS:
        x = (0.5 * wide - np.arange(wide + 1)) * 0.25 - east
        y = (np.arange(tall + 1) - 0.5 * tall) * 0.3 - north
        below_x, below_y = (scipy.special.erf(edges / sigma / np.sqrt(2)) / 2 for edges in (x, y))
        maps[0, :, :, 0] += light * np.outer(np.diff(below_y), -np.diff(below_x))
    return maps


def numerical(shape, centre, softness):
    """The integral over the mask; a soft edge is the same as a scene that is blurred by it."""
    east, north = GRID[None, :] + centre[0], GRID[:, None] + centre[1]
    mask, total = inside(shape), 0.0
    for e, n, light, sigma in BLOBS:
        variance = sigma**2 + softness**2
        profile = np.exp(-((east - e) ** 2) / 2 / variance) * np.exp(-((north - n) ** 2) / 2 / variance)
        total += light * (profile * mask).sum() * FINE**2 / (2 * np.pi * variance)
    return total


@eqx.filter_jit
def collected(plane, maps, scene):
    return plane.sample(maps, scene, None)


@pytest.mark.parametrize("softness", [None, 0.3], ids=["hard", "soft"])
@pytest.mark.parametrize("shape", SHAPES)
def test_light_of_an_aperture_is_that_of_a_numerical_integral(bits, shape, softness):
    """To a ten-thousandth, off the centre and turned, hard and soft, on cells that are rectangles."""
    footprint = SHAPES[shape][0]()
    footprint = footprint if softness is None else Soft(footprint, softness)
    for centre in ((0.0, 0.0), (-0.77, 0.93)):
        plane = Aperture(footprint, centre)
        found = float(collected(plane, real(cells(plane.margin)), field().scene)[0, 0, 0, 0])
        assert found == pytest.approx(numerical(shape, centre, softness or 0.0), rel=1e-4)


@pytest.mark.parametrize("name", stages.FOOTPRINTS)
def test_cube_of_an_aperture_sums_to_its_light(bits, name):
    """To rounding; its variance is that of one number."""
    plane = Aperture(stages.FOOTPRINTS[name](), (0.2, -0.15))
    scene = stages.SPAXELS["rectangular"]().scene
    spectrum = real(np.linspace(1.0, 3.0, 5)[None, None])
    cube = np.asarray(plane.rebuild(spectrum, scene, stages.OBSERVED))
    assert np.nansum(cube, axis=(0, 1)) == pytest.approx(np.asarray(spectrum)[0, 0], rel=2e-6 if bits == 32 else 1e-12)
    variance = np.asarray(plane.rebuild_variance(spectrum**2, scene, stages.OBSERVED))
    assert np.allclose(np.sqrt(variance), cube, rtol=1e-5, equal_nan=True)
    dark = np.isnan(cube)
    assert dark.any() and not dark.all() and np.array_equal(dark, np.isnan(variance))


def test_soft_edge_falls_as_its_width_says(double):
    """A strip of light with an edge as blurred as that of a long slit, and half a slit, less or more of it."""
    footprint = Soft(Rectangle(4.0, 40.0), 0.4)
    points, shares = (np.asarray(values) for values in footprint.quadrature(40))
    across = (np.arange(4000) + 0.5) / 1000 - 2
    for begins in (0.0, 1.6, 2.0, 2.4):
        light = scipy.special.ndtr((points[:, 0] - begins) / 0.4)
        expected = scipy.special.ndtr((across - begins) / np.hypot(0.4, 0.4)).mean()
        assert shares @ light == pytest.approx(expected, abs=1e-4), begins


def test_hard_footprint_is_the_limit_of_a_soft_one(double):
    hard, soft = Aperture(Circle(2.0)), Aperture(Soft(Circle(2.0), 0.0))
    maps, scene = real(cells(8)), field().scene
    assert np.allclose(collected(hard, maps, scene), collected(soft, maps, scene), rtol=1e-13)
    slope = jax.grad(lambda width: soft_light(width, maps, scene))(real(0.0))
    assert np.isfinite(slope)


@jax.jit
def soft_light(width, maps, scene):
    return jnp.sum(Aperture(Soft(Circle(2.0), width)).sample(maps, scene, None))
