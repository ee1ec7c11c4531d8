r"""Few parameters fitted to every voxel of a cube, with their errors: the method of Levenberg and Marquardt.

$$(F + \mu\,\mathrm{diag}\,F)\,\delta = J^T \Sigma^{-1} (d - m) - P\,z, \qquad
F = J^T \Sigma^{-1} J + P P^T$$

with the cube m, its derivatives J by the free numbers, the variances of the data, the standard normal numbers z of the
priors and their derivatives P, and a damping that falls when a step keeps its promise and rises when it does not.
Parameters of any size are treated alike, and the inverse of the last F is the covariance.

References: Levenberg (1944), Quarterly of Applied Mathematics 2, 164; Marquardt (1963), Journal of the SIAM 11, 431;
Madsen, Nielsen & Tingleff (2004), Methods for Non-Linear Least Squares Problems (the damping).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from tqdm import tqdm

from ifux.door import shortcomings, warn_of
from ifux.errors import InputError
from ifux.fitting.fisher import Uncertainty, bound
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.problem import Problem, linearised, many_parts, parts
from ifux.fitting.verdict import Verdict, judged

SCREENED = 24
"""Draws from the priors for every start: the fit begins at the best of them."""

SCANNED = 8
"""Draws for every number that is drawn again, where another valley is looked for."""

RISEN = 50.0
"""Rise of a parabola, ten standard deviations away, where another valley is looked for."""

LEAST = 4
"""Descents before it is believed that the best minimum has been found, if there may be so many."""

SAME = 0.5
"""Two fits that end with losses no further apart have found the same minimum."""

WARM = 0.1
"""Fall of a loss that is promised with more noise than there is, below which that is the right one."""

NOISE = 0.05
"""Fall of a loss that kinks and rounding errors may hide: a third of a standard deviation at most."""


@dataclass(frozen=True)
class Minimum:
    """Where a descent from one start ended."""

    parameters: Parameters
    """Those of the smallest loss."""
    loss: float
    """The smallest loss: half of chi squared, and of the squared deviations from the priors."""
    chi_squared: float
    """Of the data alone."""
    history: Float[np.ndarray, " step"]
    """The loss before every step."""
    reason: str
    """Why it ended."""
    settled: bool
    """Whether it ended because the loss has a minimum there."""
    information: Float[np.ndarray, "parameter parameter"]
    """Of the data on the free numbers, in the order in which they are laid flat."""
    prior: Float[np.ndarray, " parameter"]
    """Information of the priors on each of them."""


@dataclass(frozen=True)
class LeastSquares:
    """The best of some descents, and what is to be thought of it."""

    parameters: Parameters
    """Those of the smallest loss."""
    loss: float
    """The smallest loss: half of chi squared, and of the squared deviations from the priors."""
    history: Float[np.ndarray, " step"]
    """The loss before every step from the best start."""
    reason: str
    """Why these steps ended."""
    verdict: Verdict
    """Whether to believe it; printed, it says so in words."""
    minima: tuple[Minimum, ...]
    """Where the descents ended, one for each start, the best first."""


def least_squares(
    predict: Callable[[Any], Float[Array, "y x wave"]],
    model: Freed,
    parameters: Parameters,
    data: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
    *,
    starts: int = 1,
    key: PRNGKeyArray | None = None,
    widen: bool = False,
    steps: int = 50,
    tolerance: float = 1e-3,
    reach: float = 1.0,
    progress: bool = False,
) -> tuple[LeastSquares, Uncertainty]:
    """The most probable parameters, how well they are known, and whether that can be believed.

    For telescopes and galaxies of a few parameters it needs a tenth of the steps of `minimise`. It holds one derivative
    of the cube for each free number: twenty of MUSE's 100 x 100 spaxels need 3 GB in single precision.

    A loss may have several minima, and a descent finds the nearest. With several starts, the others are in turns the
    most probable of many draws from the priors, and places that differ from the best minimum so far in a few numbers
    and are less improbable than it suggests. Four are tried, and then more, until two have ended in the same best
    minimum. Whatever goes wrong on the way, what was found is returned: `fit.verdict` says what to think of it. At the
    start and at the end it warns of what the numbers have left that the telescope was made for, as
    `ifux.door.shortcomings` tells it.

    Args:
        predict: Makes the noiseless cube of the model that parameters stand for. Give the same function again, and
            nothing is compiled again.
        model: As `free` returns it. Priors count in the loss and in the errors.
        parameters: Where to begin.
        data: The cube.
        variance: Of its noise.
        mask: True where the data count.
        starts: At most, `parameters` among them. They are tried one after the other: on a CPU side by side is slower.
        key: For the draws of the further starts.
        widen: Whether to take the variance of the noise for as much larger as chi squared is than expected, if it is,
            in the errors; a large chi squared is then no reason to doubt the minimum.
        steps: At most, from each start.
        tolerance: A descent ends when the loss promises to fall by less. At a thousandth, no combination of parameters
            is further from the minimum than a twentieth of its standard deviation.
        reach: How far a free number may go in one step: a number that the cube hardly tells before the others are right
            is not thrown out of its range. One is a factor of e for `Positive`, a unit of its scale for `Real`, and a
            standard deviation of a prior.
        progress: Whether to show a line with the loss, which is half of chi squared, and of the squared deviations
            from the priors.

    Raises:
        InputError: the loss is not a finite number at the start, or there are several starts without a key, or a
            parameter that has no prior to draw them from.
    """
    if starts > 1:
        bare = [name for name in sorted(parameters) if not model.expected(name)]
        if bare or key is None:
            lacks = f"give {', '.join(bare)} one" if bare else "give a key"
            raise InputError(f"least_squares: starts are drawn from the priors: {lacks}, or take one start.")
    told = warn_of(shortcomings(model(parameters)))
    problem = Problem(predict, model, data, variance, mask)
    counted, manner = problem.counted, (steps, tolerance, reach, progress)
    minima: list[Minimum] = []
    pool = screened(problem, parameters, starts, key)
    for number in range(starts):
        if key is not None and minima and number % 2 == 1:
            begin = leap(problem, minima[0], jax.random.fold_in(key, number))
        else:
            begin = pool.pop(0)
        found = descent(problem, begin, counted, *manner, known=min((m.loss for m in minima), default=-np.inf))
        minima = sorted([*minima, *([] if found is None else [found])], key=lambda minimum: minimum.loss)
        if len(minima) >= LEAST and agreed(minima):
            break
    if not minima:
        value = objective(problem, parameters).loss
        raise InputError(f"least_squares: the loss is {value} at the start: look at the model and the data there.")
    best = minima[0]
    warn_of(shortcomings(model(best.parameters)), told)
    verdict = judged(
        model,
        best.parameters,
        counted=counted,
        chi_squared=best.chi_squared,
        information=best.information,
        prior=best.prior,
        losses=[minimum.loss for minimum in minima],
        agreed=agreed(minima),
        settled=best.settled,
        reason=best.reason,
        widened=widen,
    )
    known = best.information / (max(1.0, verdict.excess) if widen else 1.0) + np.diag(best.prior)
    fit = LeastSquares(best.parameters, best.loss, best.history, best.reason, verdict, tuple(minima))
    return fit, bound(model, best.parameters, known)


def agreed(minima: list[Minimum]) -> bool:
    """Whether two descents, the best among them, have settled in the best minimum."""
    settled = [minimum for minimum in minima if minimum.settled and minimum.loss - minima[0].loss < SAME]
    return len(settled) > 1 and minima[0].settled


def screened(problem: Problem, first: Parameters, starts: int, key: PRNGKeyArray | None) -> list[Parameters]:
    """A start, and the most probable of many draws from the priors; the most probable of all first."""
    if key is None or starts == 1:
        return [first]
    draws = drawn(problem.model, first, key, SCREENED * (starts - 1))
    losses = losses_at(problem, draws)
    order = np.argsort(losses)[: starts - 1]
    found = [jax.tree.map(lambda leaf, place=place: leaf[place], draws) for place in order]
    found.insert(int(np.searchsorted(losses[order], objective(problem, first).loss)), first)
    return found


def leap(problem: Problem, best: Minimum, key: PRNGKeyArray) -> Parameters:
    """A start in what may be the valley of another minimum than the best.

    A few numbers of the best minimum are drawn again, at random. Of those places where a parabola about it has risen
    far, that is taken where the loss has risen least in comparison: a parabola knows no second valley.
    """
    size = best.prior.size
    draws = redrawn(problem.model, best.parameters, key, SCANNED * size)
    flat = np.asarray(jax.vmap(lambda one: ravel_pytree(one)[0])(draws), np.float64)
    away = flat - np.asarray(ravel_pytree(best.parameters)[0], np.float64)
    risen = 0.5 * np.einsum("np,pq,nq->n", away, best.information + np.diag(best.prior), away)
    far = np.isfinite(risen) & (risen > RISEN)
    share = (losses_at(problem, draws) - best.loss) / np.where(far, risen, 1.0)
    place = int(np.argmin(np.where(far, share, np.inf)))
    return jax.tree.map(lambda leaf: leaf[place], draws)


@eqx.filter_jit
def redrawn(model: Freed, parameters: Parameters, key: PRNGKeyArray, count: int) -> Parameters:
    """Parameters of which one number after the other is drawn from its prior again, and others with it.

    In half of the draws there are none, in the others a number is one of them with a chance that is drawn, too.
    """
    flat, restore = ravel_pytree(parameters)

    def one(place, key):
        first, second, third = jax.random.split(key, 3)
        fresh = ravel_pytree(model.deviating(restore(jax.random.normal(first, flat.shape, flat.dtype))))[0]
        chance = jnp.maximum(jax.random.uniform(second, (), flat.dtype, -0.5, 0.5), 0)
        others = jax.random.uniform(third, flat.shape, flat.dtype) < chance
        return restore(jnp.where(others | (jnp.arange(flat.size) == place), fresh, flat))

    return jax.vmap(one)(jnp.arange(count) % flat.size, jax.random.split(key, count))


def losses_at(problem: Problem, draws: Parameters) -> Float[np.ndarray, " draw"]:
    """Of many parameters; infinite where the model has no value."""
    squares, deviations = (np.asarray(part, np.float64).sum(axis=1) for part in many_parts(problem, draws))
    losses = 0.5 * (squares + deviations)
    return np.where(np.isfinite(losses), losses, np.inf)


@eqx.filter_jit
def drawn(model: Freed, like: Parameters, key: PRNGKeyArray, count: int) -> Parameters:
    """Free numbers at random."""
    flat, restore = ravel_pytree(like)

    def one(key):
        return model.deviating(restore(jax.random.normal(key, flat.shape, flat.dtype)))

    return jax.vmap(one)(jax.random.split(key, count))


def descent(
    problem: Problem,
    start: Parameters,
    counted: int,
    steps: int,
    tolerance: float,
    reach: float,
    progress: bool,
    *,
    known: float,
) -> Minimum | None:
    """Down to the nearest minimum; none if the loss is not a finite number at the start.

    If it falls too slowly to come near the smallest loss that is known, it is given up.

    As long as chi squared is larger than the number of the data, their noise is taken for as much larger: far from the
    minimum the priors hold what the cube cannot tell yet.
    """
    flat, restore = ravel_pytree(start)
    now, history, reason, settled = np.asarray(flat, np.float64), [], None, False
    damping, raising = 1e-2, 2.0

    def free_numbers(numbers: np.ndarray) -> Parameters:
        return restore(jnp.asarray(numbers, flat.dtype))

    here, stuck = surroundings(problem, free_numbers(now)), 0
    if not np.isfinite(here.here.loss):
        return None
    heat = max(1.0, here.here.chi_squared / max(counted, 1))
    with tqdm(total=steps, disable=not progress, desc="fitting") as bar:
        while reason is None:
            history.append(here.here.loss)
            bar.set_postfix_str(f"loss {here.here.loss:.8g}", refresh=False)
            bar.update()
            if not here.finite:
                reason = "the derivatives of the cube are not finite numbers there"
                break
            slope, total = here.tempered(heat)
            promise = 0.5 * slope @ solved(total, slope, 1e-9)
            if heat > 1 and promise < WARM:
                heat = 1.0
                slope, total = here.tempered(heat)
                promise = 0.5 * slope @ solved(total, slope, 1e-9)
            if promise < tolerance:
                reason, settled = f"the loss would fall by {promise:.1g} only", True
                break
            step = np.clip(solved(total, slope, damping), -reach, reach)
            promised = step @ slope - 0.5 * step @ total @ step
            there = free_numbers(now + step)
            fall = here.here.merit(heat) - objective(problem, there).merit(heat)
            gain = float(fall / promised)
            if promised > 0 and gain > 0:
                now, here, stuck = now + step, surroundings(problem, there), 0
                heat = max(1.0, min(heat, here.here.chi_squared / max(counted, 1)))
                damping, raising = damping * max(1 / 3, 1 - (2 * min(gain, 1) - 1) ** 3), 2.0
            else:
                damping, raising, stuck = damping * raising, 2 * raising, stuck + (abs(fall) < NOISE)
            if stuck >= 3 and promise < NOISE:
                reason, settled = f"no step lowers the loss by more than {promise:.1g}", True
            elif hopeless([*history, here.here.loss], known):
                reason = "it fell too slowly to come near a better minimum"
            elif damping > 1e12:
                reason = f"no step lowers the loss any more, which should fall by {promise:.1g}"
            elif len(history) >= steps:
                reason = f"the limit of {steps} steps"
    ended = free_numbers(now), here.here.loss, here.here.chi_squared, np.array(history), reason, settled
    return Minimum(*ended, np.where(np.isfinite(here.information), here.information, 0), here.prior)


def hopeless(history: list[float], known: float) -> bool:
    """Whether twelve steps more at the pace of the last three would not lead to the smallest loss that is known."""
    return len(history) > 6 and history[-1] - 4 * (history[-4] - history[-1]) > known > -np.inf


def solved(information: np.ndarray, slope: np.ndarray, damping: float) -> np.ndarray:
    """The step to where the slope is zero, its length damped."""
    size = np.diag(information)
    size = np.sqrt(np.maximum(size, 1e-30 + 1e-12 * size.max()))
    scaled = information / np.outer(size, size) + damping * np.eye(size.size)
    return np.linalg.solve(scaled, slope / size) / size


@dataclass(frozen=True)
class Objective:
    """The parts of a loss, added up in double precision."""

    chi_squared: float
    surprise: float
    """The sum of squared deviations from the priors."""

    @property
    def loss(self) -> float:
        """Half of both."""
        return 0.5 * (self.chi_squared + self.surprise)

    def merit(self, heat: float) -> float:
        """The loss if the variance of the noise were so many times as large; infinite where it is no number."""
        value = 0.5 * (self.chi_squared / heat + self.surprise)
        return value if np.isfinite(value) else np.inf


@dataclass(frozen=True)
class Surroundings:
    """The loss at a place and how it changes around it, added up in double precision."""

    here: Objective
    slope: Float[np.ndarray, " parameter"]
    """Of chi squared, halved, downward."""
    information: Float[np.ndarray, "parameter parameter"]
    """Of the data."""
    pull: Float[np.ndarray, " parameter"]
    """The slope of the priors, downward."""
    prior: Float[np.ndarray, " parameter"]
    """Information of the priors."""

    def tempered(self, heat: float) -> tuple[np.ndarray, np.ndarray]:
        """The downward slope and the information if the variance of the noise were so many times as large."""
        return self.slope / heat + self.pull, self.information / heat + np.diag(self.prior)

    @property
    def finite(self) -> bool:
        """Whether a step can be made."""
        return bool(np.isfinite(self.slope).all() and np.isfinite(self.information).all())


def objective(problem: Problem, parameters: Parameters) -> Objective:
    """The loss at parameters."""
    squares, deviations = (np.asarray(part, np.float64) for part in parts(problem, parameters))
    return Objective(float(squares.sum()), float(deviations.sum()))


def surroundings(problem: Problem, parameters: Parameters) -> Surroundings:
    """The loss at parameters, its downward slope and the information."""
    rows, expected = linearised(problem, parameters)
    squares, slope, information = (np.asarray(leaf, np.float64).sum(axis=0) for leaf in rows)
    deviations, change = (np.asarray(leaf, np.float64) for leaf in expected)
    here = Objective(float(squares), float((deviations**2).sum()))
    return Surroundings(here, slope, information, -deviations * change, change**2)
