"""Fits find what the data were made of, know how well, and can be interrupted."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stages

from ifux import ConstantNoise, InputError, MoffatPSF, TargetSNRNoise, real
from ifux.fitting import (
    Interval,
    Positive,
    Real,
    chi_squared,
    fisher,
    free,
    huber,
    laplace,
    likelihood,
    minimise,
    student_t,
)
from ifux.io.files import checkpoint

BIJECTIONS = {"real": Real(3.0), "positive": Positive(), "interval": Interval(-1.0, 4.0)}


@pytest.mark.parametrize("name", BIJECTIONS)
def test_bijections_have_their_inverse_and_increase(double, name):
    free_numbers = jnp.linspace(-3, 3, 31)
    values = BIJECTIONS[name].forward(free_numbers)
    assert np.allclose(BIJECTIONS[name].inverse(values), free_numbers, rtol=0, atol=1e-12)
    assert np.all(np.diff(values) > 0)


def scene(**changes):
    """A telescope that sees well, and the stars before it."""
    telescope = stages.telescope(psf=MoffatPSF(1.2, 4.0, reach=9), noise=TargetSNRNoise(100.0), **changes)
    return telescope, stages.particles(200)


@eqx.filter_jit
def predict(telescope, stars):
    return telescope(stars)


def freed(telescope):
    return free(
        telescope,
        seeing=(lambda t: t.psf.fwhm, Positive()),
        inclination=(lambda t: t.orientation.inclination, Interval(0.0, 90.0)),
        # The library is no sharper than 2.55 angstrom here: below, a cube no longer depends on the spectrograph.
        resolution=(lambda t: t.lsf.fwhm, Interval(2.6, 6.0)),
    )


def test_free_gives_back_the_model(double):
    telescope, _ = scene()
    parameters, model = freed(telescope)
    assert set(parameters) == {"seeing", "inclination", "resolution"}
    for ours, theirs in zip(jax.tree.leaves(model(parameters)), jax.tree.leaves(telescope), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-14)
    assert float(model.values(parameters)["inclination"]) == pytest.approx(float(telescope.orientation.inclination))
    changed = model({**parameters, "seeing": parameters["seeing"] + np.log(2)})
    assert float(changed.psf.fwhm) == pytest.approx(2.4)


def test_free_says_what_cannot_be_free():
    telescope, _ = scene()
    with pytest.raises(InputError, match="grid must select one array of real numbers"):
        free(telescope, grid=(lambda t: t.wavelengths, Positive()))
    with pytest.raises(InputError, match=r"tilt is 50, which is outside of Interval\(low=0.0, high=45.0\)"):
        free(telescope, tilt=(lambda t: t.orientation.inclination, Interval(0.0, 45.0)))
    with pytest.raises(InputError, match="one and two are the same leaf"):
        free(telescope, one=(lambda t: t.psf.fwhm, Positive()), two=(lambda t: t.psf.fwhm, Real()))


def test_losses_are_those_of_their_distributions(double):
    rng = np.random.default_rng(3)
    cube, variance = rng.normal(size=(3, 4, 5)), rng.uniform(0.5, 2, (3, 4, 5))
    data, mask = cube + 4 * rng.normal(size=cube.shape), rng.uniform(size=cube.shape) < 0.7
    pull = ((data - cube) / np.sqrt(variance))[mask]
    given = jnp.asarray(np.where(mask, data, np.nan)), jnp.asarray(cube), jnp.asarray(variance), jnp.asarray(mask)
    assert float(chi_squared(*given)) == pytest.approx(0.5 * np.sum(pull**2))
    assert float(student_t(*given, freedom=3.0)) == pytest.approx(2 * np.sum(np.log1p(pull**2 / 3)))
    expected = np.where(np.abs(pull) < 2, 0.5 * pull**2, 2 * np.abs(pull) - 2).sum()
    assert float(huber(*given, threshold=2.0)) == pytest.approx(expected)
    normal = 0.5 * np.sum((data - cube)[mask] ** 2 / 0.49 + np.log(2 * np.pi * 0.49))
    assert float(likelihood(ConstantNoise(0.7), *given[:2], given[3])) == pytest.approx(normal)
    for loss in (chi_squared, student_t, huber):
        slope = jax.grad(lambda cube, loss=loss: loss(given[0], cube, *given[2:]))(given[1])
        assert np.isfinite(slope).all() and np.all(np.asarray(slope)[~mask] == 0)


@pytest.fixture(scope="module")
def fitted():
    """A fit of three numbers of a telescope from a wrong start, and what it was fitted to."""
    with jax.enable_x64(True):
        telescope, stars = scene()
        clean = predict(telescope, stars)
        data, variance = telescope.noise.sample(clean, key=jax.random.key(4)), telescope.noise.variance(clean)
        where = lambda t: (t.psf.fwhm, t.orientation.inclination, t.lsf.fwhm)  # noqa: E731
        wrong = eqx.tree_at(where, telescope, (real(1.6), real(35.0), real(3.6)))
        start, model = freed(wrong)

        def loss(parameters, model, stars, data, variance):
            return chi_squared(data, predict(model(parameters), stars), variance)

        arguments = model, stars, data, variance
        return telescope, loss, start, arguments, minimise(loss, start, *arguments, steps=60)


@pytest.mark.slow
def test_telescope_is_found_again_within_its_errors(double, fitted):
    telescope, _, _, (model, stars, data, variance), fit = fitted
    found = model.values(fit.parameters)
    known = fisher(model, fit.parameters, lambda t: predict(t, stars), variance)
    truth = {"seeing": 1.2, "inclination": telescope.orientation.inclination, "resolution": telescope.lsf.fwhm}
    for name, value in truth.items():
        assert abs(float(found[name]) - float(value)) < 3.5 * known.errors[name], name
    assert fit.loss == pytest.approx(data.size / 2, rel=4 / np.sqrt(data.size / 2))
    assert "no longer falls" in fit.reason


def test_fisher_errors_are_those_of_the_jacobian(double, fitted):
    _, _, _, (model, stars, _, variance), fit = fitted
    found = fisher(model, fit.parameters, lambda t: predict(t, stars), variance)
    values = model.values(fit.parameters)
    assert found.names == tuple(fit.parameters) == ("seeing", "inclination", "resolution")
    columns = []
    for name in found.names:
        step = 1e-4 * float(values[name])
        ends = []
        for sign in (1, -1):
            moved = {**values, name: values[name] + sign * step}
            free_numbers = {key: model.bijections[key].inverse(value) for key, value in moved.items()}
            ends.append(np.asarray(predict(model(free_numbers), stars)))
        columns.append(((ends[0] - ends[1]) / (2 * step) / np.sqrt(variance)).ravel())
    jacobian = np.array(columns).T
    assert np.allclose(found.covariance, np.linalg.inv(jacobian.T @ jacobian), rtol=1e-5)


@pytest.mark.slow
def test_laplace_agrees_with_fisher_on_noiseless_data(double, fitted):
    telescope, loss, _, (_, stars, _, variance), _ = fitted
    parameters, model = freed(telescope)
    bound, clean = fisher(model, parameters, lambda t: predict(t, stars), variance), predict(telescope, stars)
    curved = laplace(model, parameters, lambda p: loss(p, model, stars, clean, variance))
    assert np.allclose(bound.covariance, curved.covariance, rtol=1e-6)
    assert np.allclose(np.diag(bound.correlation), 1)


class Sum(eqx.Module):
    """Two numbers of which only the sum is seen."""

    one: jax.Array
    two: jax.Array


def test_what_the_cube_does_not_know_has_an_infinite_error(double):
    telescope, stars = scene()
    variance = jnp.ones((telescope.spaxels.shape[0], telescope.spaxels.shape[1], telescope.wavelengths.size))
    parameters, model = free(telescope, snr=(lambda t: t.noise.snr, Positive()))
    assert fisher(model, parameters, lambda t: predict(t, stars), variance).errors == {"snr": np.inf}
    parameters, model = free(Sum(real(1.0), real(2.0)), one=(lambda s: s.one, Real()), two=(lambda s: s.two, Real()))
    found = fisher(model, parameters, lambda s: jnp.full((1, 1, 3), s.one + s.two), jnp.ones((1, 1, 3)))
    assert found.errors == {"one": np.inf, "two": np.inf}


OPTIMISERS = pytest.mark.parametrize("optimiser", [None, optax.adam(0.02)], ids=["lbfgs", "adam"])


def equal(one, other):
    """Whether two fits went the same way to the same place, bit for bit."""
    pairs = zip(jax.tree.leaves(one.parameters), jax.tree.leaves(other.parameters), strict=True)
    return np.array_equal(one.history, other.history) and all(np.array_equal(*pair) for pair in pairs)


@pytest.mark.slow
@OPTIMISERS
def test_fit_that_was_killed_between_two_savings_goes_on_bit_for_bit(double, fitted, tmp_path, monkeypatch, optimiser):
    _, loss, start, arguments, _ = fitted
    whole = minimise(loss, start, *arguments, steps=9, optimiser=optimiser)
    path, savings, real_save = tmp_path / "fit.bin", [], checkpoint.save

    def save(*given):
        if len(savings) == 2:
            raise KeyboardInterrupt
        savings.append(real_save(*given))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sys.modules[minimise.__module__], "save", save)
        minimise(loss, start, *arguments, steps=9, optimiser=optimiser, checkpoint=path, every=2)
    assert len(savings) == 2
    assert equal(whole, minimise(loss, start, *arguments, steps=9, optimiser=optimiser, checkpoint=path, every=2))


def test_checkpoint_of_another_fit_is_one_sentence(double, fitted, tmp_path):
    _, loss, start, arguments, _ = fitted
    path = tmp_path / "fit.bin"
    minimise(loss, start, *arguments, steps=2, checkpoint=path)
    with pytest.raises(InputError, match="is not a checkpoint of this fit: it was saved with another optimiser"):
        minimise(loss, start, *arguments, steps=4, optimiser=optax.adam(0.1), checkpoint=path)
    model, stars, data, variance = arguments
    farther = {**start, "seeing": start["seeing"] + 0.1}
    brighter = eqx.tree_at(lambda s: s.mass, stars, 2 * stars.mass)
    for begin, others in (
        (start, (model, stars, data + 1, variance)),
        (start, (model, brighter, data, variance)),
        (farther, arguments),
    ):
        with pytest.raises(InputError, match="is not a checkpoint of this fit, which has other data, another start"):
            minimise(loss, begin, *others, steps=4, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"is not a checkpoint of this fit.* or is damaged"):
        minimise(loss, start, *arguments, steps=4, checkpoint=path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"is not a checkpoint of this fit.* or is damaged"):
        minimise(loss, start, *arguments, steps=4, checkpoint=path)


def test_progress_line_shows_the_loss(double, capsys):
    fit = minimise(lambda p, at: (p["x"] - at) ** 2 + 1.5, {"x": real(4.0)}, real(1.0), steps=5, progress=True)
    assert fit.loss == pytest.approx(1.5)
    shown = capsys.readouterr().err
    assert "fitting" in shown and "loss 1.5" in shown
    minimise(lambda p, at: (p["x"] - at) ** 2 + 1.5, {"x": real(4.0)}, real(1.0), steps=5)
    assert capsys.readouterr().err == ""


def test_loss_without_a_value_at_the_start_is_one_sentence(double):
    with pytest.raises(InputError, match="the loss is nan at the start"):
        minimise(lambda p: jnp.log(p["x"]), {"x": jnp.asarray(-1.0)})
