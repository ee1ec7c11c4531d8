r"""Posteriors that are not normal, from weighted draws.

Draws x of the free numbers come from a mixture q of heavy-tailed distributions, one about each minimum that a fit has
found, some along the valley of the best where that bends or widens, and weigh as the posterior p differs from it:

$$w \propto p(x) / q(x), \qquad \log p = -\tfrac12 \chi^2(x) + \log \pi(x), \qquad
q(x) = \sum_k n_k\,t_\nu(x \mid \mu_k, \Sigma_k) / \sum_k n_k$$

After each round a further component takes the weighted mean and covariance of all draws so far, and all are weighed
again by the mixture that they came from together.

References: Cornuet et al. (2012), Scandinavian Journal of Statistics 39, 798 (adaptive multiple importance sampling);
Owen & Zhou (2000), JASA 95, 135 (mixtures); Kong (1992), University of Chicago technical report 348 (effective size).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.fitting.fisher import Uncertainty, labels
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.least_squares import LeastSquares
from ifux.fitting.losses import Cubes, Masks
from ifux.fitting.problem import Problem
from ifux.fitting.proposals import adapted, mixture, normalised, proposals
from ifux.fitting.valley import along_valley

KEPT = 0.4
"""Share of the draws that the first components keep: what a later one misses, they find."""


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
    predict: Callable[[Any], Cubes],
    model: Freed,
    fit: LeastSquares,
    data: Cubes,
    variance: Cubes,
    mask: Masks | None = None,
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
        data: The cube, or those of the arms of a spectrograph by their names.
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
    components, held = proposals(fit.minima, float(np.finfo(flat.dtype).eps))
    components += along_valley(problem, fit.minima[0], components[0])
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


@eqx.filter_jit
def surprises(
    problem: Problem, like: Parameters, places: Float[Array, "draw parameter"]
) -> tuple[Float[Array, "draw y"], Float[Array, " draw"]]:
    """Parts of minus the logarithm of the posterior of many free numbers."""
    _, restore = ravel_pytree(like)

    def one(flat: Float[Array, " parameter"]) -> tuple[Float[Array, " y"], Float[Array, ""]]:
        return 0.5 * problem.squares(restore(flat)), -problem.model.log_prior(restore(flat))

    return jax.lax.map(one, places)
