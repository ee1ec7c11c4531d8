"""The whole telescope is found again from one cube, from wherever the fit begins, and within its errors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

import ifux
from ifux import InputError, MoffatPSF, TargetSNRNoise, real
from ifux.fitting import Interval, Positive, Real, chi_squared, fisher, free, least_squares, minimise
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library

FREE = {
    "inclination": (lambda o: o.telescope.orientation.inclination, Interval(0.0, 90.0)),
    "position_angle": (lambda o: o.telescope.orientation.position_angle, Real(10.0)),
    "centre": (lambda o: o.telescope.spaxels.centre, Real(0.2)),
    "redshift": (lambda o: o.telescope.target.redshift, Real(1e-4)),
    "seeing": (lambda o: o.telescope.psf.psf.fwhm, Positive()),
    "slope": (lambda o: o.telescope.psf.slope, Real(0.1)),
    "resolution": (lambda o: o.telescope.lsf.fwhm, Interval(2.1, 6.0)),  # no sharper than the library
    "depth": (lambda o: o.telescope.dust.depth, Positive()),
    "mass": (lambda o: o.galaxy.mass, Positive()),
}
"""Everything about the instrument and the view of the galaxy."""

STARTS = {
    "low": (38.0, 55.0, (0.5, -0.4), 0.0303, 1.1, 0.0, 3.2, 0.7, 9e10),
    "high": (70.0, 5.0, (-0.2, 0.2), 0.0298, 0.6, -0.6, 2.2, 0.1, 3e10),
}
"""Values to begin with, in the order of FREE; the truth is in `whole`."""


@eqx.filter_jit
def observed(observation):
    return observation()


def leaves(observation):
    return [where(observation) for where, _ in FREE.values()]


@pytest.fixture(scope="module")
def whole():
    """A disc and a bulge before MUSE, coarse and cut to an eighth of its band, and the noisy cube."""
    redshift = 0.03
    wavelengths = ifux.Wavelengths(4750.0, 2.5, 240, "air")
    library, wavelengths = embedded_library().matched(wavelengths, redshift=redshift, speed=900.0)
    galaxy = DiscBulge.sample(8_000, key=jax.random.key(1))
    telescope = ifux.Telescope(
        wavelengths=wavelengths,
        target=ifux.CosmologicalTarget(redshift),
        orientation=ifux.InclinedOrientation(55.0, 30.0),
        spaxels=ifux.SquareSpaxels(0.4, (16, 16), (0.15, -0.1)),
        kinematics=ifux.VelocityChannels(),
        ssp=ifux.LowRankSSP.from_library(library, 1e-2),
        dust=ifux.ScreenDust(0.3),
        psf=ifux.ChromaticPSF(MoffatPSF(0.8, reach=9), -0.3),
        focal_plane=ifux.Slicer(),
        lsf=ifux.GaussianLSF(2.65),
        noise=TargetSNRNoise(30.0),
    )
    truth = ifux.Observation(telescope.aligned_to(galaxy.particles()).limited_to(500.0), galaxy)
    clean = observed(truth)
    return truth, telescope.noise.sample(clean, key=jax.random.key(2)), telescope.noise.variance(clean)


def ended(whole, start):
    """Where a fit ends, as physical numbers in the order of their errors, and those errors."""
    truth, data, variance = whole
    parameters, model = free(eqx.tree_at(leaves, truth, [real(value) for value in STARTS[start]]), **FREE)
    fit, known = least_squares(observed, model, parameters, data, variance)
    return flat(model.values(fit.parameters)), known, fit


def flat(values):
    return np.concatenate([np.atleast_1d(np.asarray(value, float)) for value in values.values()])


@pytest.mark.slow
def test_the_whole_telescope_is_found_again_from_either_start(whole):
    truth, data, _ = whole
    true = flat(dict(zip(FREE, leaves(truth), strict=True)))
    ends = [ended(whole, start) for start in STARTS]
    for found, known, fit in ends:
        errors = np.array(list(known.errors.values()))
        assert np.all(np.abs(found - true) < 3 * errors), dict(zip(known.names, (found - true) / errors, strict=True))
        assert 2 * fit.loss == pytest.approx(data.size, abs=4 * np.sqrt(2 * data.size))
        assert "would fall by" in fit.reason
    assert np.all(np.abs(ends[0][0] - ends[1][0]) < 0.1 * errors)


@pytest.fixture(scope="module")
def scene():
    """What stars look like, a noisy cube of them, and a start where two numbers of the telescope are wrong."""
    with jax.enable_x64(True):
        telescope = stages.telescope(psf=MoffatPSF(1.2, 4.0, reach=9), noise=TargetSNRNoise(30.0))
        stars = stages.particles(100)

        def predict(telescope):
            return telescope(stars)

        clean = eqx.filter_jit(predict)(telescope)
        data, variance = telescope.noise.sample(clean, key=jax.random.key(4)), telescope.noise.variance(clean)
        wrong = eqx.tree_at(lambda t: (t.psf.fwhm, t.orientation.inclination), telescope, (real(1.5), real(42.0)))
        freed = free(
            wrong,
            seeing=(lambda t: t.psf.fwhm, Positive()),
            inclination=(lambda t: t.orientation.inclination, Interval(0.0, 90.0)),
        )
        return predict, data, variance, *freed


@pytest.mark.slow
def test_least_squares_and_minimise_find_the_same_minimum(double, scene):
    predict, data, variance, start, model = scene
    fit, known = least_squares(predict, model, start, data, variance, tolerance=1e-8)
    other = minimise(lambda p: chi_squared(data, predict(model(p)), variance), start, tolerance=1e-12, steps=40)
    assert fit.loss == pytest.approx(other.loss, rel=1e-9)
    for name, error in known.errors.items():
        ours, theirs = (float(model.values(found.parameters)[name]) for found in (fit, other))
        assert abs(ours - theirs) < 1e-3 * error
    bound = fisher(model, fit.parameters, predict, variance)
    assert np.allclose(known.covariance, bound.covariance, rtol=1e-9)
    assert np.all(np.diff(fit.history) <= 0)


def test_masked_data_may_be_anything(double, scene):
    predict, data, variance, start, model = scene
    mask = jnp.asarray(np.random.default_rng(1).uniform(size=data.shape) < 0.8)
    fits = [
        least_squares(predict, model, start, jnp.where(mask, data, filling), variance, mask)
        for filling in (jnp.nan, 1e6)
    ]
    for one, other in zip(*(jax.tree.leaves(fit.parameters) for fit, _ in fits), strict=True):
        assert np.array_equal(one, other)
    (fit, masked), _ = fits
    whole = fisher(model, fit.parameters, predict, variance)
    assert all(masked.errors[name] > error for name, error in whole.errors.items())


def test_the_same_prediction_is_compiled_once(double, scene):
    predict, data, variance, start, model = scene
    traces = []

    def counted(telescope):
        traces.append(1)
        return predict(telescope)

    least_squares(counted, model, start, data, variance, steps=2)
    first = len(traces)
    least_squares(counted, model, start, data + 1, variance, steps=2)
    assert len(traces) == first


def test_what_cannot_be_fitted_is_one_sentence(double, scene):
    predict, data, variance, start, model = scene
    with pytest.raises(InputError, match="no datum counts: all are masked, or not a number"):
        least_squares(predict, model, start, data * jnp.nan, variance)


def test_what_the_cube_does_not_know_is_said_and_the_rest_is_fitted(double, scene):
    predict, data, variance, _, model = scene
    places = {"seeing": (lambda t: t.psf.fwhm, Positive()), "snr": (lambda t: t.noise.snr, Positive())}
    start, model = free(model.model, **places)
    fit, known = least_squares(predict, model, start, data, variance)
    assert fit.verdict.unconstrained == ("snr",) and known.errors["snr"] == np.inf
    assert np.isfinite(known.errors["seeing"])
