"""What can be known of a galaxy: forecasts obey the laws of optics, fits and samplers keep to the errors they state."""

import math
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from scipy.stats import chi2

from ifux import (
    ConstantNoise,
    CosmologicalTarget,
    GaussianLSF,
    GaussianPSF,
    InclinedOrientation,
    InputError,
    LowRankSSP,
    NoDust,
    NoLSF,
    NoNoise,
    Observation,
    Particles,
    Slicer,
    SquareSpaxels,
    TargetSNRNoise,
    Telescope,
    VelocityChannels,
    Wavelengths,
    real,
)
from ifux.fitting import (
    Interval,
    LogNormal,
    Positive,
    Real,
    Whitened,
    chi_squared,
    finer,
    fisher,
    forecast,
    free,
    information,
    least_squares,
    longer,
    minimise,
    nuts,
    scattered,
)
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library
from ifux.noise import AbstractGaussianNoise

FWHM, PITCH, LEVEL = 1.6, 0.4, 1e-3


def point(noise, channels=12) -> Observation:
    """A star in the middle of a wide field, well sampled, at rest."""
    telescope = stages.telescope(
        wavelengths=Wavelengths(4836.0, 1.25, channels, "air"),
        spaxels=SquareSpaxels(PITCH, (30, 30)),
        kinematics=VelocityChannels(reach=50.0, spacing=50.0, degree=1),
        psf=GaussianPSF(FWHM, reach=14),
        focal_plane=Slicer(),
        lsf=NoLSF(),
        noise=noise,
    )
    star = Particles(jnp.zeros((1, 3)), jnp.zeros((1, 3)), [1e6], [5.0], [0.01])
    return Observation(telescope, star)


FLUX = {"flux": (lambda o: o.galaxy.mass, Positive())}
PLACE = {"centre": (lambda o: o.telescope.spaxels.centre, Real(0.1))}


class PhotonNoise(AbstractGaussianNoise):
    """The source's own photons, and very few others."""

    share: float = eqx.field(static=True, default=1e-4)

    def variance(self, cube):
        return self.share * jnp.maximum(cube, 1e-9 * cube.max())


seen = eqx.filter_jit(lambda observation: observation())


def signal_to_noise(observation: Observation) -> float:
    """Of the best estimate of the flux: the root of the sum of S^2 / variance."""
    cube = seen(observation)
    return float(jnp.sqrt(jnp.sum(cube**2 / observation.telescope.noise.variance(cube))))


def test_flux_is_known_to_its_signal_to_noise(double):
    observation = point(ConstantNoise(LEVEL))
    (error,) = forecast(observation, {"as it is": observation.telescope}, **FLUX).errors[0]
    assert error / 1e6 == pytest.approx(1 / signal_to_noise(observation), rel=1e-9)


def width(pitch: float) -> float:
    """Standard deviation of the seeing together with the spaxel [arcsec]."""
    return math.sqrt(FWHM**2 / (8 * math.log(2)) + pitch**2 / 12)


@pytest.mark.parametrize(
    ("noise", "factor"), [(ConstantNoise(LEVEL), math.sqrt(2)), (PhotonNoise(), 1.0)], ids=["sky", "photons"]
)
def test_place_is_known_to_the_seeing_over_the_signal_to_noise(double, noise, factor):
    """sigma / (S/N) where the noise is that of the source's photons, sqrt(2) times that under a flat background.

    King (1983), PASP 95, 163.
    """
    observation = point(noise)
    errors = forecast(observation, {"as it is": observation.telescope}, **PLACE).errors[0]
    assert errors == pytest.approx(factor * width(PITCH) / signal_to_noise(observation), rel=3e-3)


def test_errors_fall_with_the_root_of_the_exposure(double):
    observation = point(ConstantNoise(LEVEL))
    times = {"1": 1.0, "2": 2.0, "10": 10.0}
    table = forecast(
        observation, {name: longer(observation.telescope, value) for name, value in times.items()}, **FLUX, **PLACE
    )
    assert table.names == ("flux[0]", "centre[0]", "centre[1]")
    assert np.allclose(table.gains, np.sqrt([[1.0], [2.0], [10.0]]), rtol=1e-9)
    assert str(table).splitlines()[0].split() == list(table.names)
    assert [line.split()[0] for line in str(table).splitlines()[1:]] == list(times)


@pytest.mark.parametrize(
    ("noise", "limit", "factor"),
    [(ConstantNoise(LEVEL), "sky", 1.0), (ConstantNoise(LEVEL), "detector", 0.5)],
    ids=["sky", "detector"],
)
def test_halving_a_spaxel_gains_what_it_blurs(double, noise, limit, factor):
    """Under a sky an error goes as the width of a source's image, and that of its place as the square.

    A detector that adds noise to four spaxels instead of one doubles both.
    """
    observation = point(noise)
    half = finer(observation.telescope, 2.0, limit)
    assert half.spaxels.size == (60, 60) and half.psf.reach == 28
    table = forecast(observation, {"spaxel": observation.telescope, "half": half}, **FLUX, **PLACE)
    narrower = width(PITCH) / width(PITCH / 2)
    assert np.allclose(table.gains[1], factor * narrower ** np.array([1, 2, 2]), rtol=3e-3)


def test_a_spaxel_larger_than_the_seeing_loses_the_place(double):
    """In one of 2.5 FWHM, light moves between spaxels only at their edges, and the middle one has them far away."""
    observation = point(ConstantNoise(LEVEL))
    coarse = finer(observation.telescope, 0.1, "sky")
    table = forecast(observation, {"spaxel": observation.telescope, "ten times": coarse}, **PLACE)
    assert np.all(table.gains[1] < 0.5)


def test_forecasts_say_what_they_lack(double):
    observation = point(NoNoise())
    with pytest.raises(InputError, match="dark: the variance is not above zero"):
        forecast(observation, {"dark": observation.telescope}, **FLUX)
    with pytest.raises(InputError, match="NoNoise has no variance that can be scaled"):
        longer(observation.telescope, 2.0)
    target = point(TargetSNRNoise(30.0)).telescope
    for telescope in (target, longer(target, 2.0)):
        with pytest.raises(InputError, match="state the noise as a level"):
            finer(telescope, 2.0, "sky")
    with pytest.raises(InputError, match=r"cannot be made 0\.72 times as many"):
        finer(point(ConstantNoise(LEVEL)).telescope, 0.72, "sky")
    twice = longer(longer(target, 2.0), 3.0).noise
    assert float(twice.factor) == pytest.approx(1 / 6) and isinstance(twice.noise, TargetSNRNoise)
    noisy = point(ConstantNoise(LEVEL))
    settings = {"as it is": noisy.telescope, "twice": point(ConstantNoise(LEVEL / math.sqrt(2))).telescope}
    blind = forecast(noisy, settings, **FLUX, level=(lambda o: o.telescope.noise.level, Positive()))
    assert blind.names == ("flux[0]", "level") and "inf" in str(blind)
    assert np.all(blind.errors[:, 1] == np.inf) and np.all(np.isnan(blind.gains[:, 1]))
    assert blind.gains[1, 0] == pytest.approx(math.sqrt(2))
    prior = forecast(noisy, settings, flux=(FLUX["flux"][0], LogNormal(1e6, 1e-6)))
    assert np.allclose(prior.errors, 1e6 * math.log(10) * 1e-6, rtol=1e-3)


def test_whitened_parameters_have_the_unit_matrix(double):
    observation = point(ConstantNoise(LEVEL))
    parameters, model = free(observation, **FLUX, **PLACE, seeing=(lambda o: o.telescope.psf.fwhm, Positive()))
    variance = observation.telescope.noise.variance(seen(observation))
    white = Whitened.at(model, parameters, fisher(model, parameters, lambda o: o(), variance))

    def cube(place):
        return (model(white(place))() / jnp.sqrt(variance)).ravel()

    jacobian = jax.jit(jax.jacfwd(cube))(white.origin)
    assert np.allclose(jacobian.T @ jacobian, np.eye(4), atol=1e-9)


def band(start: float, step: float, size: int, tolerance: float = 1e-3, **stages) -> Telescope:
    """A small telescope before a galaxy at a redshift of 0.02, with the embedded library."""
    wavelengths = Wavelengths(start, step, size, "air")
    library, wavelengths = embedded_library().matched(wavelengths, redshift=0.02, speed=800.0)
    return Telescope(
        **{
            "wavelengths": wavelengths,
            "target": CosmologicalTarget(0.02),
            "orientation": InclinedOrientation(55.0, 30.0),
            "spaxels": SquareSpaxels(2.0, (10, 10)),
            "kinematics": VelocityChannels(reach=500.0, spacing=50.0),
            "ssp": LowRankSSP.from_library(library, tolerance),
            "dust": NoDust(),
            "psf": GaussianPSF(2.2, reach=3),
            "focal_plane": Slicer(),
            "lsf": GaussianLSF(2.65),
            "noise": TargetSNRNoise(100.0),
        }
        | stages
    )


def predict(observation: Observation):
    """The noiseless cube."""
    return observation()


predicted = eqx.filter_jit(predict)


def misfit(parameters, model, data, variance):
    return chi_squared(data, predict(model(parameters)), variance)


GALAXY = {
    "rotation_speed": (150.0, Positive()),
    "turnover_radius": (2.5, Positive()),
    "disc_dispersion": (45.0, Positive()),
    "bulge_dispersion": (80.0, Positive()),
    "disc_scale": (2.2, Positive()),
    "disc_age": (4.0, Positive()),
    "disc_age_gradient": (0.0, Real(0.05)),
    "bulge_age": (6.0, Positive()),
    "metallicity": (0.015, Positive()),
    "metallicity_gradient": (0.0, Real(0.05)),
    "mass": (3e10, Positive()),
}
"""Wrong values to start from, and ranges."""


PLACES = {name: (lambda o, name=name: getattr(o.galaxy, name)) for name in GALAXY}
"""Made once, so that a fit of another galaxy compiles nothing again."""


def freed(observation: Observation, names):
    return free(observation, **{name: (PLACES[name], GALAXY[name][1]) for name in names})


@pytest.mark.slow
def test_galaxy_is_found_again_from_its_cube(double):
    """With the particles of the mock itself, only the noise of the cube is between the truth and the fit."""
    telescope, galaxy = band(4850.0, 1.25, 200), DiscBulge.sample(2500, key=jax.random.key(1))
    clean = predicted(Observation(telescope, galaxy))
    variance = telescope.noise.variance(clean)
    data = telescope.noise.sample(clean, key=jax.random.key(2))
    wrong = replace(galaxy, **{name: real(value) for name, (value, _) in GALAXY.items()})
    start, model = freed(Observation(telescope, wrong), GALAXY)
    fit, known = least_squares(predict, model, start, data, variance)
    values, errors = model.values(fit.parameters), known.errors
    for name in GALAXY:
        assert abs(float(values[name]) - float(getattr(galaxy, name))) < 3 * errors[name], name
    assert 2 * fit.loss == pytest.approx(data.size - len(GALAXY), abs=4 * math.sqrt(2 * data.size))


@pytest.mark.slow
@pytest.mark.optimised
def test_fit_with_other_particles_scatters_as_it_says(double):
    """A mock and a model of other random numbers differ by the chance of their particles, far more than by noise.

    The model has more particles than the mock. What its own chance does to its derivatives with respect to places is
    of second order, and far from negligible: the free numbers are populations.
    """
    names, count, more = ("mass", "disc_age"), 1_500, 4
    telescope = stages.telescope(
        wavelengths=Wavelengths(4836.0, 2.5, 60, "air"),
        spaxels=SquareSpaxels(2.0, (9, 8)),
        kinematics=VelocityChannels(reach=500.0, spacing=100.0),
        psf=GaussianPSF(3.0, reach=3),
        noise=TargetSNRNoise(20.0),
    )

    def galaxy(seed, count=count):
        return Observation(telescope, DiscBulge.sample(count, key=jax.random.key(seed), bulge_fraction=0.1))

    draws = [predicted(galaxy(seed)) for seed in range(1000, 1060)]
    noise = telescope.noise.variance(sum(draws) / len(draws))
    spread = jnp.var(jnp.stack(draws), axis=0, ddof=1) * (1 + 1 / more)
    variance = noise + spread
    parameters, model = freed(galaxy(0), names)
    stated = scattered(model, parameters, predict, variance, draws, times=1 + 1 / more, noise=noise)
    naive = fisher(model, parameters, predict, noise)
    truth = np.array([float(model.values(parameters)[name]) for name in names])
    off = []
    for seed in range(14):
        data = telescope.noise.sample(predicted(galaxy(seed)), key=jax.random.key(500 + seed))
        begin, model = freed(galaxy(300 + seed, count * more), names)
        values = model.values(least_squares(predict, model, begin, data, variance)[0].parameters)
        off.append([float(values[name]) for name in names] - truth)
    off = np.array(off)
    low, high = chi2.ppf([0.005, 0.995], off.size)
    assert low < np.einsum("mi,ij,mj->", off, np.linalg.inv(stated.covariance), off) < high
    assert np.einsum("mi,ij,mj->", off, np.linalg.inv(naive.covariance), off) > 20 * high


def test_scatter_needs_draws(double):
    observation = point(ConstantNoise(LEVEL))
    parameters, model = free(observation, **FLUX)
    cube = seen(observation)
    with pytest.raises(InputError, match="1 draws cannot tell the scatter of 1 parameters"):
        scattered(model, parameters, predict, jnp.ones_like(cube), [cube])


@pytest.mark.slow
def test_particles_of_a_whole_cube_are_improved_as_far_as_they_can_be_known(double):
    """Ages and metallicities of every star, from wrong ones; what the cube cannot tell is left to the prior."""
    count, spread = 250, 0.15 * math.log(10)
    telescope = band(4850.0, 2.5, 120, tolerance=1e-2, kinematics=VelocityChannels(reach=500.0, spacing=100.0))
    rng = np.random.default_rng(5)
    stars = DiscBulge.sample(count, key=jax.random.key(1)).particles()
    middle = np.log([5.0, 0.01])
    truth = middle[:, None] + spread * rng.normal(size=(2, count))
    stars = eqx.tree_at(lambda s: (s.age, s.metallicity), stars, tuple(map(real, np.exp(truth))))
    clean = predicted(Observation(telescope, stars))
    variance = telescope.noise.variance(clean)
    data = telescope.noise.sample(clean, key=jax.random.key(2))
    wrong = tuple(real(np.full(count, value)) for value in (9.0, 0.02))
    start, model = free(
        Observation(telescope, eqx.tree_at(lambda s: (s.age, s.metallicity), stars, wrong)),
        age=(lambda o: o.galaxy.age, Positive()),
        metallicity=(lambda o: o.galaxy.metallicity, Positive()),
    )

    def posterior(parameters, *arguments):
        prior = (parameters["age"] - middle[0]) ** 2 + (parameters["metallicity"] - middle[1]) ** 2
        return misfit(parameters, *arguments) + 0.5 * jnp.sum(prior) / spread**2

    fit = minimise(posterior, start, model, data, variance, steps=250, tolerance=1e-7)
    misfits = eqx.filter_jit(misfit)
    before, after = (2 * float(misfits(p, model, data, variance)) for p in (start, fit.parameters))
    known = np.asarray(information(model, fit.parameters, predict, variance))
    covariance = np.linalg.inv(known + np.eye(2 * count) / spread**2)
    used = np.trace(covariance @ known)
    assert before > 20 * data.size
    assert after == pytest.approx(data.size - used, abs=4 * math.sqrt(2 * data.size))

    found = np.concatenate([fit.parameters["age"], fit.parameters["metallicity"]])
    pulls = (found - truth.ravel()) / np.sqrt(np.diag(covariance))
    for level, reach in ((0.68, 0.994), (0.9, 1.645)):
        assert abs(np.mean(np.abs(pulls) < reach) - level) < 3.5 * math.sqrt(level * (1 - level) / pulls.size), level

    y, x = (np.asarray(s.index[:, 1]) for s in telescope.spaxels.axes(telescope.project(stars), 0))
    means = np.zeros((100, 2 * count))
    for spaxel in range(100):
        inside = np.flatnonzero(y * 10 + x == spaxel)
        if inside.size >= 4:
            means[spaxel, inside] = 1 / inside.size
    means = means[means.any(axis=1)]
    assert len(means) > 10
    # The mean of a spaxel's stars is better known than one of them, each counted in what the prior knew of it; of
    # most combinations of stars the cube tells nothing.
    error = np.sqrt(np.diag(means @ covariance @ means.T))
    guessed = spread * np.sqrt((means**2).sum(axis=1))
    single = np.sqrt(np.diag(covariance))[:count]
    assert np.median(error / guessed) < np.median(single / spread)
    left = np.sqrt(np.linalg.eigvalsh(covariance)) / spread
    assert left[0] < 0.1 and np.mean(left > 0.9) > 0.5
    pulls = means @ (found - truth.ravel()) / error
    assert pulls.std() == pytest.approx(1, abs=3 / math.sqrt(len(means)))


@pytest.mark.slow
def test_posterior_covers_the_truth_as_often_as_it_says(double):
    """Truths from the prior, mocks of them, and their ranks among the draws of NUTS; near the truth, Laplace agrees.

    Cook, Gelman & Rubin (2006), JCGS 15, 675; Talts et al. (2018), arXiv:1804.06788.
    """
    telescope = band(
        5100.0,
        2.5,
        36,
        spaxels=SquareSpaxels(4.0, (4, 4), degree=1),
        kinematics=VelocityChannels(reach=400.0, spacing=100.0, degree=1),
        psf=GaussianPSF(5.0, reach=1),
        focal_plane=Slicer(),
        lsf=NoLSF(),
    )
    telescope = eqx.tree_at(
        lambda t: t.ssp, telescope, LowRankSSP.from_library(embedded_library().cut(4900, 5300), 1e-2)
    )
    observation = Observation(telescope, DiscBulge.sample(100, key=jax.random.key(1)))
    clean = predicted(observation)
    level = jnp.sqrt(telescope.noise.variance(clean)[0, 0, 0])
    observation = eqx.tree_at(lambda o: o.telescope.noise, observation, ConstantNoise(level))
    middle, model = free(
        observation,
        inclination=(lambda o: o.telescope.orientation.inclination, Interval(0.0, 90.0)),
        rotation=(lambda o: o.galaxy.rotation_speed, Positive()),
        age=(lambda o: o.galaxy.disc_age, Positive()),
        metallicity=(lambda o: o.galaxy.metallicity, Positive()),
    )
    variance = jnp.full_like(clean, level**2)
    known = fisher(model, middle, predict, variance)
    white, width = Whitened.at(model, middle, known), 2.0
    templates = eqx.filter_jit(lambda t: t.templates())(telescope)

    def cube(place, white, model, templates):
        seen = model(white(place))
        return seen.telescope.observe(seen.telescope.weights(seen.galaxy.particles()), templates)

    def posterior(place, data, *arguments):
        return chi_squared(data, cube(place, *arguments), variance) + 0.5 * jnp.sum(place**2) / width**2

    @eqx.filter_jit
    def mocks(keys, *arguments):
        def mock(key):
            one, two, three = jax.random.split(key, 3)
            truth = width * jax.random.normal(one, white.origin.shape)
            data = observation.telescope.noise.sample(cube(truth, *arguments), key=two)
            return truth, nuts(posterior, white.origin, data, *arguments, key=three, warmup=80, draws=120)

        return jax.lax.map(mock, keys)

    truth, chains = mocks(jax.random.split(jax.random.key(3), 24), white, model, templates)
    ranks = np.mean(np.asarray(chains.parameters) < np.asarray(truth)[:, None], axis=1)
    true, drawn = jax.vmap(white)(truth), jax.vmap(jax.vmap(white))(chains.parameters)
    named = np.stack([np.mean(np.asarray(drawn[name] < true[name][:, None]), axis=1) for name in middle], axis=1)
    for level in (0.68, 0.9):
        inside = np.mean(np.abs(ranks - 0.5) < level / 2)
        assert abs(inside - level) < 3 * math.sqrt(level * (1 - level) / ranks.size), level
        # Each free number by itself: those of one mock hang together.
        inside = np.mean(np.abs(named - 0.5) < level / 2, axis=0)
        assert np.all(np.abs(inside - level) < 3 * math.sqrt(level * (1 - level) / len(named))), level
    assert np.mean(chains.divergent) < 0.02 and np.mean(chains.acceptance) > 0.6
    spread = np.asarray(chains.parameters).std(axis=1).mean(axis=0)
    assert np.allclose(spread, 1 / math.sqrt(1 + 1 / width**2), rtol=0.2)
