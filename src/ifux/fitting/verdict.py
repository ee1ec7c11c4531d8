"""Whether a fit can be believed, and what it could not know."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.special import ndtr
from jaxtyping import Float

from ifux.fitting.bijections import Interval, Positive
from ifux.fitting.distributions import AbstractBounded
from ifux.fitting.fisher import inverse, labels
from ifux.fitting.free import Freed, Parameters

EDGE = 0.01
"""Share of the values between two limits that are at one of them."""

EXCESS = 5.0
"""Deviations of chi squared above its expectation that chance does not explain."""

LEFT = 0.9
"""Share of a prior's variance that is left, from where on the data tell nothing of a parameter."""

NARROW = 0.02
"""Information on a combination of parameters, relative to that on each alone, below which they are degenerate."""


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of a fit; printed, it is told in sentences."""

    converged: bool
    """Whether there is no reason to expect a better minimum elsewhere."""
    why: str
    """Why, or why not."""
    chi_squared: float
    expected: float
    """Of chi squared: how many data count, less the parameters that they have determined."""
    scatter: float
    """Standard deviation of chi squared about its expectation, for normal noise."""
    at_bound: dict[str, str]
    """Parameters that sit at the lower or the upper end of their range, and at which."""
    degenerate: tuple[str, ...]
    """Combinations of parameters that are far worse known than each of them, in words."""
    unconstrained: tuple[str, ...]
    """Parameters of which the data tell nothing: their error is that of the prior, or infinite without one."""
    spread: tuple[float, ...]
    """Losses where the other starts ended, above the smallest."""

    @property
    def excess(self) -> float:
        """Chi squared over its expectation: by so much the variance of the noise would have to be larger."""
        return self.chi_squared / self.expected

    @property
    def deviations(self) -> float:
        """How far chi squared is above its expectation, in standard deviations."""
        return (self.chi_squared - self.expected) / self.scatter

    def __str__(self) -> str:
        """One sentence for each finding."""
        found = [
            f"{'Converged' if self.converged else 'Not converged'}: {self.why}.",
            f"Chi squared is {self.chi_squared:.1f}, expected {self.expected:.1f} +- {self.scatter:.1f}.",
        ]
        if self.spread:
            others = ", ".join(f"{loss:.2g}" for loss in self.spread)
            found.append(f"The losses of other starts ended above the best by {others}.")
        found += [f"{name} is at the {end} end of its range." for name, end in self.at_bound.items()]
        found += [f"{direction}." for direction in self.degenerate]
        if self.unconstrained:
            found.append(f"The data tell nothing of {', '.join(self.unconstrained)}.")
        return "\n".join(found)


def judged(
    model: Freed,
    parameters: Parameters,
    *,
    counted: int,
    chi_squared: float,
    information: Float[np.ndarray, "parameter parameter"],
    prior: Float[np.ndarray, " parameter"],
    losses: Sequence[float],
    finders: int,
    agreed: bool,
    settled: bool,
    reason: str,
    widened: bool,
) -> Verdict:
    """The verdict on the best of some descents.

    Args:
        model: What was fitted.
        parameters: Where the best descent ended.
        counted: How many data count.
        chi_squared: Of the data there.
        information: Of the data on the free numbers.
        prior: Information of the priors on each of them.
        losses: Where all descents ended, the smallest first.
        finders: How many of them have found the best minimum.
        agreed: Whether these are enough.
        settled: Whether the best has ended in a minimum.
        reason: Why it ended.
        widened: Whether more noise than was said is taken for the reason of a large chi squared.
    """
    rounding = float(np.finfo(ravel_pytree(parameters)[0].dtype).eps)
    total = information + np.diag(prior)
    covariance = inverse(total, rounding)
    variances = np.diag(covariance)
    finite = np.isfinite(variances)
    determined = float(np.sum(np.where(np.isfinite(covariance), covariance, 0) * information))
    expected = max(counted - determined, 1.0)
    scatter = math.sqrt(2 * expected)
    far = (chi_squared - expected) / scatter
    spread = tuple(loss - losses[0] for loss in losses[1:])
    if not settled:
        converged, why = False, reason
    elif far > EXCESS and not widened:
        reasons = "a false minimum, data that the model cannot make, or more noise than was said"
        converged, why = False, f"chi squared is {far:.0f} deviations above its expectation: {reasons}"
    elif not spread:
        converged, why = True, "a minimum, found from one start"
    elif agreed:
        converged, why = True, f"{finders} of {len(losses)} starts have found the same best minimum"
    else:
        converged, why = False, f"only {finders} of {len(losses)} starts found the best minimum: take more"
    at_bound = bounds(model, parameters, variances)
    names = labels(parameters)
    left = np.where(finite, variances, 1.0) * prior
    told = [name for name, share, known in zip(names, left, finite, strict=True) if share > LEFT or not known]
    return Verdict(
        converged,
        why,
        chi_squared,
        expected,
        scatter,
        at_bound,
        directions(names, total, rounding),
        tuple(name for name in told if name not in at_bound),
        spread,
    )


def bounds(model: Freed, parameters: Parameters, variances: Float[np.ndarray, " parameter"]) -> dict[str, str]:
    """Parameters at an end of their range, and at which.

    Between two limits that is the last per cent of the values; a positive number is at zero if it is smaller than half
    its error.
    """
    flat, restore = ravel_pytree(parameters)
    errors = restore(jnp.asarray(np.sqrt(variances), flat.dtype))
    found = {}
    for name, numbers in parameters.items():
        bijection = model.bijections[name]
        if isinstance(bijection, Positive):
            below = np.where(np.isfinite(errors[name]) & (np.asarray(errors[name]) > 2), 0.0, 0.5)
        elif isinstance(bijection, Interval):
            below = (np.asarray(bijection.forward(numbers)) - bijection.low) / (bijection.high - bijection.low)
        elif isinstance(bijection, AbstractBounded):
            below = np.asarray(ndtr(numbers))
        else:
            continue
        for label, share in zip(labels({name: numbers}), np.ravel(below), strict=True):
            if min(share, 1 - share) < EDGE:
                found[label] = "lower" if share < EDGE else "upper"
    return found


def directions(
    names: Sequence[str], information: Float[np.ndarray, "parameter parameter"], rounding: float
) -> tuple[str, ...]:
    """The combinations of parameters that are hardly known, in words, the worst first."""
    seen = np.diag(information) > 0
    if seen.sum() < 2:
        return ()
    names = [name for name, there in zip(names, seen, strict=True) if there]
    information = information[np.ix_(seen, seen)]
    size = np.sqrt(np.diag(information))
    values, axes = np.linalg.eigh(information / np.outer(size, size))
    found = []
    for value, axis in zip(values, axes.T, strict=True):
        if value > NARROW:
            break
        taken = np.abs(axis) > 0.3 * np.abs(axis).max()
        sign = np.sign(axis[np.argmax(np.abs(axis))])
        order = [place for place in np.argsort(-np.abs(axis)) if taken[place]]
        parts = [f"{names[place]} {'up' if sign * axis[place] > 0 else 'down'}" for place in order]
        together = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
        if value <= max(1e-12, 10 * rounding) * values[-1]:
            found.append(f"{together}, together, leave the cube as it is")
        else:
            found.append(f"{together}, together, are {value**-0.5:.0f} times worse known than each alone")
    return tuple(found)
