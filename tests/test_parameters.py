"""What is a parameter of a model, and what is data: an optimiser that is told moves the one and not the other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stages

import ifux
from ifux import (
    CosmologicalTarget,
    LowRankSSP,
    Observation,
    ScreenDust,
    TargetSNRNoise,
    parameters,
)
from ifux.galaxies import DiscBulge
from ifux.learning import CubeEncoder, NeuralCurve

KEY = jax.random.key(0)

DATA = {
    "CosmologicalTarget": {"cosmology.hubble", "cosmology.matter", "cosmology.temperature"},
    "InclinedOrientation": {"axes"},
    "GridSSP": {"metallicity", "age", "flux", "fwhm"},
    "MixedSpectra": {"basis", "fwhm"},
    "LowRankSSP": {"metallicity", "age", "table", "basis", "fwhm"},
    "TargetSNRNoise": {"channels", "band", "places", "signal"},
    "ScaledNoise": {"noise.channels"},
    "BadPixelNoise": {"time", "dead", "cosmic_rays", "pixels"},
    "ImagePSF": {"image"},
    "TabulatedPSF": {"psfs.0.image", "psfs.2.image"},
    "TabulatedEmission": {"metallicity", "ionisation", "density", "ratios", "relative"},
    "YoungStarEmission": {"metallicity", "age", "rates"},
}
"""What no optimiser is to move, of every stage that has any."""


def names(tree, wanted):
    """The dotted paths of the leaves of a filter that are so."""
    found, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator=".") for path, leaf in found if leaf is wanted}


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, members in stages.FAMILIES.items() for name in members]
)
def test_every_number_of_a_stage_is_a_parameter_or_data(family, name):
    stage = stages.FAMILIES[family][name]()
    told = parameters(stage)
    assert jax.tree.structure(told) == jax.tree.structure(stage)
    assert names(told, False) == DATA.get(type(stage).__name__, set()) & {*names(told, True), *names(told, False)}
    assert eqx.tree_equal(eqx.combine(*eqx.partition(stage, told)), stage)


def test_axes_of_a_library_are_data_and_its_place_on_them_is_a_parameter():
    from dataclasses import replace

    library = stages.library()
    wide = replace(library, alpha=np.array([0.0, 0.4]), flux=np.stack([library.flux] * 2))
    told = parameters(LowRankSSP.from_library(wide, alpha=0.1))
    assert "alpha_nodes" in names(told, False) and names(told, True) == {"alpha"}


def test_galaxy_and_telescope_are_told_apart_from_what_they_were_made_of():
    galaxy = DiscBulge.sample(8, key=KEY)
    told = parameters(Observation(stages.telescope(target=CosmologicalTarget(0.02)), galaxy))
    assert names(told.galaxy, False) == {"uniform", "normal"} and told.galaxy.disc_scale is True
    assert names(told.telescope, False) == {
        *(f"target.{name}" for name in DATA["CosmologicalTarget"]),
        "orientation.axes",
        *(f"ssp.{name}" for name in DATA["GridSSP"]),
    }
    stars = parameters(galaxy.particles())
    assert names(stars, True) == {"position", "velocity", "mass", "age", "metallicity"}


def test_networks_keys_and_counts_are_what_they_are():
    curve = NeuralCurve.new((4000.0, 6000.0), key=KEY)
    tree = {"stage": ScreenDust(0.3, curve), "key": KEY, "step": jnp.arange(3), "name": "a", "none": None, "f": 1.5}
    told = parameters(tree)
    assert jax.tree.structure(told) == jax.tree.structure(tree)
    assert told["key"] is False and told["step"] is False and told["name"] is False and told["f"] is False
    assert names(told["stage"].curve, True) == {
        f"network.layers.{i}.{leaf}" for i in range(3) for leaf in ("weight", "bias")
    }
    assert parameters(jnp.ones(3)) is True and parameters(jnp.arange(3)) is False


def test_what_an_encoder_knows_of_its_mocks_is_data():
    data = jax.random.normal(KEY, (6, 8, 8, 20)) + 5
    told = parameters(CubeEncoder.new(data, 1.0, features=3, width=4, context=4, key=KEY))
    assert names(told, False) >= {"mean", "components", "level", "image", "contrast"}
    assert names(told.dense, True) == {f"layers.{i}.{leaf}" for i in range(2) for leaf in ("weight", "bias")}


def test_training_moves_parameters_and_leaves_the_library_and_the_random_numbers():
    """Of what every tutorial does, with an optimiser that decays its weights: the filter is all that is changed."""
    galaxy = DiscBulge.sample(16, key=KEY, disc_scale=0.4, bulge_scale=0.2)
    target = CosmologicalTarget(stages.REDSHIFT)
    truth = Observation(stages.telescope(target=target, noise=TargetSNRNoise(20.0)), galaxy)
    start = eqx.tree_at(lambda o: o.telescope.psf.fwhm, truth, ifux.real(1.6))
    data = eqx.filter_jit(lambda o: o(key=KEY))(truth)
    learnt, held = eqx.partition(start, parameters(start))
    optimiser = optax.adamw(1e-3)
    state = optimiser.init(learnt)

    @eqx.filter_jit
    def step(learnt, state):
        def loss(learnt):
            return jnp.mean((eqx.combine(learnt, held)() - data) ** 2)

        value, gradient = eqx.filter_value_and_grad(loss)(learnt)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimiser.update(gradient, state, learnt)
        return eqx.apply_updates(learnt, updates), state, value

    values = []
    for _ in range(5):
        learnt, state, value = step(learnt, state)
        values.append(float(value))
    end = eqx.combine(learnt, held)
    assert values[-1] < values[0]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(learnt))
    assert float(end.telescope.psf.fwhm) < 1.6 and float(end.galaxy.mass) != float(galaxy.mass)
    assert eqx.tree_equal(end.telescope.ssp, start.telescope.ssp)
    assert eqx.tree_equal((end.galaxy.uniform, end.galaxy.normal), (galaxy.uniform, galaxy.normal))
    assert eqx.tree_equal(end.telescope.target.cosmology, target.cosmology)
