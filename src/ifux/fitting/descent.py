r"""The way down to the nearest minimum of chi squared and priors: the method of Levenberg and Marquardt.

$$(F + \mu\,\mathrm{diag}\,F)\,\delta = J^T \Sigma^{-1} (d - m) - P\,z, \qquad
F = J^T \Sigma^{-1} J + P P^T$$

with the cube m, its derivatives J by the free numbers, the variances of the data, the standard normal numbers z of the
priors and their derivatives P, and a damping that falls when a step keeps its promise and rises when it does not.
Parameters of any size are treated alike, and the inverse of the last F is the covariance.

References: Levenberg (1944), Quarterly of Applied Mathematics 2, 164; Marquardt (1963), Journal of the SIAM 11, 431;
Madsen, Nielsen & Tingleff (2004), Methods for Non-Linear Least Squares Problems (the damping).
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float
from tqdm import tqdm

from ifux.fitting.free import Parameters
from ifux.fitting.problem import Problem, linearised, parts

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
