r"""The non-negative distribution that explains a cube best.

$$\min_{w \ge 0} \; \frac12 \sum \frac{(d - A w)^2}{\sigma^2} + \text{penalty}(w)$$

with the telescope A, without ever forming its matrix.
"""

from dataclasses import dataclass
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ifux.errors import InputError
from ifux.fitting.linear.newton import AbstractModes, Diagonal, Inverse, modes_of
from ifux.fitting.linear.operator import CubeOperator
from ifux.fitting.linear.penalty import Penalty


@dataclass(frozen=True)
class Solution:
    """A distribution that explains a cube."""

    weights: Float[Array, "tall wide kind"]
    """Formed mass [solar mass], none of it negative."""
    loss: float
    """Half of chi squared and the penalty."""
    gap: float
    """How far the loss is above its minimum, at most: the certificate."""
    reason: str
    """Why the steps ended."""
    history: Float[np.ndarray, " step"]
    """The loss after every step."""
    gaps: Float[np.ndarray, " step"]
    """The gap after every step."""
    applications: Int[np.ndarray, " step"]
    """How often the operator and its adjoint had been applied after every step: the cost."""


@final
class Problem(eqx.Module):
    """The problem in weights x counted in light, of order one, for the spaxels of the wider field in a row."""

    operator: CubeOperator
    light: Float[Array, " kind"]
    """Mass of a weight of one [solar mass]."""
    data: Float[Array, "y x wave"]
    """Zero where the inverse variance is."""
    inverse: Float[Array, "y x wave"]
    """Inverse variance."""
    penalty: Penalty

    def mass(self, weights: Float[Array, "spaxel kind"]) -> Float[Array, "tall wide kind"]:
        """Weights as formed mass [solar mass]."""
        return (weights * self.light[None]).reshape(self.operator.shape)

    def forward(self, weights: Float[Array, "spaxel kind"]) -> Float[Array, "y x wave"]:
        """The cube of weights."""
        return self.operator(self.mass(weights))

    def back(self, cube: Float[Array, "y x wave"]) -> Float[Array, "spaxel kind"]:
        """The adjoint of `forward`, of a cube divided by the variance."""
        seen = self.operator.adjoint(self.inverse * cube)
        return seen.reshape(-1, self.light.size) * self.light[None]

    def rough(self, weights: Float[Array, "spaxel kind"]) -> Float[Array, "spaxel kind"]:
        """The slope of the penalty."""
        form = self.penalty.form(self.operator.telescope)
        if form is None:
            return self.penalty.size * weights
        blocks = self.penalty.split(self.operator.telescope, weights)
        product = jnp.einsum("sgb,bc->sgc", blocks, jnp.asarray(form), precision=jax.lax.Precision.HIGHEST)
        return self.penalty.size * weights + self.penalty.join(product)

    def curve(self, weights: Float[Array, "spaxel kind"]) -> Float[Array, "spaxel kind"]:
        """The second derivative of the loss along a direction."""
        return self.back(self.forward(weights)) + self.rough(weights)

    def value(self, weights: Float[Array, "spaxel kind"]):
        """The loss and its slope."""
        residual, rough = self.forward(weights) - self.data, self.rough(weights)
        loss = 0.5 * jnp.sum(self.inverse * residual**2) + 0.5 * jnp.sum(weights * rough)
        return loss, self.back(residual) + rough

    def gap(self, weights: Float[Array, "spaxel kind"], slope: Float[Array, "spaxel kind"]) -> Float[Array, ""]:
        r"""No weights that are not negative have a loss that is smaller by more than this.

        The loss is convex, with a second derivative of at least the penalty on the size, so that for any $y \ge 0$

        $$f(x) - f(y) \le \sum_i \left[ g_i (x_i - y_i) - \tfrac\alpha2 (x_i - y_i)^2 \right],$$

        whose maximum over y is taken number by number.
        """
        change = weights - jnp.maximum(weights - slope / self.penalty.size, 0)
        return jnp.sum(slope * change - 0.5 * self.penalty.size * change**2)


def solve(
    operator: CubeOperator,
    data: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    *,
    penalty: Penalty | None = None,
    tolerance: float = 0.1,
    steps: int = 60,
) -> Solution:
    """Non-negative weights that fit a cube, by an interior-point method, certified to be the best.

    Every step is a Newton step of Mehrotra's predictor and corrector; its equations are solved by conjugate gradients,
    preconditioned with the curvature that the data would have if their inverse variance were a product of a map and
    a spectrum (`ifux.fitting.linear.newton`). Where it is one and the PSF the same at all wavelengths, one or two
    gradients are enough whatever the conditioning; masks and other variances need more of them, and so do fields of
    which more modes than a few thousand are known. The arithmetic is that of double precision, whatever the precision
    of the caller: the curvature spans more than single precision holds.

    Args:
        operator: Of the telescope. Every kind must shine, as populations do: `GridSSP`.
        data: The cube.
        variance: Of its noise; infinite, or not a number, where the data do not count.
        penalty: By default a weak one on the size.
        tolerance: The gap to reach, in units of half of chi squared: at 0.1 the solution is within half a standard
            deviation of the best one, all modes of the data together.
        steps: At most.

    Raises:
        InputError: a kind has no light, the data count nowhere, or they are not finite where they count.

    References: Mehrotra (1992), SIAM Journal on Optimization 2, 575; Gondzio (2012), EJOR 218, 587 (inexact steps).
    """
    kind = operator.templates.dtype
    with jax.enable_x64(True):
        operator, data, variance = jax.tree.map(precise, (operator, data, variance))
        problem = posed(operator, data, variance, Penalty() if penalty is None else penalty)
        modes = modes_of(operator, problem.light, problem.inverse, problem.penalty)
        tall, wide, kinds = operator.shape
        # A tenth of an even share of the light of the brightest spaxel, everywhere.
        state = begin(problem, jnp.full((tall * wide, kinds), 0.1, data.dtype))
        history, count, reason = [], 1, f"the limit of {steps} steps"
        for _ in range(steps):
            state, loss, gap, used = step(problem, modes, state)
            count += int(used)
            history.append((float(loss), float(gap), count))
            if not np.isfinite(history[-1][:2]).all():
                raise InputError("solve: the loss is no longer a finite number: are the data in the operator's units?")
            if history[-1][1] <= tolerance:
                reason = f"the gap is below {tolerance:g}"
                break
        losses, gaps, applications = (np.array(column) for column in zip(*history, strict=True))
        weights = problem.mass(state[0])
    return Solution(
        weights.astype(kind), float(losses[-1]), float(gaps[-1]), reason, losses, gaps, applications.astype(int)
    )


def precise(leaf):
    """An array of real numbers in double precision."""
    return leaf.astype(jnp.float64) if eqx.is_inexact_array(leaf) else leaf


def posed(
    operator: CubeOperator, data: Float[Array, "y x wave"], variance: Float[Array, "y x wave"], penalty: Penalty
) -> Problem:
    """The problem in weights of order one."""
    inverse = jnp.where(jnp.isnan(variance), 0, 1 / variance)
    counts = np.asarray(inverse > 0)
    if not counts.any() or not np.isfinite(np.asarray(inverse)).all():
        raise InputError("solve: the variance must be positive, and finite somewhere; infinite masks a voxel.")
    if not np.isfinite(np.asarray(data)[counts]).all():
        raise InputError("solve: the data are not finite where the variance is: mask them with an infinite variance.")
    flux = operator.templates.mean(axis=1)
    if not bool((flux > 0).all()):
        raise InputError(
            f"solve: {int((flux <= 0).sum())} of {flux.size} kinds have no light of their own, so that weights which "
            "are not negative mean nothing: use GridSSP, whose kinds are populations."
        )
    data = jnp.where(inverse > 0, data, 0)
    seen = (inverse > 0).sum(axis=2).astype(data.dtype)
    brightest = jnp.max(jnp.abs(data.sum(axis=2)) / jnp.maximum(seen, 1.0))
    brightest = jnp.where(brightest > 0, brightest, 1.0)
    return Problem(operator, brightest / (flux.size * flux), data, inverse, penalty)


@eqx.filter_jit
def begin(problem: Problem, weights: Float[Array, "spaxel kind"]):
    """Weights with multipliers that are all the same, and the slope."""
    _, slope = problem.value(weights)
    return weights, jnp.full_like(weights, jnp.abs(slope).mean()), slope


@eqx.filter_jit
def step(problem: Problem, modes: AbstractModes, state):
    """A predictor and a corrector from weights, multipliers and slope."""
    weights, multipliers, slope = state
    barrier = multipliers / weights
    inverse = Inverse.of(Diagonal.of(problem.operator, problem.penalty, barrier), modes)

    def curve(direction):
        return problem.curve(direction) + barrier * direction

    guess, left, first = conjugate(curve, inverse, jnp.zeros_like(weights), -slope)
    follow = -multipliers - barrier * guess
    reach = jnp.minimum(longest(weights, guess), longest(multipliers, follow))
    now = jnp.mean(weights * multipliers)
    then = jnp.mean((weights + reach * guess) * (multipliers + reach * follow))
    push = (jnp.clip(then / now, 0, 1) ** 3 * now - guess * follow) / weights
    change, _, second = conjugate(curve, inverse, guess, left + push)
    follow = push - multipliers - barrier * change
    weights = weights + jnp.minimum(1, 0.99 * longest(weights, change)) * change
    multipliers = multipliers + jnp.minimum(1, 0.99 * longest(multipliers, follow)) * follow
    loss, slope = problem.value(weights)
    return (weights, multipliers, slope), loss, problem.gap(weights, slope), first + second + 1


def longest(values: Float[Array, "spaxel kind"], change: Float[Array, "spaxel kind"]) -> Float[Array, ""]:
    """How far values can follow a change before one of them is negative, one at most."""
    return 1 / jnp.maximum(1, jnp.max(-change / values))


def conjugate(curve, inverse, start, residual, *, tolerance: float = 1e-2, most: int = 100):
    """Preconditioned conjugate gradients from a start whose residual is known.

    Returns the solution, its residual and the number of applications. The residual is measured in the norm of the
    inverse of the preconditioner, in which it is the decrease of the quadratic that is left.
    """

    def more(carry):
        return (carry[4] > tolerance**2 * scale) & (carry[5] < most)

    def descend(carry):
        solution, residual, direction, _, size, count = carry
        curved = curve(direction)
        pace = size / jnp.sum(direction * curved)
        residual = residual - pace * curved
        steep = inverse(residual)
        following = jnp.sum(residual * steep)
        return solution + pace * direction, residual, steep + following / size * direction, steep, following, count + 1

    steep = inverse(residual)
    scale = jnp.sum(residual * steep)
    carry = (start, residual, steep, steep, scale, jnp.zeros((), jnp.int32))
    solution, residual, _, _, _, count = jax.lax.while_loop(more, descend, carry)
    return solution, residual, count
