"""A galaxy of arrays may bring its gas, its potential and identifiers to select by."""

import astropy.constants as const
import astropy.units as u
import numpy as np
import pytest

from ifux.errors import InputError
from ifux.io import galaxy_from_arrays

COUNT = 200


def stars(**more):
    """Stars about a place of their own."""
    random = np.random.default_rng(0)
    return {
        "position": random.normal(0, 3, (COUNT, 3)) + 50,
        "velocity": random.normal(0, 100, (COUNT, 3)) + 500,
        "mass": np.full(COUNT, 1e6),
        "age": random.uniform(1, 10, COUNT),
        "metallicity": np.full(COUNT, 0.02),
    } | more


def cells(count=30, **more):
    """Gas in the frame of the stars, in units that are not ifux's."""
    random = np.random.default_rng(1)
    return {
        "position": (random.normal(0, 3, (count, 3)) + 50) * u.kpc.to(u.pc) * u.pc,
        "velocity": (random.normal(0, 100, (count, 3)) + 500) * u.km / u.s,
        "mass": np.full(count, 2e5) * u.Msun,
        "density": random.uniform(1e-25, 1e-23, count) * u.g / u.cm**3,
        "temperature": random.uniform(1e4, 1e6, count) * u.K,
        "metallicity": np.full(count, 0.01),
    } | more


def test_gas_is_centred_and_at_rest_with_the_stars():
    given, gas = stars(), cells()
    galaxy = galaxy_from_arrays(**given, gas=gas)
    shift = np.asarray(galaxy.stars.position, float)[0] - given["position"][0]
    drift = np.asarray(galaxy.stars.velocity, float)[0] - given["velocity"][0]
    assert np.allclose(galaxy.gas.position, gas["position"].to_value(u.kpc) + shift, atol=1e-4)
    assert np.allclose(galaxy.gas.velocity, gas["velocity"].value + drift, atol=1e-2)
    assert np.allclose(galaxy.gas.density, gas["density"].to_value(u.Msun / u.kpc**3), rtol=1e-5)
    radius = (3 / (4 * np.pi) * gas["mass"] / gas["density"]) ** (1 / 3)
    assert np.allclose(galaxy.gas.smoothing_length, radius.to_value(u.kpc), rtol=1e-5)
    assert not np.any(galaxy.gas.star_formation_rate)


def test_temperature_follows_from_internal_energy():
    gas = cells(electron_abundance=np.full(30, 0.8), elements={"O": np.full(30, 0.005)})
    del gas["temperature"]
    gas["internal_energy"] = np.linspace(1e12, 1e14, 30) * u.erg / u.g
    galaxy = galaxy_from_arrays(**stars(), gas=gas)
    weight = 4 / (1 + 3 * 0.76 + 4 * 0.76 * 0.8)
    expected = (2 / 3) * gas["internal_energy"] * weight * const.m_p / const.k_B
    assert np.allclose(galaxy.gas.temperature, expected.to_value(u.K), rtol=1e-4)
    assert np.allclose(galaxy.gas.elements["O"], 0.005)


def test_identifiers_select_and_the_potential_centres():
    numbers = np.arange(COUNT) + 2**40
    galaxy = galaxy_from_arrays(
        **stars(), particle_ids=numbers, ids=numbers[:50], gas=cells(particle_ids=numbers[40:70]), centre="as-is"
    )
    assert galaxy.stars.count == 50 and galaxy.gas.count == 10
    potential = np.zeros(COUNT)
    potential[7] = -1.0
    centred = galaxy_from_arrays(**stars(), potential=potential, centre="most-bound")
    assert np.allclose(centred.stars.position[7], 0, atol=1e-6)
    with pytest.raises(InputError, match="no identifiers to select by"):
        galaxy_from_arrays(**stars(), ids=[1])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"gas": cells(weight=1)}, "gas has no column 'weight'"),
        ({"gas": {"mass": [1.0]}}, "gas lacks position, velocity, density, temperature, metallicity"),
        ({"gas": cells() | {"mass": np.ones(3)}}, "position has shape"),
        ({"gas": cells() | {"density": np.ones(30) * u.K}}, "gas density must be"),
        ({"gas": cells(elements={"O": np.ones(3)})}, "O has shape"),
        ({"potential": np.ones(3)}, "potential has shape"),
        ({"particle_ids": np.ones(3, int)}, "ids has shape"),
        ({"particle_ids": np.ones(COUNT) * 0.5}, "identifiers are whole numbers"),
    ],
)
def test_arrays_that_do_not_go_together_are_one_sentence(more, sentence):
    with pytest.raises(InputError, match=sentence):
        galaxy_from_arrays(**stars(), **more)
