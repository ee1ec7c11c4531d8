"""Distributions that weighted draws come from, and their mixture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool, Float

from ifux.fitting.descent import Minimum
from ifux.fitting.fisher import inverse

FREEDOM = 8.0
"""Degrees of freedom of the distributions: the fewer, the heavier their tails."""

NEGLIGIBLE = 12.0
"""How far above the best a minimum holds nothing of the posterior."""


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


def proposals(minima: Sequence[Minimum], rounding: float) -> tuple[list[Component], Bool[np.ndarray, " parameter"]]:
    """A component about each minimum that matters, and which parameters are held because nothing constrains them."""
    components: list[Component] = []
    best, held = minima[0].loss, np.zeros(minima[0].prior.size, bool)
    for minimum in minima:
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


def normalised(logs: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """Weights of which the logarithms are known up to a constant."""
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()
