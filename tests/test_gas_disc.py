"""The disc of gas has the density, the motions, the star formation and the gradients that it states."""

from dataclasses import fields
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from ifux.galaxies import DiscBulge, GasDisc, SpiralGalaxy
from ifux.galaxies.scatter import METALLICITIES
from ifux.particles import cells_of, gas_of, stars_of

COUNT, SCALE, HEIGHT = 40_000, 3.5, 0.2
PARAMETERS = [field.name for field in fields(GasDisc) if field.name not in ("uniform", "normal")]


def spiral(count=COUNT, seed=5, **parameters):
    stars = DiscBulge.sample(40, key=jax.random.key(2), rotation_speed=180.0, turnover_radius=2.0)
    return SpiralGalaxy(stars, GasDisc.sample(count, key=jax.random.key(seed), **parameters))


@pytest.fixture(scope="module")
def cells():
    """Columns of one large disc, with cylindrical coordinates."""
    gas = cells_of(spiral(scale=SCALE, height=HEIGHT, metallicity=0.015, metallicity_gradient=-0.06))
    found = {field.name: np.asarray(getattr(gas, field.name), float) for field in fields(gas) if field.name in NAMES}
    (x, y, z), (vx, vy, vz) = found["position"].T, found["velocity"].T
    radius = np.hypot(x, y)
    motions = {"outward": (x * vx + y * vy) / radius, "along": (x * vy - y * vx) / radius, "upward": vz}
    return found | motions | {"radius": radius, "height": z}


NAMES = ("position", "velocity", "mass", "density", "metallicity", "star_formation_rate", "smoothing_length")


def rings(cells):
    """Masks of cells by their distance from the axis, and the areas [pc^2]."""
    for low, high in pairwise(np.linspace(0.5, 12.0, 12)):
        yield (cells["radius"] > low) & (cells["radius"] < high), np.pi * (high**2 - low**2) * 1e6


def test_disc_is_exponential_and_thin(cells):
    assert kstest(cells["radius"] / SCALE, lambda x: 1 - (1 + x) * np.exp(-x)).pvalue > 0.01
    assert kstest(cells["height"] / HEIGHT, lambda z: (1 + np.tanh(z)) / 2).pvalue > 0.01
    assert cells["mass"].sum() == pytest.approx(5e9, rel=1e-5)


def test_density_is_that_of_the_cells(cells):
    """The volumes of all cells inside a cylinder are that of the cylinder, within the noise of so many."""
    volume = cells["mass"] / cells["density"]
    inside = (cells["radius"] < 2 * SCALE) & (np.abs(cells["height"]) < HEIGHT)
    error = np.sqrt(np.sum(volume[inside] ** 2))
    assert volume[inside].sum() == pytest.approx(np.pi * (2 * SCALE) ** 2 * 2 * HEIGHT, abs=4 * error)
    assert error < 0.02 * volume[inside].sum()
    assert 4 / 3 * np.pi * cells["smoothing_length"] ** 3 == pytest.approx(volume, rel=1e-5)


def test_gas_turns_on_the_rotation_curve_of_the_stars(cells):
    for ring, _ in rings(cells):
        error = 5 / np.sqrt(ring.sum())
        for name, mean in (("along", 180 * np.tanh(cells["radius"][ring] / 2.0)), ("outward", 0.0), ("upward", 0.0)):
            normal = (cells[name][ring] - mean) / 10.0
            assert abs(normal.mean()) < error, name
            assert normal.std() == pytest.approx(1, abs=error), name


def test_star_formation_follows_the_law_of_kennicutt_and_schmidt(cells):
    assert cells["star_formation_rate"].sum() == pytest.approx(2.0, rel=1e-5)
    found = [
        (np.log10(cells["mass"][ring].sum() / area), np.log10(cells["star_formation_rate"][ring].sum() / area))
        for ring, area in rings(cells)
    ]
    slope, _ = np.polyfit(*np.transpose(found), 1)
    assert slope == pytest.approx(1.4, abs=0.02)


def test_usual_star_formation_is_that_of_the_law():
    """Kennicutt (1998), eq. 4, in rings of the default disc, with 0.67 for Kroupa's mass function."""
    gas = cells_of(spiral())
    cells = {"radius": np.hypot(*np.asarray(gas.position).T[:2])}
    for ring, area in rings(cells):
        density, rate = (float(np.asarray(of)[ring].sum()) / area for of in (gas.mass, gas.star_formation_rate))
        assert rate * 1e6 == pytest.approx(0.67 * 2.5e-4 * density**1.4, rel=0.1)


def test_star_formation_of_slope_one_is_shared_by_mass():
    rate = cells_of(spiral(500, star_formation_slope=1.0, star_formation_rate=3.0)).star_formation_rate
    assert rate == pytest.approx(np.full(500, 3.0 / 500), rel=1e-5)
    assert not np.any(cells_of(spiral(500, star_formation_rate=0.0)).star_formation_rate)


def test_metallicity_gradient_is_recovered(cells):
    near = cells["radius"] < 12
    slope, centre = np.polyfit(cells["radius"][near], np.log10(cells["metallicity"][near]), 1)
    assert (slope, 10**centre) == (pytest.approx(-0.06, abs=1e-3), pytest.approx(0.015, rel=0.01))
    rest = np.log10(cells["metallicity"][near]) - np.log10(0.015) + 0.06 * cells["radius"][near]
    assert rest.std() == pytest.approx(0.05, rel=0.03)
    assert np.all(cells["metallicity"] >= METALLICITIES[0] * (1 - 1e-5))


def _moments(model):
    """A smooth scalar of every number of every cell, each scaled to order one."""
    gas = model.gas()
    ripple = jnp.sin(jnp.arange(gas.count, dtype=float))
    place = jnp.tanh(gas.position / 5).sum(1) + jnp.tanh(gas.velocity / 200).sum(1)
    logarithms = sum(jnp.log(of) for of in (gas.density, gas.metallicity, gas.smoothing_length, gas.temperature))
    return jnp.sum(ripple * (place + logarithms + gas.mass / 1e7 + gas.star_formation_rate * gas.count))


def test_gradients_are_those_of_finite_differences(double):
    model = spiral(400)
    places = {name: lambda m, name=name: getattr(m.disc, name) for name in PARAMETERS}
    places |= {name: lambda m, name=name: getattr(m.stars, name) for name in ("rotation_speed", "turnover_radius")}
    names = [*places]
    values = jnp.stack([places[name](model) for name in names])

    @jax.jit
    def moved(values):
        return _moments(eqx.tree_at(lambda m: [places[name](m) for name in names], model, [*values]))

    gradient = jax.jit(jax.grad(moved))(values)
    for place, name in enumerate(names):
        step = 1e-5 * jnp.abs(values[place])
        difference = (moved(values.at[place].add(step)) - moved(values.at[place].add(-step))) / (2 * step)
        assert abs(float(difference)) > 0, name
        assert float(gradient[place]) == pytest.approx(float(difference), rel=2e-6), name


def test_corners_of_the_random_numbers_are_finite(bits):
    corners = np.array(np.meshgrid(*[[1e-6, 0.5, 1 - 1e-6]] * 4)).reshape(4, -1).T
    model = spiral(81, star_formation_slope=3.0, dispersion=0.0, metallicity_scatter=0.0)
    model = eqx.tree_at(lambda m: (m.disc.uniform, m.disc.normal), model, (jnp.asarray(corners), jnp.zeros((81, 4))))
    gradient = eqx.filter_jit(eqx.filter_grad(_moments))(model)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((cells_of(model), gradient)))
    assert not np.any(gradient.disc.uniform) and not np.any(gradient.disc.normal)


def test_galaxy_has_the_stars_and_the_gas_or_no_gas():
    model = spiral(30)
    stars, gas = eqx.filter_eval_shape(lambda m: (stars_of(m), gas_of(m)), model)
    assert (stars.count, gas.count) == (40, 30)
    assert gas_of(model.stars) is None and cells_of(model.stars) is None


def test_random_numbers_of_another_length_are_refused():
    model = spiral(10).disc
    for uniform, normal in ((model.uniform[:5], model.normal), (model.uniform[:0], model.normal[:0])):
        with pytest.raises(ValueError, match="uniform and normal"):
            GasDisc(uniform, normal)
