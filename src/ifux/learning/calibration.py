"""Whether a posterior means what it says: on mocks whose truth is known."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def ranks(
    draws: Float[Array, "mock draw parameter"], truth: Float[Array, "mock parameter"]
) -> Int[Array, "mock parameter"]:
    """How many draws are below the truth: any number from none to all alike, if the posterior is right.

    References: Talts et al. (2018), arXiv:1804.06788 (simulation-based calibration).
    """
    return jnp.sum(draws < truth[:, None, :], axis=1)


def coverage(
    draws: Float[Array, "mock draw parameter"], truth: Float[Array, "mock parameter"], probability: float
) -> Float[Array, " parameter"]:
    """The share of mocks whose truth lies in the central interval of this probability: the probability, if it is right.

    Known to sqrt(p (1 - p) / mocks).
    """
    share = ranks(draws, truth).astype(draws.dtype) / draws.shape[1]
    return jnp.mean(jnp.abs(share - 0.5) <= probability / 2, axis=0, dtype=draws.dtype)
