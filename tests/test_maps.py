"""True maps are the moments of the particles in each spaxel."""

import equinox as eqx
import jax
import numpy as np
import pytest
from stages import particles, telescope

from ifux import EulerOrientation, Particles, SquareSpaxels
from ifux import maps as module
from ifux.maps import UNITS

true_maps = eqx.filter_jit(module.true_maps)
covered = eqx.filter_jit(lambda instrument, stars: instrument.coverage(stars))


@eqx.filter_jit
def shining(instrument, stars):
    """Particles on the sky, and their light."""
    seen = instrument.project(stars)
    return seen, instrument.ssp.luminosity(seen)


def nearest():
    """Spaxels that each star falls into one of."""
    return SquareSpaxels(0.4, (9, 8), degree=0)


def numpy_moments(instrument, stars, chosen=slice(None)):
    """Light-weighted moments of some of the stars, in double precision: [km/s], [km/s], [Gyr], mass fraction."""
    seen, light = shining(instrument, stars)
    light, velocity, age, metallicity = (
        np.asarray(values, np.float64)[chosen] for values in (light, seen.velocity, seen.age, seen.metallicity)
    )
    mean = np.average(velocity, weights=light)
    spread = np.sqrt(np.average((velocity - mean) ** 2, weights=light))
    return mean, spread, np.average(age, weights=light), np.average(metallicity, weights=light)


def test_map_names_are_those_with_units():
    assert set(jax.eval_shape(module.true_maps, telescope(), particles())) == set(UNITS)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_mass_map_sums_to_the_mass_in_the_field(bits, degree):
    instrument = telescope(spaxels=SquareSpaxels(0.4, (9, 8), degree=degree))
    stars = particles(300)
    mass = true_maps(instrument, stars)["MASS"]
    inside = float(covered(instrument, stars).field)
    assert 0.3 < inside < 1
    assert mass.shape == (8, 9)
    assert float(mass.sum()) == pytest.approx(inside * float(stars.mass.sum()), rel=1e-5)


@pytest.mark.parametrize("degree", [4, 5])
def test_maps_are_no_wider_for_splines_that_a_psf_makes_up_for(double, degree):
    """They are those of cubic ones on cells of half the side: of a star, within a spaxel and a half of it."""
    instrument, stars = telescope(spaxels=SquareSpaxels(0.4, (9, 8), degree=degree)), particles(1, spread=0.0)
    cubic = telescope(spaxels=SquareSpaxels(0.4, (9, 8), oversampling=(2, 2)))
    found, expected = true_maps(instrument, stars), true_maps(cubic, stars)
    for name, image in found.items():
        assert np.array_equal(image, expected[name], equal_nan=True)
    y, x = np.nonzero(np.asarray(found["MASS"]))
    assert np.abs(x - 4).max() <= 1 and np.abs(y - 3.5).max() <= 1.5


def test_moments_of_one_spaxel_are_those_of_its_light(bits):
    stars = particles(200)
    instrument = telescope(spaxels=SquareSpaxels(100.0, (1, 1), degree=0))
    maps = true_maps(instrument, stars)
    for name, truth in zip(
        ("VELOCITY", "DISPERSION", "AGE", "METALLICITY"), numpy_moments(instrument, stars), strict=True
    ):
        assert float(maps[name][0, 0]) == pytest.approx(truth, rel=2e-5, abs=1e-3), name


def test_each_spaxel_has_the_moments_of_its_own_stars(double):
    stars = particles(500)
    instrument = telescope(spaxels=nearest())
    maps = true_maps(instrument, stars)
    stencil = nearest().locate(instrument.project(stars), 0)
    place = np.where(stencil.total() > 0, stencil.index[:, 0], -1)
    for spaxel in np.unique(place[place >= 0])[::5]:
        y, x = divmod(int(spaxel), 9)
        mean, spread, age, metallicity = numpy_moments(instrument, stars, place == spaxel)
        assert maps["VELOCITY"][y, x] == pytest.approx(mean, rel=1e-9)
        assert maps["DISPERSION"][y, x] == pytest.approx(spread, rel=1e-6, abs=1e-4)
        assert maps["AGE"][y, x] == pytest.approx(age) and maps["METALLICITY"][y, x] == pytest.approx(metallicity)


def test_dispersion_of_a_single_fast_star_is_small_in_single_precision():
    """The variance is a difference of large numbers: at 500 km/s it is right to half a km/s."""
    star = Particles(np.zeros((1, 3)), [[0, 0, 500.0]], [1e6], [3.0], [0.01])
    maps = true_maps(telescope(spaxels=nearest(), orientation=EulerOrientation()), star)
    assert np.nanmax(maps["DISPERSION"]) < 0.5
    assert np.nanmax(maps["VELOCITY"]) == pytest.approx(500, rel=1e-5)


def test_dark_spaxels_have_no_mean():
    star = Particles(np.zeros((1, 3)), [[0, 0, 100.0]], [1e6], [3.0], [0.01])
    maps = true_maps(telescope(spaxels=nearest(), orientation=EulerOrientation()), star)
    dark = np.asarray(maps["MASS"]) == 0
    assert dark.sum() == 8 * 9 - 1
    for name in ("VELOCITY", "DISPERSION", "AGE", "METALLICITY"):
        assert np.array_equal(np.isnan(maps[name]), dark), name


def test_maps_do_not_depend_on_the_blocks(double):
    stars = particles(100)
    whole, parts = (true_maps(telescope(), stars, block=block) for block in (1000, 7))
    for name in UNITS:
        np.testing.assert_allclose(whole[name], parts[name], rtol=1e-9, atol=1e-6)


def test_velocity_map_recedes_on_the_position_angle():
    """A ring that spins about +z, tilted: the receding half lies north through east of the centre; x grows west."""
    azimuth = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([np.cos(azimuth), np.sin(azimuth), 0 * azimuth], axis=1)
    along = np.stack([-np.sin(azimuth), np.cos(azimuth), 0 * azimuth], axis=1)
    ones = np.ones(400)
    stars = Particles(0.5 * ring, 150 * along, 1e5 * ones, 5 * ones, 0.01 * ones)
    instrument = telescope().aligned_to(stars)
    maps = true_maps(instrument, stars)
    receding = np.nan_to_num(maps["VELOCITY"]) * np.asarray(maps["MASS"])
    y, x = np.mgrid[:8, :9] - np.array([3.5, 4.0])[:, None, None]
    angle = np.degrees(np.arctan2(np.sum(-x * receding), np.sum(y * receding)))
    assert angle == pytest.approx(float(instrument.orientation.position_angle), abs=0.5)
