"""Few parameters fitted to every voxel of a cube, or of the cubes of several arms, with their errors and a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ifux.checks import shortcomings, warn_of
from ifux.errors import InputError
from ifux.fitting.descent import Minimum, descent, objective
from ifux.fitting.fisher import Uncertainty, bound
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.losses import Cubes, Masks
from ifux.fitting.problem import Problem
from ifux.fitting.starts import leap, screened
from ifux.fitting.verdict import Verdict, judged

LEAST = 6
"""Descents before it is believed that the best minimum has been found, if there may be so many."""

AGREEING = 1 / 3
"""Share of the descents that have to find the best minimum: two of eight once found the second best, in 860 fits."""

SAME = 0.5
"""Two fits that end with losses no further apart have found the same minimum."""


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
    predict: Callable[[Any], Cubes],
    model: Freed,
    parameters: Parameters,
    data: Cubes,
    variance: Cubes,
    mask: Masks | None = None,
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
    and are less improbable than it suggests. Six are tried, and then more, until a third of them have ended in the
    same best minimum. Whatever goes wrong on the way, what was found is returned: `fit.verdict` says what to think of
    it. At the start and at the end it warns of what the numbers have left that the telescope was made for, as
    `ifux.checks.shortcomings` tells it.

    Args:
        predict: Makes the noiseless cube of the model that parameters stand for. Give the same function again, and
            nothing is compiled again.
        model: As `free` returns it. Priors count in the loss and in the errors.
        parameters: Where to begin.
        data: The cube; of a spectrograph, those of its arms by their names, as `predict` makes them.
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
        InputError: no datum counts, the loss is not a finite number at the start, or there are several starts without
            a key, or a parameter that has no prior to draw them from.
    """
    if starts > 1:
        bare = [name for name in parameters if not model.expected(name)]
        if bare or key is None:
            lacks = f"give {', '.join(bare)} one" if bare else "give a key"
            raise InputError(f"least_squares: starts are drawn from the priors: {lacks}, or take one start.")
    told = warn_of(shortcomings(model(parameters)))
    problem = Problem(predict, model, data, variance, mask)
    counted, manner = problem.counted, (steps, tolerance, reach, progress)
    if not counted:
        raise InputError("least_squares: no datum counts: all are masked, or not a number.")
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
        finders=finders(minima),
        agreed=agreed(minima),
        settled=best.settled,
        reason=best.reason,
        widened=widen,
    )
    known = best.information / (max(1.0, verdict.excess) if widen else 1.0) + np.diag(best.prior)
    fit = LeastSquares(best.parameters, best.loss, best.history, best.reason, verdict, tuple(minima))
    return fit, bound(model, best.parameters, known)


def agreed(minima: list[Minimum]) -> bool:
    """Whether so many of the descents have found the best minimum that a better one is not to be expected."""
    return finders(minima) >= max(2, AGREEING * len(minima))


def finders(minima: list[Minimum]) -> int:
    """How many descents have settled in the best minimum; none if the best has not settled."""
    found = [minimum for minimum in minima if minimum.settled and minimum.loss - minima[0].loss < SAME]
    return len(found) if minima[0].settled else 0
