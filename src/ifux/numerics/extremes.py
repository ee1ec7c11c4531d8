"""The larger and the smaller of two numbers, with a derivative that no compiler can lose."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def larger(one: Float[Array, "*place"], other: Float[Array, "*place"]) -> Float[Array, "*place"]:
    """The larger. JAX's own asks in its derivative which of both the result equals: none, where XLA computes an operand
    once more for the gradient and rounds it otherwise.
    """
    return jnp.where(one > other, one, other)


def smaller(one: Float[Array, "*place"], other: Float[Array, "*place"]) -> Float[Array, "*place"]:
    """The smaller, likewise."""
    return jnp.where(one < other, one, other)
