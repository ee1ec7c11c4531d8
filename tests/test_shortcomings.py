"""What a model has outgrown is told in words, where a fit, a prior or a training may take it there."""

import dataclasses
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest
import stages

from ifux import (
    FixedTarget,
    GaussianPSF,
    GridSSP,
    InputError,
    Observation,
    Spectrograph,
    SquareSpaxels,
    TargetSNRNoise,
    Wavelengths,
)
from ifux.checks import shortcomings, warn_of
from ifux.learning import Batches, Prior, Uniform, refine, train
from ifux.typing import real

KEY = jax.random.key(0)


def observation(**given):
    """A few stars before a telescope that was made for them."""
    ssp = GridSSP.from_library(stages.library(metallicities=2, ages=2))
    small = {"ssp": ssp, "spaxels": SquareSpaxels(0.4, (5, 4)), "psf": GaussianPSF(1.2, reach=5)}
    return Observation(stages.telescope(**small | given), stages.particles(20, spread=0.1))


def test_model_that_has_outgrown_nothing_has_no_shortcomings():
    model = observation()
    assert shortcomings(model) == shortcomings(model.telescope) == shortcomings(None) == []


def test_every_limit_that_a_number_may_leave_is_told():
    model = observation()
    far = eqx.tree_at(lambda o: o.telescope.target.redshift, model, real(0.035))
    blurred = eqx.tree_at(lambda o: o.telescope.psf.fwhm, model, real(6.0))
    fast = eqx.tree_at(lambda o: o.galaxy.velocity, model, 10 * model.galaxy.velocity)
    for changed, words in (
        (far, "of the detector's channels lie where the library ends at this redshift"),
        (blurred, "of a point source's light belongs beyond the kernel of the PSF"),
        (fast, "moves too fast for the velocity channels"),
    ):
        (sentence,) = shortcomings(changed)
        assert words in sentence
        assert shortcomings(changed.telescope) == ([] if changed is fast else [sentence])


def test_nothing_is_asked_of_traced_numbers():
    @jax.jit
    def nothing(redshift):
        assert shortcomings(eqx.tree_at(lambda o: o.telescope.target.redshift, observation(), redshift)) == []
        return redshift

    nothing(real(0.035))


def test_what_was_told_is_not_told_again():
    with pytest.warns(UserWarning, match="one"):
        told = warn_of(["one"])
    with pytest.warns(UserWarning, match="another") as caught:
        assert warn_of(["one", "another"], told) == ["one", "another"]
    assert len(caught) == 1


def redshifts(model, low, high):
    return Prior.of(model, redshift=(lambda o: o.telescope.target.redshift, Uniform(low, high)))


def test_refinement_warns_of_where_it_ends():
    model = observation(noise=TargetSNRNoise(20.0), target=FixedTarget(0.02, 90.0))
    prior = Prior.of(model, seeing=(lambda o: o.telescope.psf.fwhm, Uniform(1.0, 80.0)))
    data = eqx.filter_jit(lambda prior, numbers: prior(numbers)())(prior, real([-2.0]))
    with pytest.warns(UserWarning, match="beyond the kernel") as caught:
        refine(prior, real([0.0]), data, 1)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jax.jit(lambda numbers: refine(prior, numbers, data, 1).numbers)(real([0.0]))


def test_prior_over_redshifts_that_leave_the_library_is_refused(bits):
    model = observation()
    with pytest.raises(InputError, match=r"Prior.of: redshift: .* at redshifts 0\.0150 to 0\.0400 for .*matched"):
        redshifts(model, 0.015, 0.04)
    assert redshifts(model, 0.018, 0.022).size == 1
    long = stages.library(Wavelengths(4500.0, 1.0, 700, "air"), 2, 2)
    library, _ = long.matched(stages.OBSERVED, (0.01, 0.06), 800.0)
    prior = redshifts(observation(ssp=GridSSP.from_library(library)), 0.01, 0.06)
    for number in (-6.0, 6.0):
        drawn = prior(jnp.full(1, number, real(0).dtype))
        assert drawn.telescope.reached().all(), drawn.telescope.target.redshift
    with pytest.raises(InputError, match="redshift"):
        Prior.of(model.telescope, distance=(lambda t: t.target.redshift, Uniform(0.01, 0.05)))


def test_training_warns_at_its_start_and_at_its_end_once():
    def loss(network, batch):
        return jnp.mean((network[None] - batch.numbers) ** 2)

    model = observation(noise=TargetSNRNoise(20.0), target=FixedTarget(0.02, 90.0))
    prior = Prior.of(model, seeing=(lambda o: o.telescope.psf.fwhm, Uniform(1.0, 80.0)))
    batches = Batches(prior, 3, KEY)
    (sentence,) = batches.shortcomings(0)
    assert "beyond the kernel of the PSF" in sentence
    with pytest.warns(UserWarning, match="beyond the kernel") as caught:
        train(loss, real([0.0]), batches, optimiser=optax.sgd(0.1), steps=1)
    assert [str(warning.message) for warning in caught] == [sentence]
    with pytest.warns(UserWarning, match="beyond the kernel"):
        batches(0)
    narrow = Prior.of(model, seeing=(lambda o: o.telescope.psf.fwhm, Uniform(0.8, 1.3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(loss, real([0.0]), Batches(narrow, 3, KEY), optimiser=optax.sgd(0.1), steps=1)


def two_arms(model):
    """The observation by two arms, of which the blue is where the library ends sooner as the redshift grows."""
    telescope = model.telescope
    blue = dataclasses.replace(telescope, wavelengths=Wavelengths(4836.0, 1.25, 40, "air"))
    return Observation(Spectrograph.of({"blue": blue, "red": telescope}), model.galaxy)


def test_what_is_true_of_some_arms_is_told_of_them_and_what_is_true_of_all_once():
    model = two_arms(observation())
    assert shortcomings(model) == shortcomings(model.telescope) == []
    fast = eqx.tree_at(lambda o: o.galaxy.velocity, model, 10 * model.galaxy.velocity)
    (sentence,) = shortcomings(fast)
    assert "moves too fast for the velocity channels" in sentence and "arm" not in sentence
    blurred = eqx.tree_at(lambda o: o.telescope.arms["red"].psf.fwhm, model, real(6.0))
    far = eqx.tree_at(lambda o: o.telescope.target.redshift, model, real(0.035))
    for changed, words, arm in (
        (blurred, "beyond the kernel of the PSF", "red"),
        (far, "where the library ends", "blue"),
    ):
        told = shortcomings(changed)
        assert told == shortcomings(changed.telescope)
        assert any(words in sentence and sentence.endswith(f"(arm {arm!r})") for sentence in told)


def test_prior_over_redshifts_that_leave_the_library_in_one_arm_is_refused():
    with pytest.raises(InputError, match=r"Prior.of: redshift: .*matched.*\(arm 'blue'\)"):
        redshifts(two_arms(observation()), 0.015, 0.04)
    assert redshifts(two_arms(observation()), 0.018, 0.022).size == 1
