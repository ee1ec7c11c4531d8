"""Draws from a posterior by a sampler that follows gradients.

blackjax is an extra: `pip install ifux[sampling]`.
"""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from ifux.errors import InputError


@final
class Draws(eqx.Module):
    """A chain of draws from a posterior, after its warm-up."""

    parameters: PyTree[Float[Array, "draw ..."]]
    """Like the parameters that the chain began with, each with an axis of draws in front."""
    acceptance: Float[Array, " draw"]
    """Mean acceptance probability along each trajectory; the warm-up aims at 0.8."""
    divergent: Bool[Array, " draw"]
    """Whether a trajectory ran away: more than a few, and the draws miss a part of the posterior."""


def nuts(
    loss: Callable[..., Float[Array, ""]],
    start: PyTree[Float[Array, "..."]],
    *arguments: Any,
    key: PRNGKeyArray,
    warmup: int = 300,
    draws: int = 500,
    doublings: int = 6,
) -> Draws:
    """A chain of the No-U-Turn sampler, its step and the scale of every parameter adapted in the warm-up.

    It can be compiled and mapped: over keys for several chains, over data for several mocks. Chains side by side wait
    for the longest trajectory among them, which a GPU may afford; on a CPU, `jax.lax.map` makes one after the other in
    one program. Begin near the minimum of the loss, in the coordinates of `Whitened`, where trajectories are short:

        chain = lambda key: nuts(loss, white.origin, white, model, data, key=key)
        chains = eqx.filter_jit(lambda keys: jax.lax.map(chain, keys))(jax.random.split(key, 4))

    Of 400 mocks whose truths were drawn from the prior, with chains of 120 draws of four numbers (an inclination, a
    rotation speed, an age and a metallicity), central intervals of 68 % held the truth in 66.6 +- 1.4 %, those of 90 %
    in 89.3 +- 0.9 %, each free number counted for itself; the errors are those of the scatter between mocks.

    Args:
        loss: A negative log-posterior of the parameters, up to a constant, and of `arguments`: a likelihood without a
            prior is one whose prior is flat in the free numbers.
        start: Parameters, any tree of arrays.
        warmup: Steps that are not kept.
        draws: Steps that are.
        doublings: Of the length of a trajectory, at most: no more than two to this power gradients for a step. Six are
            plenty for whitened parameters; where one is known a hundred times worse than another, take ten.

    References: Hoffman & Gelman (2014), Journal of Machine Learning Research 15, 1593; Cabezas et al. (2024),
    arXiv:2402.10797 (blackjax).
    """
    try:
        import blackjax
    except ImportError as error:
        raise InputError("nuts samples with blackjax: install it with `pip install ifux[sampling]`.") from error

    def density(parameters):
        return -loss(parameters, *arguments)

    first, second = jax.random.split(key)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        adaptation: Any = blackjax.window_adaptation(
            blackjax.nuts, density, initial_step_size=0.5, max_num_doublings=doublings
        )
        (state, settings), _ = adaptation.run(first, start, num_steps=warmup)
        kernel: Any = blackjax.nuts(density, **settings)

        def step(state, key):
            state, info = kernel.step(key, state)
            return state, (state.position, info.acceptance_rate, info.is_divergent)

        _, (position, acceptance, divergent) = jax.lax.scan(step, state, jax.random.split(second, draws))
    return Draws(position, acceptance, divergent)
