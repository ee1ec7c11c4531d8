"""From a guess to the posterior, with the telescope itself."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.checks import shortcomings, warn_of
from ifux.fitting.losses import Cubes
from ifux.learning.prior import Prior
from ifux.observation import Observation

HIGHEST = jax.lax.Precision.HIGHEST


@final
class Refined(eqx.Module):
    """The most probable free numbers, and the normal distribution around them."""

    numbers: Float[Array, " parameter"]
    covariance: Float[Array, "parameter parameter"]
    loss: Float[Array, " step"]
    """Minus the logarithm of the posterior, up to a constant, before every step."""

    def sample(self, count: int, *, key: PRNGKeyArray) -> Float[Array, "draw parameter"]:
        """Draws of the free numbers."""
        pulls = jax.random.normal(key, (count, self.numbers.size), self.numbers.dtype)
        lower = jnp.linalg.cholesky(self.covariance)
        return self.numbers[None, :] + jnp.matmul(pulls, lower.T, precision=HIGHEST)


def refine(prior: Prior[Observation], numbers: Float[Array, " parameter"], data: Cubes, steps: int = 8) -> Refined:
    r"""Steps of Gauss and Newton, damped after Levenberg and Marquardt, from the answer of a network.

    $$\delta = [F + 1 + \mu\,\mathrm{diag}(F + 1)]^{-1} \left[J^T \frac{d - T(x)}{\sigma^2} - x\right], \quad
    F = J^T \frac{1}{\sigma^2} J$$

    with the telescope T, its Jacobian J by the free numbers x, and their standard normal prior. A step that does not
    lead to a more probable place is not taken, and the next is shorter. The inverse of F + 1 at the end is the
    covariance: Laplace's approximation. The variance is that of the cube at the step. Of a spectrograph the data are
    the cubes of its arms, by their names. At the start and at the end it warns where the numbers have left what the
    telescope was made for, but not inside of a `jit` or a `vmap`: there,
    `ifux.checks.shortcomings(prior(found.numbers))` tells afterwards.

    References: Marquardt (1963), SIAM Journal on Applied Mathematics 11, 431.
    """
    told = warn_of(shortcomings(standing_for(prior, numbers)))
    found = stepped(prior, numbers, data, steps)
    warn_of(shortcomings(standing_for(prior, found.numbers)), told)
    return found


@eqx.filter_jit
def standing_for(prior: Prior[Observation], numbers: Float[Array, " parameter"]) -> Observation:
    """The observation that free numbers stand for."""
    return prior(numbers)


@eqx.filter_jit
def stepped(prior: Prior[Observation], numbers: Float[Array, " parameter"], data: Cubes, steps: int) -> Refined:
    """The steps, compiled once."""

    def whitened(numbers):
        observation = prior(numbers)
        elements = observation.expose()
        variance, _ = ravel_pytree(jax.lax.stop_gradient(observation.variance(elements)))
        sigma = jnp.sqrt(variance)
        return ravel_pytree(elements)[0] / sigma, ravel_pytree(data)[0] / sigma

    def linear(numbers):
        """The loss, its slope and its curvature."""
        units = jnp.eye(numbers.size, dtype=numbers.dtype)
        (cube, data), forward = jax.linearize(whitened, numbers)
        columns = jax.lax.map(lambda unit: forward(unit)[0], units)
        residual = data - cube
        slope = jnp.matmul(columns, residual, precision=HIGHEST) - numbers
        curvature = jnp.matmul(columns, columns.T, precision=HIGHEST) + units
        return 0.5 * jnp.sum(residual**2) + 0.5 * jnp.sum(numbers**2), slope, curvature

    def step(carry, _):
        numbers, (loss, slope, curvature), damping = carry
        damped = curvature + damping * jnp.diag(jnp.diag(curvature))
        there = numbers + jnp.linalg.solve(damped, slope)
        ahead = linear(there)
        better = ahead[0] < loss
        chosen = jax.tree.map(lambda new, old: jnp.where(better, new, old), (there, ahead), (numbers, carry[1]))
        return (*chosen, jnp.where(better, damping / 10, damping * 10)), loss

    start = numbers, linear(numbers), jnp.asarray(0.1, numbers.dtype)
    (numbers, (loss, _, curvature), _), losses = jax.lax.scan(step, start, None, length=steps)
    return Refined(numbers, jnp.linalg.inv(curvature), jnp.append(losses, loss))
