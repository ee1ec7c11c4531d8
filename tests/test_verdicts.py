"""Fits can be believed: priors count as they should, false minima are left, and what is not known is said."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from ifux import InputError, real
from ifux.fitting import (
    Interval,
    Isotropic,
    LogNormal,
    LogUniform,
    Normal,
    Positive,
    Real,
    Uniform,
    Weighted,
    Whitened,
    fisher,
    free,
    importance,
    least_squares,
)

KEY = jax.random.key(1)


class Numbers(eqx.Module):
    """What there is to be found."""

    one: jax.Array = eqx.field(converter=real, default=1.0)
    two: jax.Array = eqx.field(converter=real, default=1.0)
    three: jax.Array = eqx.field(converter=real, default=1.0)


ONE, TWO, THREE = (lambda n: n.one), (lambda n: n.two), (lambda n: n.three)
DESIGN = np.random.default_rng(3).normal(size=(40, 3))


def linear(numbers):
    """A spectrum that depends on them as on the heights of three lines."""
    return (jnp.asarray(DESIGN, float) @ jnp.stack([numbers.one, numbers.two, numbers.three]))[None, None]


def logarithmic(numbers):
    """One that depends on the logarithm of the first."""
    return jnp.full((1, 1, 5), jnp.log10(numbers.one))


def cubic(numbers):
    """One that depends on the cube of the first."""
    return jnp.full((1, 1, 1), numbers.one**3)


def square(numbers):
    """One that hardly depends on the sign of the first."""
    return jnp.stack([numbers.one**2, 0.1 * numbers.one])[None, None]


def summed(numbers):
    """One that depends on the sum of the first two."""
    return (numbers.one + numbers.two) * jnp.arange(1.0, 6.0, dtype=float)[None, None]


def steep(numbers):
    """One whose derivative is no number where the first is above one."""
    return jnp.full((1, 1, 3), numbers.one - jnp.sqrt(jnp.maximum(1 - numbers.one, 0)))


def noisy(clean, sigma, seed=0):
    return clean + sigma * jnp.asarray(np.random.default_rng(seed).normal(size=clean.shape), clean.dtype)


def flat(model, fit):
    return np.array([float(value) for _, value in sorted(model.values(fit.parameters).items())])


@pytest.mark.parametrize("beside", [False, True], ids=["in place of the range", "beside it"])
def test_posterior_of_a_linear_model_is_the_product_of_two_normal_ones(double, beside):
    means, deviations, sigma = np.array([0.5, 2.0, -1.0]), np.array([0.1, 3.0, 0.5]), 0.7
    priors = [Normal(mean, deviation) for mean, deviation in zip(means.tolist(), deviations.tolist(), strict=True)]
    names = dict(zip(("a", "b", "c"), zip((ONE, TWO, THREE), priors, strict=True), strict=True))
    if beside:
        names = {name: (where, Real(0.3), prior) for name, (where, prior) in names.items()}
    start, model = free(Numbers(0.3, 1.0, 0.0), **names)
    data = noisy(linear(Numbers(0.4, 5.0, -1.2)), sigma)
    fit, known = least_squares(linear, model, start, data, jnp.full_like(data, sigma**2), tolerance=1e-12)
    covariance = np.linalg.inv(DESIGN.T @ DESIGN / sigma**2 + np.diag(deviations**-2.0))
    mean = covariance @ (DESIGN.T @ np.asarray(data)[0, 0] / sigma**2 + means / deviations**2)
    assert np.allclose(flat(model, fit), mean, rtol=1e-6)
    assert np.allclose(known.covariance, covariance, rtol=1e-9)
    used = 3 - np.trace(covariance @ np.diag(deviations**-2.0))
    assert fit.verdict.expected == pytest.approx(40 - used)
    bound = fisher(model, fit.parameters, linear, jnp.full_like(data, sigma**2))
    assert np.allclose(bound.covariance, covariance, rtol=1e-9)


def test_log_normal_prior_is_normal_in_the_logarithm(double):
    start, model = free(Numbers(2.0), one=(ONE, Positive(), LogNormal(3.0, 0.2)))
    data, sigma = noisy(logarithmic(Numbers(5.0)), 0.3), 0.3
    fit, known = least_squares(logarithmic, model, start, data, jnp.full_like(data, sigma**2), tolerance=1e-12)
    precision = data.size / sigma**2 + 0.2**-2
    mean = (float(data.sum()) / sigma**2 + np.log10(3.0) / 0.2**2) / precision
    value = 10**mean
    assert flat(model, fit)[0] == pytest.approx(value, rel=1e-6)
    assert known.errors["one"] == pytest.approx(value * np.log(10) / np.sqrt(precision), rel=1e-5)


def test_bijection_does_not_move_the_most_probable_value(double):
    data, variance, ends = real([[[8.0]]]), real([[[9.0]]]), []
    for bijection in (Positive(), Interval(0.5, 7.0), Real(), Uniform(0.0, 9.0)):
        start, model = free(Numbers(1.5), one=(ONE, bijection, Normal(1.5, 0.3)))
        ends.append(flat(model, least_squares(cubic, model, start, data, variance, tolerance=1e-12)[0])[0])
    assert np.allclose(ends, ends[0], rtol=1e-6)


PRIORS = {
    "normal": (Normal(1.5, 0.4), stats.norm(1.5, 0.4)),
    "log-normal": (LogNormal(2.0, 0.1), stats.lognorm(0.1 * np.log(10), scale=2.0)),
    "uniform": (Uniform(0.5, 4.0), stats.uniform(0.5, 3.5)),
    "log-uniform": (LogUniform(0.5, 4.0), stats.loguniform(0.5, 4.0)),
}


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("bijection", [None, Positive(), Interval(0.4, 5.0)], ids=["its own", "positive", "interval"])
def test_density_of_the_free_number_is_that_of_the_value_times_the_stretch(double, name, bijection):
    ours, theirs = PRIORS[name]
    start, model = free(Numbers(1.7), one=(ONE, ours) if bijection is None else (ONE, bijection, ours))
    value, stretch = jax.jvp(model.bijections["one"].forward, (start["one"],), (jnp.ones(()),))
    assert float(model.log_prior(start)) == pytest.approx(theirs.logpdf(float(value)) + np.log(float(stretch)))
    assert np.allclose(model.deviating(model.deviations(start))["one"], start["one"])


def test_free_takes_distributions_for_priors_only():
    with pytest.raises(InputError, match=r"one has Positive\(\) for a prior: give a distribution"):
        free(Numbers(), one=(ONE, Real(), Positive()))
    with pytest.raises(InputError, match=r"one is 1, which is outside of Uniform\(low=2.0, high=3.0\)"):
        free(Numbers(), one=(ONE, Real(), Uniform(2.0, 3.0)))


def test_several_starts_leave_a_false_minimum(bits):
    sigma = 0.003
    data = noisy(square(Numbers(0.8)), sigma)
    variance = jnp.full_like(data, sigma**2)
    start, model = free(Numbers(-0.5), one=(ONE, Normal(0.0, 1.0)))
    single, _ = least_squares(square, model, start, data, variance)
    assert flat(model, single)[0] == pytest.approx(-0.8, abs=0.05)
    assert not single.verdict.converged and "a false minimum" in single.verdict.why
    fit, known = least_squares(square, model, start, data, variance, starts=6, key=KEY)
    assert abs(flat(model, fit)[0] - 0.8) < 4 * known.errors["one"]
    assert fit.verdict.converged and len(fit.minima) <= 6
    assert fit.loss == min(minimum.loss for minimum in fit.minima)
    assert np.allclose(fit.verdict.spread, [minimum.loss - fit.loss for minimum in fit.minima[1:]])


def test_starts_need_priors_and_a_key(double):
    data = linear(Numbers())
    start, model = free(Numbers(), one=(ONE, Normal(1.0, 1.0)), two=(TWO, Real()), three=(THREE, Positive()))
    with pytest.raises(InputError, match="drawn from the priors: give two, three one"):
        least_squares(linear, model, start, data, jnp.ones_like(data), starts=3, key=KEY)
    start, model = free(Numbers(), one=(ONE, Normal(1.0, 1.0)))
    with pytest.raises(InputError, match="give a key, or take one start"):
        least_squares(linear, model, start, data, jnp.ones_like(data), starts=3)


def test_parameter_that_the_cube_does_not_see_has_the_error_of_its_prior_or_none(bits):
    data = noisy(summed(Numbers()), 0.1)
    variance = jnp.full_like(data, 0.01)
    start, model = free(Numbers(), one=(ONE, Real()), three=(THREE, Normal(1.0, 0.25)))
    fit, known = least_squares(summed, model, start, data, variance)
    assert known.errors["three"] == pytest.approx(0.25) and np.isfinite(known.errors["one"])
    assert fit.verdict.unconstrained == ("three",) and fit.verdict.converged
    start, model = free(Numbers(), one=(ONE, Real()), three=(THREE, Real()))
    fit, known = least_squares(summed, model, start, data, variance)
    assert known.errors["three"] == np.inf and known.errors["one"] == pytest.approx(0.1 / np.sqrt(55), rel=1e-4)
    assert fit.verdict.unconstrained == ("three",) and np.allclose(known.correlation, np.eye(2))
    assert "The data tell nothing of three." in str(fit.verdict)
    with pytest.raises(InputError, match="Whitened: nothing constrains three"):
        Whitened.at(model, fit.parameters, known)


def test_degenerate_parameters_are_named_with_their_direction(bits):
    data = noisy(summed(Numbers()), 0.1)
    variance = jnp.full_like(data, 0.01)
    start, model = free(Numbers(), one=(ONE, Real()), two=(TWO, Real()))
    fit, known = least_squares(summed, model, start, data, variance)
    assert known.errors == {"one": np.inf, "two": np.inf}
    (direction,) = fit.verdict.degenerate
    assert "leave the cube as it is" in direction
    assert "one up and two down" in direction or "two up and one down" in direction
    start, model = free(Numbers(), one=(ONE, Normal(1.0, 2.0)), two=(TWO, Normal(1.0, 2.0)))
    fit, known = least_squares(summed, model, start, data, variance)
    assert known.errors["one"] == pytest.approx(2 / np.sqrt(2), rel=1e-3)
    (direction,) = fit.verdict.degenerate
    assert "times worse known than each alone" in direction


def test_parameters_at_a_bound_are_named_with_it(double):
    data = linear(Numbers(1.0, 1e-9, 5.0))
    variance = jnp.full_like(data, 0.01)
    names = {"one": (ONE, Interval(1.5, 4.0)), "two": (TWO, Positive()), "three": (THREE, Uniform(0.0, 4.0))}
    fit, known = least_squares(linear, *reversed(free(Numbers(2.0, 1.0, 1.0), **names)), data, variance, steps=200)
    assert fit.verdict.at_bound["one"] == "lower" and fit.verdict.at_bound["three"] == "upper"
    assert "one is at the lower end of its range." in str(fit.verdict)
    assert all(np.isfinite(error) for error in known.errors.values())


def test_errors_are_widened_where_chi_squared_says_so(double):
    sigma = 0.5
    data = noisy(linear(Numbers()), 3 * sigma)
    variance = jnp.full_like(data, sigma**2)
    start, model = free(Numbers(), one=(ONE, Real()), two=(TWO, Real()), three=(THREE, Normal(1.0, 1e-4)))
    fit, narrow = least_squares(linear, model, start, data, variance)
    same, wide = least_squares(linear, model, start, data, variance, widen=True)
    assert same.verdict.excess == fit.verdict.excess and fit.verdict.deviations > 5
    assert same.verdict.converged and not fit.verdict.converged
    assert fit.verdict.excess == pytest.approx(9, rel=0.7)
    assert wide.errors["one"] == pytest.approx(narrow.errors["one"] * np.sqrt(fit.verdict.excess), rel=1e-3)
    assert wide.errors["three"] == pytest.approx(1e-4, rel=1e-3)
    _, calm = least_squares(linear, model, start, data, 100 * variance, widen=True)
    assert np.array_equal(calm.covariance, least_squares(linear, model, start, data, 100 * variance)[1].covariance)


def test_failing_fit_returns_what_it_has(double):
    data = jnp.full((1, 1, 3), 2.0)
    start, model = free(Numbers(0.6), one=(ONE, Real()), two=(TWO, Normal(1.0, 0.5)))
    fit, known = least_squares(steep, model, start, data, jnp.ones_like(data), reach=0.5)
    assert not fit.verdict.converged and "derivatives of the cube are not finite" in fit.verdict.why
    assert fit.loss < fit.history[0] and np.isfinite(flat(model, fit)).all()
    assert known.errors == {"one": np.inf, "two": pytest.approx(0.5)}


def test_limit_of_steps_is_not_called_converged(double):
    data = linear(Numbers(30.0))
    start, model = free(Numbers(), one=(ONE, Real()))
    fit, _ = least_squares(linear, model, start, data, jnp.full_like(data, 1e-4), steps=3)
    assert not fit.verdict.converged and fit.verdict.why == "the limit of 3 steps"


def quantiles(log_density, low, high, shares):
    """Of a density of one number, by quadrature."""
    grid = np.linspace(low, high, 20_001)
    logs = log_density(grid)
    below = integrate.cumulative_trapezoid(np.exp(logs - logs.max()), grid, initial=0)
    return np.interp(shares, below / below[-1], grid)


def test_importance_weights_find_the_quantiles_of_a_bent_posterior(bits):
    """A log-normal prior and a datum that is cubic in the value: neither normal in the value nor in its logarithm."""
    datum, sigma = 0.5, 3.0
    data, variance = real([[[datum]]]), real([[[sigma**2]]])
    start, model = free(Numbers(1.0), one=(ONE, LogNormal(1.0, 0.3)))
    fit, known = least_squares(cubic, model, start, data, variance)
    drawn = importance(cubic, model, fit, data, variance, key=KEY, effective=4000, draws=2000)
    prior = stats.lognorm(0.3 * np.log(10), scale=1.0)
    exact = quantiles(lambda x: prior.logpdf(x) - 0.5 * ((datum - x**3) / sigma) ** 2, 1e-3, 8.0, [0.16, 0.84])
    assert drawn.effective >= 4000
    assert np.allclose(drawn.intervals()["one"], exact, rtol=0.03)
    value = flat(model, fit)[0]
    assert abs(value - known.errors["one"] - exact[0]) > 0.1 * exact[0]
    assert drawn.mean["one"] == pytest.approx(np.sum(drawn.weights * drawn.values[:, 0]))
    assert drawn.uncertainty.errors["one"] == pytest.approx(
        np.sqrt(np.cov(drawn.values.T, aweights=drawn.weights, ddof=0))
    )


def test_importance_weights_cover_both_of_two_minima(double):
    data, variance = real([[[0.64, 0.01]]]), real([[[0.01, 0.01]]])
    start, model = free(Numbers(-0.5), one=(ONE, Normal(0.0, 1.0)))
    fit, _ = least_squares(square, model, start, data, variance, starts=8, key=KEY)
    drawn = importance(square, model, fit, data, variance, key=KEY, effective=3000, draws=1500)

    def log_density(x):
        return -0.5 * x**2 - 50 * (0.64 - x**2) ** 2 - 50 * (0.01 - 0.1 * x) ** 2

    exact = quantiles(log_density, -3, 3, [0.16, 0.84])
    assert exact[0] < -0.5 and exact[1] > 0.5
    assert np.allclose(drawn.intervals()["one"], exact, atol=0.03)


def test_what_nothing_constrains_has_infinite_intervals(double):
    data = noisy(summed(Numbers()), 0.1)
    variance = jnp.full_like(data, 0.01)
    start, model = free(Numbers(), one=(ONE, Real()), three=(THREE, Real()), two=(TWO, Normal(1.0, 0.1)))
    fit, known = least_squares(summed, model, start, data, variance)
    drawn = importance(summed, model, fit, data, variance, key=KEY)
    assert drawn.unconstrained == ("three",) and drawn.intervals()["three"] == (-np.inf, np.inf)
    assert drawn.uncertainty.errors["three"] == np.inf
    assert drawn.uncertainty.errors["one"] == pytest.approx(known.errors["one"], rel=0.3)


def test_intervals_of_equal_weights_are_quantiles():
    values = np.random.default_rng(1).normal(size=(5000, 1))
    drawn = Weighted(("x",), values, np.full(5000, 1 / 5000), ())
    assert drawn.effective == pytest.approx(5000)
    assert np.allclose(drawn.intervals(0.9)["x"], np.quantile(values, [0.05, 0.95]), atol=0.01)


def test_isotropic_inclinations_may_be_a_prior(double):
    start, model = free(Numbers(50.0), one=(ONE, Interval(10.0, 90.0), Isotropic(20.0, 80.0)))
    assert np.isfinite(float(model.log_prior(start)))


def parabola(numbers):
    """Ten numbers of which nine follow the square of the first."""
    return jnp.append(numbers.one[:1], numbers.one[1:] - 0.3 * numbers.one[0] ** 2)[None, None]


def test_importance_weights_follow_a_bent_valley_to_its_ends(double):
    """What is far along the valley is far off the axis in nine directions: draws about the minimum never meet it."""
    data = jnp.zeros((1, 1, 10))
    start, model = free(Numbers(np.zeros(10)), one=(ONE, Real()))
    fit, _ = least_squares(parabola, model, start, data, jnp.ones_like(data))
    drawn = importance(parabola, model, fit, data, jnp.ones_like(data), key=KEY, effective=1500, draws=1500)
    assert drawn.uncertainty.errors["one[0]"] == pytest.approx(1, abs=0.1)
    assert np.allclose(drawn.intervals()["one[0]"], stats.norm.ppf([0.16, 0.84]), atol=0.12)


def kinked(numbers):
    """Ten numbers, the first of which counts a tenth as much from some value on, as where a table has its next cell."""
    first = numbers.one[0]
    return jnp.append(jnp.where(first < -2, 0.1 * first - 1.8, first), numbers.one[1:])[None, None]


def test_importance_weights_follow_a_valley_beyond_a_kink(double):
    """A fifth of the posterior is where a normal one about the minimum has a fortieth and goes on for twenty errors."""
    data = jnp.zeros((1, 1, 10))
    start, model = free(Numbers(np.zeros(10)), one=(ONE, Real()))
    fit, _ = least_squares(kinked, model, start, data, jnp.ones_like(data))
    drawn = importance(kinked, model, fit, data, jnp.ones_like(data), key=KEY, effective=1500, draws=1500)
    shares = [0.05, 0.16, 0.5, 0.84]
    exact = quantiles(lambda x: -0.5 * np.where(x < -2, 0.1 * x - 1.8, x) ** 2, -60, 6, shares)
    low, high = drawn.intervals()["one[0]"]
    found = [drawn.intervals(0.9)["one[0]"][0], low, drawn.intervals(0.0)["one[0]"][0], high]
    assert exact[0] < -7
    assert np.allclose(found, exact, rtol=0.1, atol=0.12)
