"""Where to begin a fit, if its loss may have several minima."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, PRNGKeyArray

from ifux.fitting.descent import Minimum, objective
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.problem import Problem, many_parts

SCREENED = 24
"""Draws from the priors for every start: the fit begins at the best of them."""

SCANNED = 8
"""Draws for every number that is drawn again, where another valley is looked for."""

RISEN = 50.0
"""Rise of a parabola, ten standard deviations away, where another valley is looked for."""


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
