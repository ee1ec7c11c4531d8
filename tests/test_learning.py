"""Mocks without end, heads that say what can be known, and the telescope as a decoder."""

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import stages
from scipy import stats

from ifux import (
    CardelliCurve,
    ConstantNoise,
    GaussianLSF,
    InputError,
    LowRankSSP,
    Observation,
    ScreenDust,
    SquareSpaxels,
    TargetSNRNoise,
    VelocityChannels,
    Wavelengths,
    real,
)
from ifux.fitting import Positive, chi_squared, fisher, free, minimise
from ifux.galaxies import DiscBulge
from ifux.grids import to_vacuum
from ifux.io import embedded_library
from ifux.learning import (
    Batch,
    Batches,
    CubeEncoder,
    FlowHead,
    GaussianHead,
    Isotropic,
    LogNormal,
    LogUniform,
    NeuralCurve,
    Normal,
    Posterior,
    Prior,
    Uniform,
    coverage,
    misfit,
    mock,
    ranks,
    refine,
    squares,
    surprise,
    train,
)
from ifux.particles import AbstractGalaxy, Particles

KEY = jax.random.key(3)
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

DISTRIBUTIONS = {
    "uniform": (Uniform(-2.0, 5.0), stats.uniform(-2, 7)),
    "log-uniform": (LogUniform(0.3, 12.0), stats.loguniform(0.3, 12)),
    "normal": (Normal(100.0, 20.0), stats.norm(100, 20)),
    "log-normal": (LogNormal(5.0, 0.2), stats.lognorm(0.2 * np.log(10), scale=5)),
}
HEADS = {"Gaussian": GaussianHead, "flow": FlowHead}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions_have_the_quantiles_of_scipy(double, name):
    ours, theirs = DISTRIBUTIONS[name]
    free_numbers = jnp.linspace(-3, 3, 41)
    values = ours.forward(free_numbers)
    assert np.allclose(values, theirs.ppf(stats.norm.cdf(free_numbers)), rtol=1e-12)
    assert np.allclose(ours.inverse(values), free_numbers, rtol=0, atol=1e-10)


def test_isotropic_axes_have_uniform_cosines(double):
    ours, free_numbers = Isotropic(20.0, 80.0), jax.random.normal(KEY, (2000,))
    values = ours.forward(free_numbers)
    ends = np.cos(np.radians([80.0, 20.0]))
    assert stats.kstest(np.cos(np.radians(values)), stats.uniform(ends[0], ends[1] - ends[0]).cdf).pvalue > 0.01
    assert np.allclose(ours.inverse(values), free_numbers, rtol=0, atol=1e-10)
    assert np.all(np.diff(ours.forward(jnp.linspace(-3, 3, 31))) > 0)


def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"Uniform\.low must be below high, got 2\.0 and 1.0"):
        Uniform(2.0, 1.0)
    with pytest.raises(ValueError, match=r"LogUniform\.low must be below high between 4\.94066e-324 and inf"):
        LogUniform(0.0, 1.0)
    with pytest.raises(ValueError, match=r"Isotropic\.low must be below high between 0 and 180"):
        Isotropic(0.0, 190.0)


def scene(galaxy=None, noise=None, **changes):
    """A prior over the view of a small galaxy and three parameters of its own."""
    galaxy = DiscBulge.sample(150, key=KEY, disc_scale=0.4, bulge_scale=0.1) if galaxy is None else galaxy
    noise = TargetSNRNoise(20.0) if noise is None else noise
    telescope = stages.telescope(noise=noise, dust=ScreenDust(0.5), **changes)
    names = {
        "inclination": (lambda o: o.telescope.orientation.inclination, Isotropic(20.0, 80.0)),
        "position_angle": (lambda o: o.telescope.orientation.position_angle, Uniform(-90.0, 90.0)),
    }
    if isinstance(galaxy, DiscBulge):
        names |= {
            "rotation_speed": (lambda o: o.galaxy.rotation_speed, Normal(200.0, 30.0)),
            "mass": (lambda o: o.galaxy.mass, LogNormal(5e10, 0.2)),
            "disc_age": (lambda o: o.galaxy.disc_age, LogUniform(1.0, 10.0)),
        }
    return Prior.of(Observation(telescope, galaxy), **names)


@eqx.filter_jit
def cube_of(prior, numbers):
    """The noiseless cube of some free numbers."""
    return prior(numbers)()


def test_prior_draws_leaves_by_name_in_the_order_given(double):
    prior = scene()
    assert prior.names == ("inclination", "position_angle", "rotation_speed", "mass", "disc_age")
    draws = jax.vmap(lambda key: prior.sample(key=key))(jax.random.split(KEY, 400))
    assert stats.kstest(np.asarray(draws).ravel(), "norm").pvalue > 0.01
    values = jax.vmap(prior.values)(draws)
    assert stats.kstest(np.log(values[:, 4]), stats.uniform(0, np.log(10)).cdf).pvalue > 0.01
    drawn = prior(draws[0])
    assert float(drawn.galaxy.disc_age) == pytest.approx(float(values[0, 4]))
    assert float(drawn.telescope.orientation.position_angle) == pytest.approx(float(values[0, 1]))
    assert float(prior.log_prob(draws[0])) == pytest.approx(stats.norm.logpdf(draws[0]).sum())


def test_prior_says_what_it_cannot_draw():
    prior = scene()
    with pytest.raises(InputError, match=r"mass is 5e\+10, which is outside of Uniform"):
        Prior.of(prior.freed.model, mass=(lambda o: o.galaxy.mass, Uniform(0.0, 1e10)))
    with pytest.raises(InputError, match=r"^Prior\.of: mass needs a distribution .* and has Positive\(\)"):
        inspect.unwrap(Prior.of)(prior.freed.model, mass=(lambda o: o.galaxy.mass, Positive()))


def test_prior_of_arrays_keeps_their_order(double):
    galaxy = DiscBulge.sample(10, key=KEY)
    telescope = stages.telescope(spaxels=SquareSpaxels(0.4, (9, 8), (0.1, -0.2)))
    names = {
        "shift": (lambda o: o.telescope.spaxels.centre, Normal(0.0, 0.5)),
        "angle": (lambda o: o.telescope.orientation.position_angle, Normal(10.0, 5.0)),
    }
    prior = Prior.of(Observation(telescope, galaxy), **names)
    assert prior.names == ("shift[0]", "shift[1]", "angle") and prior.size == 3
    start, restore = prior.flat()
    assert np.allclose(start, [0.2, -0.4, 4.0])
    numbers = jnp.asarray([1.0, 2.0, -1.0])
    assert [*restore(numbers)] == ["shift", "angle"]
    assert np.allclose(prior.values(numbers), [0.5, 1.0, 5.0])
    drawn = eqx.filter_jit(lambda prior, numbers: prior(numbers))(prior, numbers)
    assert np.allclose(drawn.telescope.spaxels.centre, [0.5, 1.0])
    assert float(drawn.telescope.orientation.position_angle) == 5


@pytest.mark.parametrize("pair", [(lambda o: o.galaxy.mass, (0.0, 1.0)), Positive(), (lambda o: o.galaxy.mass,), 3.0])
def test_range_that_is_none_is_named(pair):
    with pytest.raises(InputError, match=r"^free: mass must be a function that selects a leaf and the range of"):
        inspect.unwrap(free)(scene().freed.model, mass=pair)


def test_mocks_that_an_encoder_cannot_use_are_counted():
    data = np.random.default_rng(0).normal(5, 1, (6, 8, 8, 20)).astype(np.float32)
    data[2, 3, 4, 5] = np.nan
    data[4] = np.inf
    with pytest.raises(InputError, match="CubeEncoder: 2 of 6 mocks hold numbers that are not finite"):
        CubeEncoder.new(jnp.asarray(data), 1.0, features=3, width=4, context=4, key=KEY)


def test_network_of_another_precision_is_named(double):
    single = jax.random.normal(KEY, (6, 8, 8, 20), jnp.float32) + 5
    encoder = CubeEncoder.new(single, 1.0, features=3, width=4, context=4, key=KEY)
    assert encoder(single[0]).dtype == jnp.float32
    with pytest.raises(ValueError, match="CubeEncoder holds numbers of float32, and the cube is of float64: cast one"):
        encoder(single[0].astype(float))


@pytest.mark.slow
def test_batch_is_each_of_its_mocks(bits):
    prior = scene()
    batches = Batches(prior, 4, KEY)
    batch = batches(7)
    keys = jax.random.split(jax.random.fold_in(KEY, 7), 4)
    alone = eqx.filter_jit(mock)
    for i, key in enumerate(keys):
        numbers, data = alone(prior, key)
        assert np.array_equal(numbers, batch.numbers[i])
        tolerance = 1e-4 if bits == 32 else 1e-11
        assert np.allclose(data, batch.data[i], rtol=0, atol=tolerance * float(jnp.abs(data).max()))
    clean = cube_of(prior, batch.numbers[0])
    variance = prior.freed.model.telescope.noise.variance(clean)
    assert float(chi_squared(batch.data[0], clean, variance)) == pytest.approx(clean.size / 2, rel=0.05)


def test_batches_depend_on_key_and_step_alone():
    prior = scene()
    batches = Batches(prior, 3, KEY)
    first, second, again = batches(0), batches(1), Batches(scene(), 3, KEY)(0)
    assert np.array_equal(first.data, again.data)
    assert not np.isclose(first.numbers, second.numbers).any()
    assert not np.isclose(first.numbers, Batches(prior, 3, jax.random.key(4))(0).numbers).any()


class Counted(AbstractGalaxy):
    """A galaxy that counts how often it is traced."""

    stars: Particles
    traces: ClassVar[list] = []

    def particles(self):
        """The stars."""
        Counted.traces.append(1)
        return self.stars


class Guess(eqx.Module):
    """A network that does not look."""

    numbers: jax.Array


def test_nothing_is_compiled_twice():
    prior = scene(Counted(stages.particles(50)))
    Counted.traces.clear()
    batches, losses = Batches(prior, 2, KEY), []
    for step in range(3):
        batches(step)
    # one program more looks for shortcomings, at the first step
    assert len(Counted.traces) == 2

    def loss(guess, batch):
        losses.append(1)
        return jnp.mean((guess.numbers[None, :] - batch.numbers) ** 2)

    train(loss, Guess(real([1.0, 1.0])), batches, optimiser=optax.adam(0.1), steps=5)
    assert len(losses) == 1 and len(Counted.traces) == 2


def shapes(jaxpr):
    """Of all arrays that a program makes."""
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            yield variable.aval.shape
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else [value]:
                if isinstance(inner, jax.extend.core.ClosedJaxpr | jax.extend.core.Jaxpr):
                    yield from shapes(getattr(inner, "jaxpr", inner))


def test_templates_are_made_once_for_a_batch_of_galaxies():
    galaxy = DiscBulge.sample(40, key=KEY)
    prior = Prior.of(Observation(stages.telescope(), galaxy), age=(lambda o: o.galaxy.disc_age, LogUniform(1.0, 10.0)))
    kind_by_wave = prior.freed.model.telescope.kinds * prior.freed.model.telescope.wavelengths.size
    arrays, rest = eqx.partition(Batches(prior, 11, KEY), eqx.is_array)
    program = jax.make_jaxpr(lambda arrays, step: eqx.combine(arrays, rest)(step))(arrays, jnp.asarray(2))
    made = [shape for shape in shapes(program.jaxpr) if np.prod(shape) == kind_by_wave]
    spread = [shape for shape in shapes(program.jaxpr) if np.prod(shape) == 11 * kind_by_wave]
    assert made and not spread


@pytest.mark.parametrize("name", HEADS)
def test_new_head_says_what_the_prior_says(double, name):
    head, context = HEADS[name].new(4, 6, key=KEY), jnp.linspace(-1, 1, 6)
    numbers = jnp.asarray([0.3, -1.0, 2.0, 0.1])
    assert float(head.log_prob(numbers, context)) == pytest.approx(stats.norm.logpdf(numbers).sum())
    assert np.allclose(head.centre(context), 0)


def perturbed(head):
    """A head that says something."""
    leaves, structure = jax.tree.flatten(head)
    keys = jax.random.split(KEY, len(leaves))
    moved = [
        leaf + 0.3 * jax.random.normal(key, leaf.shape) if eqx.is_inexact_array(leaf) else leaf
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(structure, moved)


@pytest.mark.parametrize("name", HEADS)
def test_density_of_a_head_is_that_of_its_draws(double, name):
    """By the volume that normal numbers take up when they become a draw."""
    head, context = perturbed(HEADS[name].new(5, 3, key=KEY)), jnp.asarray([0.5, -0.2, 0.8])

    def drawn(pulls):
        base = head if name == "Gaussian" else head.base
        mean, lower = base.moments(context)
        numbers = mean + jnp.linalg.solve(lower, pulls)
        for coupling in () if name == "Gaussian" else head.couplings:
            numbers = coupling.forward(numbers, context)
        return numbers

    @jax.jit
    def both(pulls):
        volume = jnp.linalg.slogdet(jax.jacobian(drawn)(pulls))[1]
        return head.log_prob(drawn(pulls), context) + volume, head.sample(context, key=KEY)

    for pulls in np.random.default_rng(4).normal(size=(5, 5)):
        assert float(both(jnp.asarray(pulls))[0]) == pytest.approx(stats.norm.logpdf(pulls).sum(), abs=1e-9)
    assert np.allclose(both(jnp.asarray(pulls))[1], drawn(jax.random.normal(KEY, (5,))), atol=1e-10)


def test_gaussian_head_is_the_normal_distribution(double):
    head, context = perturbed(GaussianHead.new(3, 5, key=KEY)), jnp.linspace(-1, 1, 5)
    numbers = jnp.asarray([0.4, 0.1, -0.6])
    known = stats.multivariate_normal(head.centre(context), head.covariance(context))
    assert float(head.log_prob(numbers, context)) == pytest.approx(known.logpdf(numbers))
    draws = jax.jit(jax.vmap(lambda key: head.sample(context, key=key)))(jax.random.split(KEY, 40_000))
    sigma = np.sqrt(np.diag(head.covariance(context)))
    assert np.allclose(np.cov(draws.T) / np.outer(sigma, sigma), known.cov / np.outer(sigma, sigma), atol=0.03)


class Seen(eqx.Module):
    """Mocks of two numbers of which their sum and a power are seen, through noise."""

    power: int = eqx.field(static=True)
    key: jax.Array

    def __call__(self, step):
        """A batch; its cubes have one spaxel."""
        one, two = jax.random.split(jax.random.fold_in(self.key, step))
        numbers = jax.random.normal(one, (512, 2))
        seen = jnp.stack([numbers.sum(axis=1), numbers[:, 0] ** self.power], axis=1)
        return Batch(numbers, (seen + 0.5 * jax.random.normal(two, seen.shape))[:, None, None, :])


def flat(data):
    """An encoder for one spaxel."""
    return data.reshape(-1)


def test_head_learns_the_posterior_that_is_known(double):
    network = Posterior(flat, GaussianHead.new(2, 2, key=KEY))
    found = train(surprise, network, Seen(1, KEY), optimiser=optax.adam(0.02), steps=400).network
    matrix = np.array([[1.0, 1.0], [1.0, 0.0]])
    covariance = np.linalg.inv(np.eye(2) + matrix.T @ matrix / 0.25)
    data = jnp.asarray([0.8, -0.3])
    assert np.allclose(found.head.covariance(data), covariance, rtol=0, atol=0.1 * covariance.max())
    mean = covariance @ matrix.T @ data / 0.25
    assert np.allclose(found.head.centre(data), mean, rtol=0, atol=0.1 * np.sqrt(covariance.max()))


def test_held_centres_leave_widths_to_learn(double):
    network = Posterior(flat, perturbed(GaussianHead.new(2, 2, key=KEY)))
    batch = Seen(1, KEY)(0)
    slope = eqx.filter_jit(eqx.filter_grad(lambda network: surprise(network, batch, held=True)))(network)
    assert np.allclose(slope.head.layer.weight[:2], 0, atol=1e-12)
    assert float(jnp.abs(slope.head.layer.weight[2:]).min()) > 1e-3
    assert float(surprise(network, batch, held=True)) == pytest.approx(float(surprise(network, batch)))
    pace = optax.cosine_decay_schedule(0.05, 300)

    def loss(network, batch):
        return 4 * squares(network, batch) + surprise(network, batch, held=True)

    found = train(loss, network, Seen(1, KEY), optimiser=optax.adam(pace), steps=300).network
    matrix = np.array([[1.0, 1.0], [1.0, 0.0]])
    covariance = np.linalg.inv(np.eye(2) + matrix.T @ matrix / 0.25)
    assert np.allclose(found.head.covariance(jnp.zeros(2)), covariance, rtol=0, atol=0.1 * covariance.max())


@pytest.mark.slow
def test_flow_learns_a_posterior_that_is_not_normal(double):
    """The sign of a number of which the square is seen is not known, if its sum with another tells little."""
    test = Seen(2, jax.random.key(8))(0)
    found = []
    for head in (GaussianHead.new(2, 2, key=KEY), FlowHead.new(2, 2, width=32, couplings=6, key=KEY)):
        network = train(surprise, Posterior(flat, head), Seen(2, KEY), optimiser=optax.adam(3e-3), steps=600).network
        found.append(network)
    assert float(surprise(found[1], test)) < float(surprise(found[0], test)) - 0.15
    keys = jax.random.split(KEY, 512)
    draws = jax.vmap(lambda data, key: found[1].sample(data, 199, key=key))(test.data, keys)
    for probability in (0.68, 0.9):
        assert np.allclose(coverage(draws, test.numbers, probability), probability, rtol=0, atol=0.07)


def test_ranks_of_the_true_posterior_are_all_alike(double):
    rng = np.random.default_rng(2)
    truth = jnp.asarray(rng.normal(size=(600, 2)))
    middle = truth + 0.3 * rng.normal(size=truth.shape)
    draws = middle[:, None] + 0.3 * rng.normal(size=(600, 99, 2))
    share = np.asarray(ranks(draws, truth)) / 100
    assert stats.kstest(share[:, 0], "uniform").pvalue > 0.01
    assert np.allclose(coverage(draws, truth, 0.68), 0.68, atol=0.06)
    narrow = middle[:, None] + 0.5 * (draws - middle[:, None])
    assert np.all(coverage(narrow, truth, 0.9) < 0.7)


def image(data):
    """An encoder that looks at brightness."""
    return jnp.arcsinh(data.mean(axis=2) / 100).reshape(-1)


@pytest.mark.slow
def test_interrupted_training_goes_on_bit_for_bit(tmp_path):
    prior = scene()
    batches, start = Batches(prior, 2, KEY), Posterior(image, GaussianHead.new(prior.size, 9 * 8, key=KEY))

    def loss(network, batch, prior):
        answers = eqx.filter_vmap(network.centre)(batch.data)
        return surprise(network, batch) + 0.1 * misfit(prior, answers, batch.data)

    def run(steps, optimiser=None, **more):
        optimiser = optimiser or optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
        return train(loss, start, batches, prior, optimiser=optimiser, steps=steps, **more)

    whole, path = run(6), tmp_path / "training.bin"
    run(3, checkpoint=path)
    again = run(6, checkpoint=path)
    assert np.array_equal(whole.history, again.history)
    for ours, theirs in zip(*(jax.tree.leaves(r.network) for r in (whole, again)), strict=True):
        assert np.array_equal(ours, theirs) if eqx.is_array(ours) else ours == theirs
    with pytest.raises(InputError, match="is not a checkpoint of this training"):
        run(7, optax.sgd(0.1), checkpoint=path)


def test_training_that_diverges_is_one_sentence():
    def loss(network, batch):
        return jnp.log(-jnp.sum(network.numbers**2))

    with pytest.raises(InputError, match="the loss is nan at step 0: take a smaller learning rate"):
        train(loss, Guess(real([1.0])), Seen(1, KEY), optimiser=optax.adam(1e-3), steps=2)


@pytest.mark.slow
def test_misfit_is_zero_at_the_truth_and_has_a_true_gradient(double):
    prior = scene()
    batch = Batches(prior, 2, KEY)(0)
    both = jax.jit(jax.value_and_grad(lambda n: misfit(prior, n, batch.data)))
    assert abs(float(both(batch.numbers)[0])) < 3 * np.sqrt(2 / batch.data[0].size)
    away = batch.numbers + jnp.asarray([[0.3, -0.2, 0.1, 0.4, -0.3]])
    value, slope = both(away)
    assert float(value) > 0.1
    direction = jnp.asarray(np.random.default_rng(1).normal(size=away.shape))
    step = 1e-5
    difference = (both(away + step * direction)[0] - both(away - step * direction)[0]) / (2 * step)
    assert float(jnp.vdot(slope, direction)) == pytest.approx(float(difference), rel=1e-5)


@pytest.mark.slow
def test_refined_answer_is_the_most_probable_one_and_knows_its_errors(double):
    prior = scene(noise=ConstantNoise(30.0))
    batch = Batches(prior, 6, KEY)(1)
    rough = batch.numbers + 0.2 * jax.random.normal(KEY, batch.numbers.shape)
    one = eqx.filter_jit(lambda prior, numbers, data: refine(prior, numbers, data, 8))
    pulls = []
    for truth, start, data in zip(batch.numbers, rough, batch.data, strict=True):
        found = one(prior, start, data)
        assert np.all(np.diff(found.loss) <= 0)
        residual = np.linalg.cholesky(np.linalg.inv(found.covariance)).T @ (found.numbers - truth)
        pulls.append(residual)
    assert stats.kstest(np.concatenate(pulls), "norm").pvalue > 0.01
    parameters = prior.flat()[1](found.numbers)
    clean = cube_of(prior, found.numbers)
    variance = prior.freed.model.telescope.noise.variance(clean)
    table = fisher(prior.freed, parameters, lambda o: o(), variance)
    order = [table.names.index(name) for name in prior.names]
    bound = table.covariance[np.ix_(order, order)]
    stretch = np.diag(jax.jacobian(prior.values)(found.numbers))
    free_bound = bound / np.outer(stretch, stretch)
    assert np.allclose(np.linalg.inv(found.covariance), np.linalg.inv(free_bound), rtol=1e-6)


def mocks_in_all(batches, count):
    """Some batches in one."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *map(batches, range(count)))


@pytest.mark.slow
@pytest.mark.optimised
def test_encoder_sees_more_than_the_prior():
    wavelengths, kinematics = Wavelengths(4836.0, 2.5, 60, "air"), VelocityChannels(500.0, 100.0)
    ssp = LowRankSSP.from_library(stages.library(), 1e-2)
    prior = scene(noise=ConstantNoise(50.0), wavelengths=wavelengths, kinematics=kinematics, ssp=ssp)
    # Of one size, so that their program is one.
    batches, pilots, others = (Batches(prior, 16, key) for key in (KEY, jax.random.key(9), jax.random.key(10)))
    encoder = CubeEncoder.new(mocks_in_all(pilots, 2).data, 50.0, features=6, width=8, context=16, key=KEY)
    start = Posterior(encoder, GaussianHead.new(prior.size, 16, key=KEY))

    def loss(network, batch):
        return 4 * squares(network, batch) + surprise(network, batch, held=True)

    pace = optax.cosine_decay_schedule(4e-3, 900)
    trained = train(loss, start, batches, optimiser=optax.adam(pace), steps=900).network
    nothing = float(prior.size * 0.5 * (1 + np.log(2 * np.pi)))
    held_out = mocks_in_all(others, 4)
    assert float(surprise(trained, held_out)) < nothing - 2
    errors = jnp.mean((eqx.filter_vmap(trained.centre)(held_out.data) - held_out.numbers) ** 2, axis=0)
    mass, angle = prior.names.index("mass"), prior.names.index("position_angle")
    assert float(errors[mass]) < 0.2 and float(errors[angle]) < 0.5


@pytest.mark.slow
def test_dust_curve_is_learnt_from_a_cube():
    """A network takes the place of the formula: what it learns is Cardelli's law, from the blue to the infrared.

    The baseline is the curve before it learnt, with its depth fitted to the truth.
    """
    wide = Wavelengths(3900.0, 20.0, 250, "air")
    library, wide = embedded_library().matched(wide, stages.REDSHIFT, 1000.0)
    truth = stages.telescope(
        wavelengths=wide,
        kinematics=VelocityChannels(400.0, 200.0),
        ssp=LowRankSSP.from_library(library.resampled(10.0), 1e-2),
        dust=ScreenDust(0.8, CardelliCurve()),
        lsf=GaussianLSF(40.0),
        noise=TargetSNRNoise(30.0),
    )
    stars = stages.particles(100)
    weights, templates = eqx.filter_jit(lambda t, s: (t.weights(s), t.templates()))(truth, stars)
    clean = eqx.filter_jit(lambda t, *given: t.observe(*given))(truth, weights, templates)
    data, variance = truth.noise.sample(clean, key=KEY), truth.noise.variance(clean)
    rest = real(to_vacuum(wide.centres()) / (1 + stages.REDSHIFT))
    curve = NeuralCurve.new((float(rest[0]), float(rest[-1])), width=8, key=KEY)
    model = eqx.tree_at(lambda t: t.dust, truth, ScreenDust(0.5, curve))
    parameters, fixed = eqx.partition(model.dust, eqx.is_inexact_array)

    def loss(parameters, fixed, model, weights, data, variance):
        telescope = eqx.tree_at(lambda t: t.dust, model, eqx.combine(parameters, fixed))
        return chi_squared(data, telescope.observe(weights, telescope.templates()), variance)

    fit = minimise(loss, parameters, fixed, model, weights, data, variance, steps=150)
    found = eqx.combine(fit.parameters, fixed)
    attenuation = truth.dust.depth * truth.dust.curve.ratio(rest)
    untrained = curve.ratio(rest)
    depth = jnp.vdot(untrained, attenuation) / jnp.vdot(untrained, untrained)
    before, after = (x - attenuation for x in (depth * untrained, found.depth * found.curve.ratio(rest)))
    assert fit.loss == pytest.approx(data.size / 2, rel=0.05)
    assert float(jnp.sqrt(jnp.mean(before**2))) > 0.03
    assert float(jnp.sqrt(jnp.mean(after**2))) < float(jnp.sqrt(jnp.mean(before**2))) / 5
    assert float(jnp.abs(after).max()) < float(jnp.abs(before).max()) / 4


def script():
    """The benchmark of encoders, as a module."""
    spec = importlib.util.spec_from_file_location("encoder", BENCHMARKS / "encoder.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["encoder"] = module  # where dataclasses look for their names
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_script_trains_networks_of_the_shapes_it_claims(large):
    """Its losses and their gradients are traced at full size, and nothing is computed."""
    encoder = script()
    size = encoder.LARGE if large else encoder.SMALL
    prior = encoder.prior_of(size)
    shape = (size.batch, size.spaxels, size.spaxels, size.channels)
    pilot = jnp.asarray(np.random.default_rng(1).lognormal(size=(2, *shape[1:])), jnp.float32)
    seen = CubeEncoder.new(pilot, 400.0, features=size.features, width=size.width, context=size.context, key=KEY)
    network = Posterior(seen, GaussianHead.new(prior.size, size.context, key=KEY))
    batch = eqx.filter_eval_shape(Batches(prior, size.batch, KEY), 0)
    assert batch.data.shape == shape and batch.numbers.shape == (size.batch, 8)
    for loss, *more in ((encoder.with_physics, prior, size.decoded, 1.0), (squares,)):
        gradient = eqx.filter_eval_shape(eqx.filter_grad(loss), network, batch, *more)
        assert jax.tree.map(jnp.shape, gradient) == jax.tree.map(jnp.shape, eqx.filter(network, eqx.is_inexact_array))
