r"""Posteriors that are not normal, from weighted draws.

Draws x of the free numbers come from a mixture q of heavy-tailed distributions, one about each minimum that a fit has
found, some along the valley of the best where that bends, and weigh as the posterior p differs from it:

$$w \propto p(x) / q(x), \qquad \log p = -\tfrac12 \chi^2(x) + \log \pi(x), \qquad
q(x) = \sum_k n_k\,t_\nu(x \mid \mu_k, \Sigma_k) / \sum_k n_k$$

After each round a further component takes the weighted mean and covariance of all draws so far, and all are weighed
again by the mixture that they came from together.

References: Cornuet et al. (2012), Scandinavian Journal of Statistics 39, 798 (adaptive multiple importance sampling);
Owen & Zhou (2000), JASA 95, 135 (mixtures); Kong (1992), University of Chicago technical report 348 (effective size).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.fitting.descent import Minimum, surroundings
from ifux.fitting.fisher import Uncertainty, inverse, labels
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.least_squares import LeastSquares
from ifux.fitting.problem import Problem
from ifux.fitting.starts import losses_at

FREEDOM = 8.0
"""Degrees of freedom of the distributions that draws come from: the fewer, the heavier their tails."""

KEPT = 0.4
"""Share of the draws that the first components keep: what a later one misses, they find."""

BENT = 1.5
"""Deviations from the best minimum at which it is seen whether its valley bends."""

STRAIGHT = 0.3
"""How far the loss there may be from that of a normal posterior that is taken for one."""

AXES, STEPS = 4, 1
"""On so many axes a valley is followed, with so many steps to its ground at each end."""

NEGLIGIBLE = 12.0
"""How far above the best a minimum holds nothing of the posterior."""


@dataclass(frozen=True)
class Weighted:
    """Draws from a posterior that do not all count alike."""

    names: tuple[str, ...]
    """A name for each number, as in `Uncertainty`."""
    values: Float[np.ndarray, "draw parameter"]
    """In physical units."""
    weights: Float[np.ndarray, " draw"]
    """They sum to one."""
    unconstrained: tuple[str, ...]
    """What neither data nor priors constrain: it was held, and its intervals and errors are infinite."""

    @property
    def effective(self) -> float:
        """As many equal and independent draws would know a mean as well."""
        return float(1 / np.sum(self.weights**2))

    @property
    def mean(self) -> dict[str, float]:
        """Of the posterior."""
        return dict(zip(self.names, (self.weights @ self.values).tolist(), strict=True))

    @property
    def uncertainty(self) -> Uncertainty:
        """The covariance of the posterior."""
        away = self.values - self.weights @ self.values
        covariance = (away * self.weights[:, None]).T @ away
        infinite = np.array([name in self.unconstrained for name in self.names])
        covariance[infinite, infinite] = np.inf
        return Uncertainty(self.names, covariance)

    def intervals(self, probability: float = 0.68) -> dict[str, tuple[float, float]]:
        """Central ones: as much of the posterior is below as above."""
        tail = (1 - probability) / 2
        ends = {}
        for name, values in zip(self.names, self.values.T, strict=True):
            low, high = (quantile(values, self.weights, share) for share in (tail, 1 - tail))
            ends[name] = (-math.inf, math.inf) if name in self.unconstrained else (low, high)
        return ends


def quantile(values: Float[np.ndarray, " draw"], weights: Float[np.ndarray, " draw"], share: float) -> float:
    """The value that such a share of the weight is below, each draw's own shared by its two sides."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    return float(np.interp(share, below, values[order]))


def importance(
    predict: Callable[[Any], Float[Array, "y x wave"]],
    model: Freed,
    fit: LeastSquares,
    data: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
    *,
    key: PRNGKeyArray,
    effective: float = 200.0,
    draws: int = 200,
    rounds: int = 10,
) -> Weighted:
    """Weighted draws from the posterior about a fit: for intervals where the normal approximation is none.

    With little light posteriors are bent and lopsided. Draws are made in rounds, until they count as many as is asked
    for: `effective` of the answer tells how many they do. Below fifty, intervals are rough; below ten, the posterior is
    not what the fit's minima and errors suggest, and `nuts` is the tool.

    The posterior is that of the free numbers, with their priors. Without one, the prior of `Real` is flat, that of
    `Positive` flat in the logarithm, that of `Interval` flat in the value.

    Args:
        predict: Makes the noiseless cube of the model that parameters stand for. Give the same function again, and
            nothing is compiled again.
        model: What was fitted.
        fit: As `least_squares` returns it: its minima are where the draws are made.
        data: The cube.
        variance: Of its noise; times `fit.verdict.excess` for intervals that are wider where chi squared says so.
        mask: True where the data count.
        key: For the draws.
        effective: Draws that are wanted, counted as independent ones.
        draws: In a round.
        rounds: At most.
    """
    problem = Problem(predict, model, data, variance, mask)
    flat, restore = ravel_pytree(fit.parameters)
    rng = np.random.default_rng(np.ravel(jax.random.key_data(key)))
    components, held = proposals(fit, float(np.finfo(flat.dtype).eps))
    components += bent(problem, fit.minima[0], components[0])
    shares = np.array([component.share for component in components])
    places, targets, counts, weights = np.zeros((0, flat.size)), np.zeros(0), np.zeros(0), np.zeros(0)
    for _ in range(rounds):
        taken = rng.multinomial(draws, shares / shares.sum())
        counts = np.append(counts, np.zeros(taken.size - counts.size)) + taken
        fresh = np.concatenate([one.sample(rng, int(count)) for one, count in zip(components, taken, strict=True)])
        squares, prior = surprises(problem, fit.parameters, jnp.asarray(fresh, flat.dtype))
        target = -np.asarray(squares, np.float64).sum(axis=1) - np.asarray(prior, np.float64)
        places = np.concatenate([places, fresh])
        targets = np.concatenate([targets, np.where(np.isfinite(target), target, -np.inf)])
        logs = targets - mixture(components, counts, places)
        weights = normalised(logs)
        if 1 / np.sum(weights**2) >= effective:
            break
        components = [*components, adapted(places, logs, components[0])]
        first = np.array([one.share for one in components if one.share > 0])
        shares = np.zeros(len(components))
        shares[: first.size], shares[-1] = KEPT * first / first.sum(), 1 - KEPT
    values = jax.vmap(lambda flat: ravel_pytree(model.values(restore(flat)))[0])(jnp.asarray(places, flat.dtype))
    names = labels(fit.parameters)
    unknown = tuple(name for name, still in zip(names, held, strict=True) if still)
    return Weighted(names, np.asarray(values, np.float64), weights, unknown)


@dataclass(frozen=True)
class Component:
    """A distribution of Student, from which draws are made."""

    centre: Float[np.ndarray, " parameter"]
    axes: Float[np.ndarray, "moving moving"]
    """The Cholesky factor of its scale, in rows and columns of parameters that are not held."""
    moves: Bool[np.ndarray, " parameter"]
    """Whether a parameter is not held."""
    share: float
    """Of the draws of the first round."""

    def sample(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, "draw parameter"]:
        """Draws of the free numbers."""
        size = self.axes.shape[0]
        normal = rng.normal(size=(count, size)) / np.sqrt(rng.chisquare(FREEDOM, (count, 1)) / FREEDOM)
        found = np.tile(self.centre, (count, 1))
        found[:, self.moves] += normal @ self.axes.T
        return found

    def log_density(self, places: Float[np.ndarray, "draw parameter"]) -> Float[np.ndarray, " draw"]:
        """Up to a constant that all components share."""
        away = np.linalg.solve(self.axes, (places - self.centre)[:, self.moves].T)
        squares = np.sum(away**2, axis=0) / FREEDOM
        return -0.5 * (FREEDOM + self.axes.shape[0]) * np.log1p(squares) - np.log(np.diag(self.axes)).sum()


def proposals(fit: LeastSquares, rounding: float) -> tuple[list[Component], Bool[np.ndarray, " parameter"]]:
    """A component about each minimum that matters, and which parameters are held because nothing constrains them."""
    components: list[Component] = []
    best, held = fit.minima[0].loss, np.zeros(fit.minima[0].prior.size, bool)
    for minimum in fit.minima:
        centre = np.asarray(ravel_pytree(minimum.parameters)[0], np.float64)
        covariance = inverse(minimum.information + np.diag(minimum.prior), rounding)
        if not components:
            held = np.isinf(np.diag(covariance))
        moves = ~held & np.isfinite(np.diag(covariance))
        if minimum.loss - best > NEGLIGIBLE or (moves == held).any():
            continue
        axes = root(covariance[np.ix_(moves, moves)])
        away = [np.linalg.solve(one.axes, (centre - one.centre)[moves]) for one in components]
        if all(step @ step > 4 for step in away):
            share = weight(minimum.loss - best, axes, components[0].axes if components else axes)
            components.append(Component(centre, axes, moves, share))
    return components, held


def weight(risen: float, axes: Float[np.ndarray, "moving moving"], first: Float[np.ndarray, "moving moving"]) -> float:
    """What there is of the posterior about a place, in comparison with the best; at least a little."""
    volume = float(np.prod(np.diag(axes) / np.diag(first)))
    return min(max(math.exp(-risen) * volume, 0.05), 1.0)


def bent(problem: Problem, best: Minimum, first: Component) -> list[Component]:
    """Components along the axes on which a posterior is least like a normal one.

    Each is where, at some deviations from the best along an axis, a step towards the smallest loss across it leads, and
    has the covariance that is found there: a valley that bends is followed.
    """
    flat, restore = ravel_pytree(best.parameters)
    values, directions = np.linalg.eigh(first.axes @ first.axes.T)
    stretch, moves = directions * np.sqrt(values), first.moves
    inside = np.ix_(moves, moves)

    def moved(place: np.ndarray, step: np.ndarray) -> np.ndarray:
        there = place.copy()
        there[moves] += stretch @ step
        return there

    def free_numbers(place: np.ndarray) -> Parameters:
        return restore(jnp.asarray(place, flat.dtype))

    steps = BENT * np.concatenate([np.eye(values.size), -np.eye(values.size)])
    tried = [free_numbers(moved(first.centre, step)) for step in steps]
    risen = losses_at(problem, jax.tree.map(lambda *leaves: jnp.stack(leaves), *tried)) - best.loss
    off = np.abs(np.minimum(risen, 1e3) - 0.5 * BENT**2).reshape(2, -1).max(axis=0)
    components = []
    for axis in [axis for axis in np.argsort(-off)[:AXES] if off[axis] > STRAIGHT]:
        across = np.arange(values.size) != axis
        for step in steps[[axis, axis + values.size]]:
            place = moved(first.centre, step)
            here = surroundings(problem, free_numbers(place))
            for _ in range(STEPS):
                if not here.finite:
                    break
                slope, total = here.tempered(1.0)
                slope, total = stretch.T @ slope[moves], stretch.T @ total[inside] @ stretch
                back = np.zeros(values.size)
                back[across] = np.clip(np.linalg.solve(total[np.ix_(across, across)], slope[across]), -2, 2)
                there = moved(place, back)
                ahead = surroundings(problem, free_numbers(there))
                if not ahead.here.loss < here.here.loss:
                    break
                place, here = there, ahead
            if here.finite:
                axes = root(np.linalg.inv(here.tempered(1.0)[1][inside]))
                share = weight(here.here.loss - best.loss, axes, first.axes)
                components.append(Component(place, axes, moves, share))
    return components


def root(covariance: Float[np.ndarray, "parameter parameter"]) -> Float[np.ndarray, "parameter parameter"]:
    """The Cholesky factor, found in units of the standard deviations."""
    size = np.sqrt(np.diag(covariance))
    return size[:, None] * np.linalg.cholesky(covariance / np.outer(size, size) + 1e-9 * np.eye(size.size))


def mixture(
    components: Sequence[Component],
    counts: Float[np.ndarray, " component"],
    places: Float[np.ndarray, "draw parameter"],
) -> Float[np.ndarray, " draw"]:
    """The logarithm of the density that all draws come from together, up to a constant."""
    logs = np.array([one.log_density(places) for one in components])
    top = logs.max(axis=0)
    return top + np.log((counts / counts.sum()) @ np.exp(logs - top))


def normalised(logs: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """Weights of which the logarithms are known up to a constant."""
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def adapted(
    places: Float[np.ndarray, "draw parameter"], logs: Float[np.ndarray, " draw"], first: Component
) -> Component:
    """A component where the weight is, by its mean and covariance.

    Where few draws have all of it, weights are raised to a power that is below one, until they are enough to tell a
    covariance. Even then that of few draws is too narrow in some directions: it is mixed with that of the first
    component, as if so many more draws had come from it as there are parameters, twice.
    """
    power = 1.0
    size = first.axes.shape[0]
    enough = 3 * size
    while 1 / np.sum((weights := normalised(power * logs)) ** 2) < min(enough, 0.5 * logs.size):
        power *= 0.8
    centre = weights @ places
    away = (places - centre)[:, first.moves]
    count = 1 / np.sum(weights**2)
    found, before = (away * weights[:, None]).T @ away, first.axes @ first.axes.T
    covariance = (count * found + 2 * size * before) / (count + 2 * size)
    return Component(np.where(first.moves, centre, first.centre), root(covariance), first.moves, 0.0)


@eqx.filter_jit
def surprises(
    problem: Problem, like: Parameters, places: Float[Array, "draw parameter"]
) -> tuple[Float[Array, "draw y"], Float[Array, " draw"]]:
    """Parts of minus the logarithm of the posterior of many free numbers."""
    _, restore = ravel_pytree(like)

    def one(flat: Float[Array, " parameter"]) -> tuple[Float[Array, " y"], Float[Array, ""]]:
        return 0.5 * problem.squares(restore(flat)), -problem.model.log_prior(restore(flat))

    return jax.lax.map(one, places)
