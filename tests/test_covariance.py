"""The noise of a cube that is made of elements: its covariance is R V R^T, and a likelihood knows it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages

import ifux
from ifux import AtmosphericRefraction, Circle, FibreBundle, InputError, Shepard, Slicer, SquareSpaxels, Wavelengths
from ifux.covariance import Correlation, CubeCovariance
from ifux.fitting import (
    CorrelationWhitening,
    ElementWhitening,
    Interval,
    Positive,
    Real,
    chi_squared,
    fisher,
    forecast,
    free,
    least_squares,
)
from ifux.focal_plane import hexagonal
from ifux.galaxies import DiscBulge
from ifux.noise import ConstantNoise

ANGLES = np.radians([240, 0, 120])
TRIANGLE = 2.5 / 3 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
"""The dithers of MaNGA [arcsec]."""


REFRACTION = AtmosphericRefraction([30.0, 35.0, 40.0], [20.0, 20.0, 20.0], wavelengths=(4500.0, 8500.0))
WAVELENGTHS = Wavelengths(4000.0, 1000.0, 6, "air")
"""Six channels in two bands of refraction."""


def bundle(**stages):
    """Seven fibres of MaNGA in three exposures, each a little further from the zenith."""
    stages = {"dithers": TRIANGLE, "refraction": REFRACTION} | stages
    return FibreBundle(hexagonal(1, 2.5), Circle(2.0), Shepard(0.7, 1.6), **stages)


def covariance(plane=None, shape=(11, 10), missing=None):
    """Of a small field, with a variance that differs from element to element; one has no datum in a channel."""
    missing = plane is None if missing is None else missing
    plane = bundle() if plane is None else plane
    scene = SquareSpaxels(1.0, shape[::-1]).scene
    rng = np.random.default_rng(1)
    variance = 10 ** rng.normal(0, 0.2, (*plane.element_shape(scene), WAVELENGTHS.size))
    if missing:
        variance[0, 3, 1] = np.nan
    return CubeCovariance(plane, scene, WAVELENGTHS, ifux.real(variance))


@eqx.filter_jit
def rebuilt(covariance, elements):
    return covariance.rebuild(elements)


@eqx.filter_jit
def product(covariance, cube):
    return covariance.matvec(cube)


def rebuilding(covariance, channel):
    """R, column by column: the cube of every element alone."""
    variance = np.asarray(covariance.variance)
    missing = np.isnan(variance)
    columns = []
    for place in np.ndindex(variance.shape[:2]):
        unit = np.where(missing, np.nan, 0.0)
        unit[place] = np.where(missing[place], np.nan, 1.0)
        columns.append(np.nan_to_num(rebuilt(covariance, ifux.real(unit))[..., channel]).ravel())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("channel", [0, 1, 5])
def test_operator_is_the_dense_matrix(channel, bits):
    known = covariance()
    taken = rebuilding(known, channel)
    expected = taken * np.nan_to_num(known.variance[..., channel]).ravel() @ taken.T
    close = 1e-6 if bits == 32 else 1e-13
    assert taken.shape[0] > taken.shape[1]
    np.testing.assert_allclose(known.matrix(channel).reshape(taken.shape), taken, atol=close)
    np.testing.assert_allclose(known.at(channel), expected, atol=close * expected.max())
    cube = ifux.real(np.random.default_rng(2).normal(size=(11, 10, 6)))
    found = product(known, cube)[..., channel]
    np.testing.assert_allclose(found.ravel(), expected @ np.ravel(cube[..., channel]), atol=10 * close)


def test_stat_is_the_diagonal(double):
    known = covariance()
    diagonal = known.diagonal()
    for channel in (1, 5):
        expected = np.diag(known.at(channel)).reshape(11, 10)
        np.testing.assert_allclose(np.nan_to_num(diagonal[..., channel]), expected, rtol=1e-12)
        assert (np.isnan(diagonal[..., channel]) == (expected == 0)).all()


def test_operator_is_symmetric_and_the_square_of_its_root(double):
    known, rng = covariance(), np.random.default_rng(3)
    one, two = (ifux.real(rng.normal(size=(11, 10, 6))) for _ in range(2))
    by_one, by_two = (product(known, cube) for cube in (one, two))
    assert float(jnp.vdot(one, by_two)) == pytest.approx(float(jnp.vdot(by_one, two)), rel=1e-12)
    seen = ~jnp.isnan(known.diagonal())
    numbers, back = jax.vjp(lambda numbers: jnp.where(seen, known.sqrt(numbers), 0), jnp.ones_like(known.variance))
    root = jnp.nan_to_num(back(jnp.where(seen, one, 0))[0])
    assert float(jnp.vdot(root, root)) == pytest.approx(float(jnp.vdot(one, by_one)), rel=1e-12)
    assert numbers.shape == (11, 10, 6)


def test_spaxels_of_a_slicer_are_independent(double):
    known = covariance(Slicer(), (3, 4))
    np.testing.assert_array_equal(known.at(2), np.diag(known.variance[..., 2].ravel()))
    np.testing.assert_allclose(known.correlation(2).value, np.ones(12), rtol=1e-12)


def test_spaxels_of_an_aperture_have_the_same_noise(double):
    known = covariance(ifux.Aperture(Circle(3.0)), (5, 5))
    correlation = known.correlation(2)
    covered = (np.asarray(known.focal_plane.covered(known.scene)) > 0).sum()
    assert correlation.value.size == covered * (covered + 1) / 2
    np.testing.assert_allclose(correlation.value, 1, rtol=1e-12)


def test_gradient_of_the_covariance_by_where_the_fibres_are(double):
    known = covariance()
    rng = np.random.default_rng(4)
    cube, direction = (ifux.real(rng.normal(size=shape)) for shape in ((11, 10, 6), (7, 2)))

    @jax.jit
    def spread(step):
        moved = eqx.tree_at(lambda c: c.focal_plane.positions, known, known.focal_plane.positions + step * direction)
        return jnp.vdot(cube, moved.matvec(cube))

    # Elements come within Shepard's limit in steps, between which it is smooth: at this place none is near it.
    by_step = float(spread(1e-5) - spread(-1e-5)) / 2e-5
    assert float(jax.jvp(spread, (0.0,), (1.0,))[1]) == pytest.approx(by_step, rel=1e-6)


def test_pairs_are_those_of_mangas_files(double):
    known = covariance()
    correlation, dense = known.correlation(3), np.asarray(known.at(3))
    sigma = np.sqrt(np.diag(dense))
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(dense / np.outer(sigma, sigma))
    np.testing.assert_allclose(correlation.dense(), expected, atol=1e-14)
    assert (correlation.first <= correlation.second).all() and (np.abs(correlation.value) > 1e-14).all()
    assert correlation.value[correlation.first == correlation.second] == pytest.approx(1, rel=1e-12)
    few = known.correlation(3, least=0.5)
    assert 0 < few.value.size < correlation.value.size and few.value.min() > 0.5


def test_correlation_of_a_survey_falls_with_distance():
    found = Correlation.gaussian((4, 6), 1.92, 3.2).dense()
    row, column = (axis.ravel() for axis in np.indices((4, 6)))
    distance = np.hypot(row[:, None] - row, column[:, None] - column)
    np.testing.assert_allclose(found, np.where(distance <= 3.2, np.exp(-(distance**2) / 2 / 1.92**2), 0), atol=1e-15)


def mock(known, seed=6):
    """Elements with noise where they have a datum, and the noiseless ones of a model."""
    rng = np.random.default_rng(seed)
    model = 5 + rng.normal(size=known.variance.shape)
    data = model + rng.normal(size=known.variance.shape) * np.sqrt(known.variance)
    return ifux.real(data), ifux.real(model)


def test_likelihood_of_a_cube_is_that_of_its_elements(bits):
    known = covariance()
    data, model = mock(known)
    whitening = ElementWhitening.of(known)
    cube, prediction = rebuilt(known, data), rebuilt(known, model)
    found = whitening.data(cube)
    np.testing.assert_allclose(found, data, rtol=1e-12 if bits == 64 else 2e-5)
    on_cube = chi_squared(found, whitening(prediction), whitening.variance)
    on_elements = chi_squared(data, model, known.variance)
    assert float(on_cube) == pytest.approx(float(on_elements), rel=1e-12 if bits == 64 else 1e-4)


def test_likelihood_of_a_cube_is_that_of_its_degenerate_normal(double):
    known = covariance(missing=False)
    data, model = mock(known)
    whitening, residual = ElementWhitening.of(known), np.nan_to_num(rebuilt(known, data) - rebuilt(known, model))
    pulls = (whitening.data(rebuilt(known, data)) - whitening(rebuilt(known, model))) ** 2 / whitening.variance
    for channel in range(6):
        flat = residual[..., channel].ravel()
        expected = flat @ np.linalg.pinv(np.asarray(known.at(channel)), rcond=1e-10, hermitian=True) @ flat
        assert float(pulls[..., channel].sum()) == pytest.approx(expected, rel=1e-8)


def test_elements_that_no_spaxel_sees_are_left_out_and_told(double):
    known = covariance(shape=(11, 3), missing=False)
    with pytest.warns(
        UserWarning, match=r"the cube stands for \d+ of 21 elements: left out are \d+ that no spaxel sees"
    ):
        whitening = ElementWhitening.of(known)
    data, _ = mock(known)
    found, told = whitening.data(rebuilt(known, data)), ~np.isnan(whitening.variance)
    assert 0 < told[..., 0].sum() < 21
    np.testing.assert_allclose(found[told], data[told], rtol=1e-9)
    assert np.isnan(found[~told]).all()


def test_spaxels_that_do_not_count_may_hold_anything(double):
    known = covariance(missing=False)
    counted = np.ones((11, 10), bool)
    counted[:, :4] = False
    with pytest.warns(UserWarning, match="of 21 elements"):
        whitening = ElementWhitening.of(known, counted)
    data, _ = mock(known)
    told = ~np.isnan(whitening.variance)
    cube = rebuilt(known, data)
    for nonsense in (np.nan, 1e6):
        found = whitening.data(jnp.where(jnp.asarray(counted)[..., None], cube, nonsense))
        np.testing.assert_allclose(found[told], data[told], rtol=1e-9)
    assert 5 < told[..., 0].sum() < 21


def test_rank_is_looked_at(double):
    twice = bundle(dithers=TRIANGLE[[0, 1, 1]], refraction=ifux.NoRefraction())
    with pytest.warns(
        UserWarning, match="for 7 of 21 elements: left out are 0 that no spaxel sees, 14 of which it tells"
    ):
        whitening = ElementWhitening.of(covariance(twice, missing=False))
    assert np.isnan(whitening.variance[1:]).all() and not np.isnan(whitening.variance[0]).any()
    thrice = bundle(dithers=TRIANGLE[[1, 1, 1]], refraction=ifux.NoRefraction())
    with pytest.raises(InputError, match="none of its 21 elements one by one"):
        ElementWhitening.of(covariance(thrice, missing=False))


def test_cube_of_another_telescope_has_no_such_likelihood(double):
    known = covariance(missing=False)
    cube = rebuilt(known, mock(known)[0])
    wider = eqx.tree_at(lambda plane: plane.reconstruction.sigma, bundle(), ifux.real(0.75))
    other = covariance(wider)
    with pytest.raises(InputError, match="no elements make this cube"):
        ElementWhitening.of(other).data(cube)


def test_channels_in_which_spaxels_lack_a_number_are_left_out_and_told(double):
    known = covariance(missing=False)
    cube = rebuilt(known, mock(known)[0]).at[5, 5, 2].set(jnp.nan).at[..., 4].set(jnp.nan)
    with pytest.warns(UserWarning, match="1 channels are left out"):
        found = ElementWhitening.of(known).data(cube)
    assert np.isnan(found).all(axis=(0, 1)).tolist() == [False, False, True, False, True, False]


MANGA = Correlation.gaussian((9, 8), 1.92, 3.2)


def test_correlation_that_was_cut_needs_a_floor():
    variance = jnp.ones((9, 8, 3))
    with pytest.raises(InputError, match=r"down to -0\.\d+, and noise has more than none: state a floor"):
        CorrelationWhitening.of(MANGA, variance)
    with pytest.raises(InputError, match="greater than zero, got 0"):
        CorrelationWhitening.of(MANGA, variance, floor=0.0)
    near = CorrelationWhitening.of(Correlation.gaussian((9, 8), 0.5, 9.0), variance)
    assert near.added == 0
    assert 0.05 < CorrelationWhitening.of(MANGA, variance, floor=0.05).added < 0.5


def test_floor_is_the_least_variance_of_any_combination(bits):
    rng = np.random.default_rng(7)
    variance = 10 ** rng.normal(0, 0.3, (9, 8, 3))
    variance[0, 0, 0] = variance[2, 3, 2] = variance[2, 4, 2] = np.nan
    whitening = CorrelationWhitening.of(MANGA, ifux.real(variance), floor=0.05)
    data, model = (ifux.real(rng.normal(size=variance.shape)) for _ in range(2))
    data = jnp.where(jnp.isnan(variance), jnp.nan, data)
    found = (whitening.data(data) - whitening(model)) ** 2
    for channel in range(3):
        counts = ~np.isnan(variance[..., channel]).ravel()
        values, axes = np.linalg.eigh(MANGA.dense()[np.ix_(counts, counts)])
        assert values[0] < 0
        sigma = np.sqrt(variance[..., channel].ravel()[counts])
        matrix = (axes * np.maximum(values, 0.05)) @ axes.T * np.outer(sigma, sigma)
        residual = np.ravel((data - model)[..., channel])[counts]
        expected = residual @ np.linalg.solve(matrix, residual)
        assert np.nansum(found[..., channel]) == pytest.approx(expected, rel=1e-11 if bits == 64 else 1e-4)
        assert (~np.isnan(found[..., channel])).sum() == counts.sum()
    with pytest.raises(InputError, match="1 voxels have a variance and are not a number"):
        whitening.data(data.at[5, 5, 1].set(jnp.nan))


FREE = {
    "inclination": (lambda o: o.telescope.orientation.inclination, Interval(0.0, 90.0)),
    "position_angle": (lambda o: o.telescope.orientation.position_angle, Real(10.0)),
    "rotation_speed": (lambda o: o.galaxy.rotation_speed, Positive()),
    "mass": (lambda o: o.galaxy.mass, Positive()),
}


def elements_of(observation):
    return observation.telescope.expose(observation.galaxy)


def cube_of(observation):
    return observation()


@pytest.fixture
def fibres(double):
    """A small disc before a small bundle, and what is free of it."""
    telescope = stages.telescope(
        wavelengths=Wavelengths(4840.0, 5.0, 24, "air"),
        target=ifux.FixedTarget(stages.REDSHIFT, 200.0),
        spaxels=SquareSpaxels(1.0, (11, 11)),
        kinematics=ifux.VelocityChannels(reach=400.0, spacing=100.0),
        ssp=ifux.LowRankSSP.from_library(stages.library(), 0.1),
        psf=ifux.GaussianPSF(2.4, reach=4),
        focal_plane=bundle(reach=4, refraction=ifux.NoRefraction()),
        lsf=ifux.GaussianLSF(12.0),
        noise=ConstantNoise(1.0),
    )
    galaxy = DiscBulge.sample(600, key=jax.random.key(1), disc_scale=2.0)
    observation = ifux.Observation(telescope, galaxy)
    level = float(eqx.filter_jit(elements_of)(observation).mean(axis=2).max()) / 20
    observation = eqx.tree_at(lambda o: o.telescope.noise.level, observation, ifux.real(level))
    return observation, *free(observation, **FREE)


@pytest.mark.slow
def test_fit_of_a_cube_with_its_covariance_is_that_of_its_elements(fibres):
    observation, parameters, model = fibres
    data = eqx.filter_jit(lambda o: o.telescope.expose(o.galaxy, key=jax.random.key(2)))(observation)
    variance = observation.telescope.noise.variance(data)
    known = CubeCovariance.of(observation.telescope, variance)
    whitening = ElementWhitening.of(known)
    cube, predict = rebuilt(known, data), whitening.predicting(cube_of)
    fit, errors = least_squares(predict, model, parameters, whitening.data(cube), whitening.variance)
    on_elements, by_elements = least_squares(elements_of, model, parameters, data, variance)
    assert fit.verdict.converged and fit.loss == pytest.approx(on_elements.loss, rel=1e-6)
    for name, value in model.values(fit.parameters).items():
        expected = float(model.values(on_elements.parameters)[name])
        assert float(value) == pytest.approx(expected, abs=0.01 * by_elements.errors[name])
    np.testing.assert_allclose(list(errors.errors.values()), list(by_elements.errors.values()), rtol=1e-3)
    # Voxels are more than elements: those who take them for independent state errors that are far too small.
    boast = fisher(model, fit.parameters, cube_of, known.diagonal())
    assert (np.array(list(boast.errors.values())) < 0.8 * np.array(list(errors.errors.values()))).all()


def test_gradient_of_the_likelihood_of_a_cube(fibres):
    observation, parameters, model = fibres
    whitening = ElementWhitening.of(
        CubeCovariance.of(observation.telescope, observation.telescope.noise.variance(elements_of(observation)))
    )
    data = 1.02 * whitening.data(observation())

    @jax.jit
    def loss(step):
        moved = {name: number + step for name, number in parameters.items()}
        return chi_squared(data, whitening(cube_of(model(moved))), whitening.variance)

    by_step = float(loss(1e-4) - loss(-1e-4)) / 2e-4
    assert float(jax.jvp(loss, (0.0,), (1.0,))[1]) == pytest.approx(by_step, rel=1e-5)


@pytest.mark.slow
def test_forecast_of_a_bundle_is_that_of_its_cube_with_covariance(fibres):
    observation, parameters, model = fibres
    (errors,) = forecast(observation, {"as it is": observation.telescope}, **FREE).errors
    variance = observation.telescope.noise.variance(elements_of(observation))
    whitening = ElementWhitening.of(CubeCovariance.of(observation.telescope, variance))
    bound = fisher(model, parameters, whitening.predicting(cube_of), whitening.variance)
    np.testing.assert_allclose(errors, list(bound.errors.values()), rtol=1e-9)
