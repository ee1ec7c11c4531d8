"""A slicer that drizzles: what its pixels see, how they become spaxels, and how alike the noise of those is.

The oracle turns rectangles by rotation matrices, integrates over them by quadrature and clips them one by one.
"""

import json
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from scipy.special import ndtr

from ifux import AtmosphericRefraction, DrizzledSlicer, Scene, Slicer, Wavelengths
from ifux.config.build import module
from ifux.config.document import completed
from ifux.covariance import CubeCovariance
from ifux.focal_plane import drizzled_slicer
from ifux.numerics.intervals import integrals, overlaps
from ifux.typing import real

WAVES = Wavelengths(5000.0, 1.25, 3, "air")

collect = eqx.filter_jit(lambda plane, maps, field, seen_at=None: plane.sample(maps, field, seen_at))
rebuilt = eqx.filter_jit(lambda plane, elements, field, channels=WAVES: plane.rebuild(elements, field, channels))
variances = eqx.filter_jit(
    lambda plane, variance, field, channels=WAVES: plane.rebuild_variance(variance, field, channels)
)
product = eqx.filter_jit(
    lambda plane, variance, vector, field, channels=WAVES: CubeCovariance(plane, field, channels, variance).matvec(
        vector
    )
)
taken = eqx.filter_jit(lambda plane, field, wave=5000.0: plane.matrix(field, wave))


def scene(oversampling=(1, 1), pitch=(0.31, 0.27), shape=(8, 7)):
    """Spaxels that are no squares, on a field that is turned."""
    return Scene(real(pitch) / np.asarray(oversampling, real(0).dtype), real(20.0), oversampling, 3, shape)


def slicer(**given):
    """Exposures turned by any number of quarters, with pixels of another size than spaxels, some beside the field."""
    dithers = ((0.0, 0.0), (0.13, -0.21), (-0.05, 0.11), (0.41, 0.3))
    usual = {
        "size": (9, 6),
        "pitch": (0.23, 0.37),
        "drop": (0.8, 0.7),
        "dithers": dithers,
        "quarter_turns": (0, 1, 2, 3),
    }
    return DrizzledSlicer(**usual | given)


def centres(plane):
    """Of every pixel in every exposure, east and north, and its sides along them: by rotation."""
    (wide, tall), (across, up) = plane.size, np.asarray(plane.pitch, np.float64)
    found = []
    for dither, quarters in zip(np.asarray(plane.dithers, np.float64), plane.turns(), strict=True):
        angle = np.pi / 2 * quarters
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        for row in range(tall):
            for column in range(wide):
                own = np.array([((wide - 1) / 2 - column) * across, (row - (tall - 1) / 2) * up])
                found.append((turn @ own + dither, np.abs(turn @ [across, up]), np.abs(turn @ np.asarray(plane.drop))))
    return found


def light(field, sigma, middle=(0.2, -0.1), margin=8):
    """Integrals over cells of a Gaussian."""
    tall, wide = (size * cells + 2 * margin for size, cells in zip(field.shape, field.oversampling[::-1], strict=True))
    across, up = np.asarray(field.sides, np.float64)
    west, north = (np.arange(wide + 1) - wide / 2) * across, (np.arange(tall + 1) - tall / 2) * up
    columns, rows = np.diff(ndtr((west + middle[0]) / sigma)), np.diff(ndtr((north - middle[1]) / sigma))
    return real((rows[:, None] * columns[None, :])[None, :, :, None])


def weights(plane, field, working=None):
    """What spaxels take of the elements: rectangles are clipped one by one."""
    (tall, wide), (across, up) = field.shape, np.asarray(field.pitch, np.float64)
    found = np.zeros((tall, wide, len(centres(plane))))
    for y in range(tall):
        for x in range(wide):
            place = np.array([((wide - 1) / 2 - x) * across, (y - (tall - 1) / 2) * up])
            for element, (middle, sides, drop) in enumerate(centres(plane)):
                half, reach = np.array([across, up]) / 2, sides * drop / 2
                shared = np.minimum(place + half, middle + reach) - np.maximum(place - half, middle - reach)
                found[y, x, element] = np.prod(np.maximum(shared, 0))
    found *= 1 if working is None else working
    total = found.sum(axis=2, keepdims=True)
    return (
        across * up / float(np.prod(np.asarray(plane.pitch, np.float64))) * found / np.where(total > 0, total, np.nan)
    )


# --- what pixels see --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("oversampling", [(1, 1), (2, 3)])
def test_undithered_pixels_as_large_as_spaxels_are_the_slicer(bits, oversampling):
    field = scene(oversampling)
    plane = DrizzledSlicer(field.shape[::-1], field.pitch)
    (x, y), rng = oversampling, np.random.default_rng(1)
    maps = real(rng.uniform(1, 2, (2, field.shape[0] * y + 16, field.shape[1] * x + 16, 3)))
    elements = collect(plane, maps, field)
    spaxels = Slicer().sample(maps[:, 8:-8, 8:-8], field, None)
    close = {"rtol": 3e-6 if bits == 32 else 1e-13, "atol": 0}
    assert np.allclose(elements.reshape(spaxels.shape), spaxels, **close)
    for made in (rebuilt, variances):
        assert np.allclose(made(plane, elements[0], field), spaxels[0], **close)
    assert np.allclose(taken(plane, field).reshape(56, 56), np.eye(56), rtol=0, atol=close["rtol"])


def test_pixels_see_what_falls_on_their_rectangles(double):
    """By the quadrature of Gauss, at the fourth order in the cells of the scene."""
    plane, sigma, middle, errors = slicer(), 0.4, np.array([0.2, -0.1]), []
    at, share = np.polynomial.legendre.leggauss(8)
    points = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2) / 2
    shares = np.outer(share, share).reshape(-1) / 4
    expected = []
    for place, sides, _ in centres(plane):
        away = place + points * sides - middle
        expected.append(np.prod(sides) * shares @ np.exp(-0.5 * (away**2).sum(1) / sigma**2) / (2 * np.pi * sigma**2))
    for cells in (1, 2):
        field = scene((cells, cells))
        found = np.asarray(collect(plane, light(field, sigma), field)).reshape(-1)
        errors.append(np.abs(found - expected).max() / max(expected))
    assert errors[0] < 4e-3 and errors[1] < errors[0] / 12
    assert np.allclose(plane.places(field).reshape(-1, 2), [place for place, _, _ in centres(plane)], atol=1e-13)


def test_light_of_errors_of_pointing_comes_from_where_they_look(double):
    moved = np.array([[0.1, 0.0], [0.0, 0.2], [-0.1, 0.1], [0.3, 0.0]])
    plane, field = slicer(errors=moved), scene()
    known = slicer(dithers=np.asarray(plane.dithers) + moved)
    maps = light(field, 0.35)
    assert np.allclose(collect(plane, maps, field), collect(known, maps, field), rtol=0, atol=1e-14)
    assert np.array_equal(taken(plane, field), taken(slicer(), field))


def test_intervals_are_split_without_loss(bits):
    """Of neighbouring intervals, and of what they share with cells."""
    middle = real([2.2, 3.0, 4.9])
    whole = integrals(real(3.6), real(3.8), 9), overlaps(real(3.6), real(3.8), 9) * 3.8
    parts = [
        (function(at, width, 9), width)
        for at, width in ((real(2.2), real(1.0)), (real(4.1), real(2.8)))
        for function in (integrals, overlaps)
    ]
    assert np.allclose(parts[0][0] + parts[2][0], whole[0], rtol=0, atol=1e-6 if bits == 32 else 1e-14)
    assert np.allclose(parts[1][0] * 1.0 + parts[3][0] * 2.8, whole[1], rtol=0, atol=1e-6 if bits == 32 else 1e-14)
    assert np.allclose(overlaps(middle, real(0.7), 9).sum(axis=1), 1, rtol=0, atol=1e-6)


# --- how they become spaxels ------------------------------------------------------------------------------------------


def test_drops_fall_on_the_spaxels_below_them(double):
    plane, field = slicer(), scene()
    expected = weights(plane, field)
    assert np.isnan(weights(slicer(size=(4, 3)), field)).any()
    found = taken(plane, field).reshape(expected.shape)
    assert np.allclose(found, np.nan_to_num(expected), rtol=0, atol=1e-13)
    rng = np.random.default_rng(2)
    elements, variance = rng.normal(size=(4, 54, 3)), rng.uniform(1, 2, (4, 54, 3))
    cube = rebuilt(plane, real(elements), field)
    assert np.allclose(cube, expected @ elements.reshape(-1, 3), atol=1e-12, equal_nan=True)
    squares = variances(plane, real(variance), field)
    assert np.allclose(squares, expected**2 @ variance.reshape(-1, 3), atol=1e-12, equal_nan=True)
    vector = rng.normal(size=cube.shape)
    times = product(plane, real(variance), real(vector), field)
    matrix = np.nan_to_num(expected).reshape(-1, 216)
    for channel in range(3):
        covariance = matrix * variance[..., channel].reshape(-1) @ matrix.T
        assert np.allclose(times[..., channel].reshape(-1), covariance @ vector[..., channel].reshape(-1), atol=1e-12)
        assert np.allclose(np.nan_to_num(squares[..., channel].reshape(-1)), np.diag(covariance), atol=1e-12)


def test_spaxels_that_no_drop_reaches_are_not_a_number(bits):
    """Nor are those beside a field that ends with them, which rounding lets drops reach."""
    field = scene(shape=(8, 9))
    plane = DrizzledSlicer((5, 4), field.pitch)
    cube = np.asarray(rebuilt(plane, jnp.ones((1, 20, 3)), field))
    assert np.isfinite(cube[2:-2, 2:-2]).all() and np.isfinite(cube).sum() == 60
    assert np.array_equal(np.asarray(taken(plane, field)).any(axis=(2, 3)), np.isfinite(cube[..., 0]))


def test_elements_that_are_not_numbers_have_no_part(double):
    """One in a channel, and a channel that none has; nor in a gradient."""
    plane, field, rng = slicer(), scene(), np.random.default_rng(3)
    elements = rng.normal(size=(4, 54, 3))
    elements[1, 20, 0] = elements[:, :, 2] = np.nan
    working = np.ones(216)
    working[54 + 20] = 0
    cube, pull = jax.vjp(lambda given: rebuilt(plane, given, field), real(elements))
    flat = np.nan_to_num(elements).reshape(-1, 3)
    assert np.allclose(cube[..., 0], weights(plane, field, working) @ flat[:, 0], atol=1e-12, equal_nan=True)
    assert np.allclose(cube[..., 1], weights(plane, field) @ flat[:, 1], atol=1e-12, equal_nan=True)
    assert np.isnan(cube[..., 2]).all() and np.isfinite(pull(jnp.ones_like(cube))[0]).all()


def test_even_sky_stays_even(bits):
    plane, field = slicer(), scene((2, 1))
    elements = collect(plane, jnp.ones((1, 24, 30, 3)), field)
    within = 4e-6 if bits == 32 else 1e-13
    seen = np.abs(np.asarray(plane.places(field))).max(axis=-1) < 1.2
    assert np.allclose(elements[0][seen], plane.element_area(field) / np.prod(field.sides), rtol=within, atol=0)
    cube = rebuilt(plane, jnp.full((4, 54, 3), plane.element_area(field)), field)
    assert np.isfinite(cube).mean() > 0.9
    assert np.allclose(cube[np.isfinite(cube)], np.prod(field.pitch), rtol=within, atol=0)


def test_light_of_a_star_is_kept(double):
    """Where dithers lay drops as thickly everywhere; a lone exposure counts what lies between its drops as beside."""
    field = Scene(real([0.2, 0.2]), real(0.0), (1, 1), 3, (20, 20))
    phase = np.array([-0.075, -0.025, 0.025, 0.075])
    dithers = np.stack(np.meshgrid(phase, phase), axis=-1).reshape(-1, 2)
    plane = DrizzledSlicer((24, 24), (0.2, 0.2), (0.8, 0.8), dithers)
    elements = collect(plane, light(field, 0.3), field)[0]
    cube = rebuilt(plane, elements, field, Wavelengths(5000.0, 1.25, 1, "air"))
    assert float(cube.sum()) == pytest.approx(1, abs=1e-5)


def test_collecting_and_rebuilding_have_their_adjoints(double):
    plane, field, rng = slicer(), scene((2, 1)), np.random.default_rng(4)
    maps, elements = real(rng.normal(size=(1, 24, 30, 3))), real(rng.normal(size=(4, 54, 3)))
    cube = real(rng.normal(size=(*field.shape, 3)))
    seen, pull = jax.vjp(lambda given: collect(plane, given, field)[0], maps)
    assert float(jnp.vdot(seen, elements)) == pytest.approx(float(jnp.vdot(maps, pull(elements)[0])), rel=1e-12)
    made, pull = jax.vjp(lambda given: rebuilt(plane, given, field), elements)
    cube, made = jnp.where(jnp.isnan(made), 0, cube), jnp.where(jnp.isnan(made), 0, made)
    assert float(jnp.vdot(made, cube)) == pytest.approx(float(jnp.vdot(elements, pull(cube)[0])), rel=1e-12)


def test_gradients_are_those_of_finite_differences(double):
    """Where no end of a drop is as near that of a spaxel as the step is long."""
    field, step = scene(), 1e-6
    plane = slicer(errors=np.full((4, 2), 0.02), dithers=((0.01, 0.02), (0.13, -0.21), (-0.05, 0.11), (0.41, 0.3)))
    maps = light(field, 0.35)

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def scalar(plane):
        cube = plane.rebuild(collect(plane, maps, field)[0], field, Wavelengths(5000.0, 1.25, 1, "air"))
        return jnp.sum(jnp.where(jnp.isnan(cube), 0, cube) ** 2) * 100

    for name in ("pitch", "drop", "dithers", "errors"):
        leaf = getattr(plane, name)
        along = real(np.random.default_rng(5).normal(size=leaf.shape))
        moved = [replace(plane, **{name: leaf + sign * step * along}) for sign in (1, -1)]
        above, below = (float(scalar(one)[0]) for one in moved)
        slope = float(jnp.vdot(getattr(scalar(plane)[1], name), along))
        assert slope != 0 and slope == pytest.approx((above - below) / (2 * step), rel=1e-6), name


def test_refracted_light_is_put_where_it_comes_from(double):
    """Pixels look elsewhere at every wavelength, and reconstruction knows."""
    wave = np.array([4800.0, 5600.0])
    refraction = AtmosphericRefraction((35.0, 50.0, 40.0, 10.0), (10.0, 80.0, 200.0, -60.0), wavelengths=tuple(wave))
    plane, field = slicer(refraction=refraction), scene()
    moved, angle = np.asarray(refraction.displacement(wave)), np.radians(20.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    maps = light(field, 0.35)
    found = collect(plane, maps, field, plane.moves_at)
    channels = Wavelengths(4700.0, 500.0, 3, "air")
    cube = rebuilt(plane, jnp.concatenate([found[0], found[0], found[1]], axis=-1), field, channels)
    for node in range(2):
        there = slicer(dithers=np.asarray(plane.dithers) - moved[node] @ turn.T)
        assert np.allclose(found[node], collect(there, maps, field)[0], rtol=0, atol=1e-13)
        assert np.allclose(taken(plane, field, float(wave[node])), taken(there, field), rtol=0, atol=1e-12)
        expected = jnp.einsum("yxep,ep->yx", taken(plane, field, float(wave[node])), found[node, ..., 0])
        last = cube[..., 2 * node]
        assert np.allclose(np.nan_to_num(last), expected, rtol=0, atol=1e-13)
    assert collect(plane, maps[:, :, :, [0, 0]], field, plane.moves_at).shape == (2, 4, 54, 2)


# --- how alike their noise is -----------------------------------------------------------------------------------------


def test_covariance_is_that_of_many_exposures(double):
    """Each channel is a draw. The scatter of an entry is that of normal numbers."""
    draws, field, rng = 4000, scene(), np.random.default_rng(6)
    plane = slicer(size=(11, 7))
    variance = rng.uniform(0.5, 2, (4, 77))
    elements = rng.normal(size=(4, 77, draws)) * np.sqrt(variance)[..., None]
    cube = np.asarray(plane.rebuild(real(elements), field, Wavelengths(5000.0, 1.0, draws, "air"))).reshape(56, -1)
    matrix = np.asarray(taken(plane, field)).reshape(56, -1)
    expected = matrix * variance.reshape(-1) @ matrix.T
    found = cube @ cube.T / draws
    scatter = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / draws)
    assert 0.9 < np.sqrt(np.mean(((found - expected) / scatter) ** 2)) < 1.1
    near = expected > 0.2 * np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert near.sum() > 2 * 56 and np.mean(found[near] / expected[near]) == pytest.approx(1, abs=0.01)


@eqx.filter_jit
def middle(plane, field):
    """Of a spaxel in the middle the covariance with all, and the variance."""
    ones, one = jnp.ones((*plane.element_shape(field), 1)), Wavelengths(5000.0, 1.0, 1, "air")
    covariance = product(plane, ones, jnp.ones((*field.shape, 1)), field, one)
    return covariance[4, 4, 0], plane.rebuild_variance(ones, field, one)[4, 4, 0]


@pytest.mark.parametrize(("drop", "spaxel"), [(0.8, 1.0), (1.0, 1.0), (0.6, 0.5), (1.0, 0.5)])
def test_noise_of_many_spaxels_over_what_their_variances_tell_is_that_of_fruchter_and_hook(double, drop, spaxel):
    """Equations 9 and 10 of Fruchter & Hook (2002), PASP 114, 144: dithers that fill a pixel evenly."""
    steps = 40
    phase = (np.arange(steps) + 0.5) / steps
    dithers = np.stack(np.meshgrid(phase, phase), axis=-1).reshape(-1, 2)
    plane = DrizzledSlicer((8, 8), (1.0, 1.0), (drop, drop), dithers)
    field = Scene(real([spaxel, spaxel]), real(0.0), (1, 1), 3, (9, 9))
    together, alone = middle(plane, field)
    ratio = drop / spaxel
    expected = ratio / (1 - 1 / (3 * ratio)) if ratio >= 1 else 1 / (1 - ratio / 3)
    assert np.sqrt(together / alone) == pytest.approx(expected, rel=2e-3)


def muse_wide(wave):
    """Noise of a voxel over that of a pixel in a cube that the MUSE pipeline has made of random numbers.

    Of MUSE-Wide: Urrutia et al. (2019), A&A 624, A141, section 3.2.4, by the polynomial of `comp_bgrstat.py` of
    astrobellatrix/muse-functions.
    """
    return 5.57934039e-01 - 2.11008327e-06 * (wave - 7000) + 2.24603677e-10 * (wave - 7000) ** 2


def test_noise_of_a_voxel_of_muse(double):
    """One exposure with drops of 0.8 on spaxels as large as pixels.

    That is what the pipeline takes along the sky and along the wavelength if nobody says other (`--pixfrac` of
    muse_scipost, "0.8,0.8", in the documentation of its version 2.8.7).

    Two dimensions leave 0.733 of the noise of a pixel in a spaxel, rms over all places of the grids. Along the
    wavelength the pipeline drizzles as well, which is not in a `DrizzledSlicer`; by the same overlaps it leaves 0.856
    of that, in all 0.628. Where grids meet the noise is less, and greater elsewhere, so that half of the voxels lie
    nearer to zero than those of a normal distribution: by their quartiles, as MUSE-Wide measures it, it is 0.586.
    MUSE-Wide finds 0.554 to 0.564, in a cube whose voxels are drizzled along all three axes: 4 to 6 per cent are left.
    """
    rng, field = np.random.default_rng(7), Scene(real([0.2, 0.2]), real(0.0), (1, 1), 3, (4, 4))
    one = Wavelengths(5000.0, 1.25, 1, "air")

    @eqx.filter_jit
    @jax.vmap
    def spaxel(dither):
        plane = DrizzledSlicer((8, 8), (0.2, 0.2), (0.8, 0.8), dither[None])
        return plane.rebuild_variance(jnp.ones((1, 64, 1)), field, one)[2, 2, 0]

    variance = np.asarray(spaxel(real(rng.uniform(-0.1, 0.1, (20_000, 2)))))
    assert np.sqrt(variance.mean()) == pytest.approx(1 - 0.8 / 3, rel=5e-3)
    shares = np.asarray(overlaps(real(rng.uniform(-0.5, 0.5, (20_000, 1)) + np.arange(5)), real(0.8), 5))[:, :, 2]
    along = (shares**2).sum(axis=1) / shares.sum(axis=1) ** 2
    assert np.sqrt(variance.mean() * along.mean()) == pytest.approx((1 - 0.8 / 3) ** 1.5, rel=5e-3)
    noise = np.sqrt(variance * along) * rng.normal(size=20_000)
    quartiles = 0.7413 * np.subtract(*np.percentile(noise, [75, 25]))
    assert quartiles == pytest.approx(0.586, rel=0.02)
    for wave in (4750.0, 7000.0, 9300.0):
        assert quartiles == pytest.approx(muse_wide(wave), rel=0.06)


# --- in a telescope ---------------------------------------------------------------------------------------------------


def test_telescope_drizzles_its_noisy_elements(double):
    dithers = ((0.0, 0.0), (0.2, 0.1), (0.1, -0.2))
    plane = DrizzledSlicer((12, 12), (0.4, 0.4), (0.8, 0.8), dithers, quarter_turns=(0, 1, 2))
    telescope = stages.telescope(focal_plane=plane, noise=stages.exposure())
    elements = eqx.filter_jit(telescope.expose)(stages.particles(spread=0.15))
    assert elements.shape == (3, 144, stages.OBSERVED.size)

    @eqx.filter_jit
    def noisy(telescope, elements):
        away = telescope.rebuild(telescope.noise.sample(elements, key=jax.random.key(0))) - telescope.rebuild(elements)
        return away / jnp.sqrt(telescope.rebuild_variance(telescope.noise.variance(elements)))

    assert float(jnp.std(noisy(telescope, elements))) == pytest.approx(1, abs=0.03)


def test_description_makes_the_slicer_that_one_would_write(double):
    described = {"kind": "drizzled-slicer", "size": [9, 6], "pitch": [0.23, 0.37], "drop": [0.8, 0.7]}
    described |= {"dithers": [[0, 0], [0.13, -0.21], [-0.05, 0.11], [0.41, 0.3]], "quarter_turns": [0, 1, 2, 3]}
    whole = completed("focal_plane", described)
    assert json.loads(json.dumps(whole)) == whole
    for given in (described, whole):
        assert eqx.tree_equal(module("focal_plane", given, "focal_plane"), slicer(), typematch=True)
    assert eqx.tree_equal(drizzled_slicer((3, 2), (0.2, 0.3)), DrizzledSlicer((3, 2), (0.2, 0.3)), typematch=True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"quarter_turns": (0, 1)}, "DrizzledSlicer.quarter_turns has 2 entries, but there are 4 dithers"),
        ({"errors": ((0.0, 0.0),)}, "DrizzledSlicer.errors has 1 entries, but there are 4 dithers"),
        ({"drop": (0.0, 1.0)}, "DrizzledSlicer.drop: .* is not greater than zero"),
        ({"size": (0, 3)}, "DrizzledSlicer.size: .* is below one"),
    ],
)
def test_what_cannot_be_is_told(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        slicer(**given)
