"""The parametric galaxy has the profiles, the motions and the gradients that it states."""

from dataclasses import fields
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from ifux.galaxies import DiscBulge
from ifux.galaxies.disc_bulge import AGES, BULGE_REACH, METALLICITIES

COUNT, BULGE = 40_000, 15_000
DISC = COUNT - BULGE
PARAMETERS = [field.name for field in fields(DiscBulge) if field.name not in ("uniform", "normal", "bulge_count")]


def galaxy(count=COUNT, bulge_count=BULGE, seed=3, **parameters):
    return DiscBulge.sample(count, bulge_count=bulge_count, key=jax.random.key(seed), **parameters)


particles = eqx.filter_jit(lambda model: model.particles())


def parts(model):
    """Disc and bulge as dictionaries of NumPy arrays, with cylindrical velocities."""
    stars = particles(model)
    arrays = {name: np.asarray(getattr(stars, name), float) for name in ("position", "velocity", "mass", "age")}
    arrays["metallicity"] = np.asarray(stars.metallicity, float)
    x, y, _ = arrays["position"].T
    arrays["radius"] = np.hypot(x, y)
    arrays["outward"] = (x * arrays["velocity"][:, 0] + y * arrays["velocity"][:, 1]) / arrays["radius"]
    arrays["along"] = (x * arrays["velocity"][:, 1] - y * arrays["velocity"][:, 0]) / arrays["radius"]
    split = model.uniform.shape[0] - model.bulge_count
    return {k: v[:split] for k, v in arrays.items()}, {k: v[split:] for k, v in arrays.items()}


def test_disc_is_exponential(bits):
    disc, _ = parts(galaxy(disc_scale=2.0, disc_height=0.3))
    radius, height = disc["radius"] / 2.0, disc["position"][:, 2] / 0.3
    assert kstest(radius, lambda x: 1 - (1 + x) * np.exp(-x)).pvalue > 0.01
    assert kstest(height, lambda z: (1 + np.tanh(z)) / 2).pvalue > 0.01
    assert np.median(radius) == pytest.approx(1.678, rel=0.02)


def test_bulge_follows_hernquist(bits):
    _, bulge = parts(galaxy(bulge_scale=0.7))
    radius = np.linalg.norm(bulge["position"], axis=1) / 0.7
    whole = (BULGE_REACH / (BULGE_REACH + 1)) ** 2
    assert kstest(radius, lambda x: (x / (x + 1)) ** 2 / whole).pvalue > 0.01
    assert np.median(radius) == pytest.approx(1 + np.sqrt(2), rel=0.03)
    assert radius.max() <= BULGE_REACH * 1.001
    polar = bulge["position"][:, 2] / np.linalg.norm(bulge["position"], axis=1)
    assert kstest(polar, "uniform", args=(-1, 2)).pvalue > 0.01


def test_disc_turns_about_plus_z_on_its_rotation_curve(bits):
    disc, bulge = parts(galaxy(rotation_speed=200.0, turnover_radius=2.0, disc_dispersion=60.0, disc_scale=3.0))
    assert np.all(np.median(disc["along"]) > 0)
    edges = np.linspace(0.5, 12.0, 12)
    for low, high in pairwise(edges):
        ring = (disc["radius"] > low) & (disc["radius"] < high)
        curve, sigma = 200 * np.tanh(disc["radius"][ring] / 2.0), 60 * np.exp(-disc["radius"][ring] / 6.0)
        error = 5 / np.sqrt(ring.sum())
        for name, mean, ratio in (("along", curve, 1 / np.sqrt(2)), ("outward", 0.0, 1.0)):
            normal = (disc[name][ring] - mean) / (ratio * sigma)
            assert abs(normal.mean()) < error
            assert normal.std() == pytest.approx(1, abs=error)
        assert (disc["velocity"][ring, 2] / sigma).std() == pytest.approx(0.6, abs=0.6 * error)
    assert abs(bulge["along"].mean()) < 5 * 120 / np.sqrt(BULGE)


def test_galaxy_is_at_rest(bits):
    model = galaxy(bulge_dispersion=100.0)
    disc, bulge = parts(model)
    assert np.all(np.abs(disc["velocity"].mean(0)) < 5 * disc["velocity"].std(0) / np.sqrt(DISC))
    assert np.all(np.abs(disc["position"].mean(0)) < 5 * disc["position"].std(0) / np.sqrt(DISC))
    assert np.all(np.abs(bulge["velocity"].mean(0)) < 5 * 100 / np.sqrt(BULGE))
    assert bulge["velocity"].std(0) == pytest.approx([100] * 3, rel=0.03)


def test_mass_is_that_asked_for(bits):
    disc, bulge = parts(galaxy(mass=3e10, bulge_fraction=0.2))
    assert disc["mass"].sum() + bulge["mass"].sum() == pytest.approx(3e10, rel=1e-6)
    assert bulge["mass"].sum() == pytest.approx(0.6e10, rel=1e-6)


def test_gradients_of_age_and_metallicity_are_recovered(bits):
    model = galaxy(
        disc_age=2.0, disc_age_gradient=-0.05, age_scatter=0.08, metallicity=0.02, metallicity_gradient=-0.06
    )
    disc, bulge = parts(model)
    near = disc["radius"] < 10
    slope, centre = np.polyfit(disc["radius"][near], np.log10(disc["age"][near]), 1)
    assert (slope, 10**centre) == (pytest.approx(-0.05, abs=1e-3), pytest.approx(2.0, rel=0.01))
    slope, centre = np.polyfit(disc["radius"][near], np.log10(disc["metallicity"][near]), 1)
    assert (slope, 10**centre) == (pytest.approx(-0.06, abs=1e-3), pytest.approx(0.02, rel=0.01))
    within = np.linalg.norm(bulge["position"], axis=1) < 10
    slope, _ = np.polyfit(np.linalg.norm(bulge["position"][within], axis=1), np.log10(bulge["metallicity"][within]), 1)
    assert slope == pytest.approx(-0.06, abs=3e-3)
    assert np.log10(disc["age"][near] / 2).std() > 0.08
    assert np.median(bulge["age"]) == pytest.approx(10.0, rel=0.01)


def test_ages_and_metallicities_stay_within_limits(bits):
    for age, gradient in ((1e-5, -1.0), (1e3, 1.0)):
        stars = galaxy(2000, 500, disc_age=age, bulge_age=age, disc_age_gradient=gradient, metallicity=min(age, 1.0))
        stars = particles(stars)
        for values, (low, high) in ((stars.age, AGES), (stars.metallicity, METALLICITIES)):
            assert np.all(np.asarray(values) >= low * (1 - 1e-5))
            assert np.all(np.asarray(values) <= high * (1 + 1e-5))


def _moments(model):
    """A smooth scalar of every particle's every number, each scaled to order one."""
    stars = model.particles()
    ripple = jnp.sin(jnp.arange(stars.count, dtype=float))
    place = jnp.tanh(stars.position / 5).sum(1) + jnp.log1p((stars.position**2).sum(1))
    motion = jnp.tanh(stars.velocity / 200).sum(1) + (stars.velocity**2).sum(1) / 1e5
    return jnp.sum(ripple * stars.mass / 1e9 * (place + motion + jnp.log(stars.age) + jnp.log(stars.metallicity)))


@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_are_those_of_finite_differences(name, double):
    model = galaxy(800, 300)
    value = getattr(model, name)

    @jax.jit
    def moved(x):
        return _moments(eqx.tree_at(lambda m: getattr(m, name), model, x))

    step = 1e-5 * jnp.abs(value)
    difference = (moved(value + step) - moved(value - step)) / (2 * step)
    gradient = jax.grad(moved)(value)
    assert abs(float(gradient)) > 0
    assert float(gradient) == pytest.approx(float(difference), rel=1e-6)


def test_gradients_are_finite_and_leave_the_random_numbers_alone(bits):
    extremes = {"disc_age": 1e3, "bulge_age": 1e-5, "metallicity": 1.0, "disc_dispersion": 0.0, "age_scatter": 0.0}
    for parameters in ({}, extremes):
        gradient = eqx.filter_jit(eqx.filter_grad(_moments))(galaxy(3000, 1000, **parameters))
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))
        assert not np.any(gradient.uniform) and not np.any(gradient.normal)


def test_corners_of_the_random_numbers_are_finite(bits):
    corners = np.array(np.meshgrid(*[[1e-6, 0.5, 1 - 1e-6]] * 4)).reshape(4, -1).T
    model = DiscBulge(np.concatenate([corners, corners]), np.zeros((162, 5)), 81)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(particles(model)))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(_moments))(model)))


def test_single_and_double_precision_agree():
    with jax.enable_x64(False):
        model = galaxy(5000, 2000)
        single = particles(model)
        uniform, normal = np.asarray(model.uniform), np.asarray(model.normal)
    with jax.enable_x64(True):
        exact = particles(DiscBulge(uniform, normal, 2000))
    assert single.mass.dtype == np.float32 and exact.mass.dtype == np.float64
    radius = np.linalg.norm(np.asarray(exact.position), axis=1)
    assert np.all(
        np.linalg.norm(np.asarray(single.position, float) - np.asarray(exact.position), axis=1) < 3e-6 * (1 + radius)
    )
    assert np.asarray(single.velocity) == pytest.approx(np.asarray(exact.velocity), abs=1e-3)
    for name in ("age", "metallicity"):
        assert np.asarray(getattr(single, name)) == pytest.approx(np.asarray(getattr(exact, name)), rel=1e-4)


def test_the_key_decides():
    first, again, other = (particles(galaxy(100, 30, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.position, again.position) and np.array_equal(first.velocity, again.velocity)
    assert not np.any(np.asarray(first.velocity) == np.asarray(other.velocity))


@pytest.mark.slow
def test_jit_and_vmap_agree_with_eager(bits):
    model = galaxy(300, 100)
    eager = model.particles()
    jitted = particles(model)
    masses = jnp.asarray([1e10, 2e10], float)
    stars = eqx.filter_vmap(lambda mass: galaxy(300, 100, mass=mass).particles())(masses)
    assert np.asarray(jitted.position) == pytest.approx(np.asarray(eager.position), rel=1e-5, abs=1e-5)
    assert stars.position.shape == (2, 300, 3)
    assert np.asarray(stars.mass.sum(1)) == pytest.approx([1e10, 2e10], rel=1e-5)


@pytest.mark.parametrize("bulge_count", [0, 100, 120])
def test_both_components_need_particles(bulge_count):
    with pytest.raises(ValueError, match="bulge_count"):
        galaxy(100, bulge_count)


def test_random_numbers_of_another_length_are_refused():
    model = galaxy(10, 3)
    with pytest.raises(ValueError, match="uniform and normal"):
        DiscBulge(model.uniform[:5], model.normal, 3)
