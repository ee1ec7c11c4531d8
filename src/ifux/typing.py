"""How numbers enter modules."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float


def real(x: ArrayLike | Sequence) -> Float[Array, "..."]:
    """A floating-point array of the default precision: the converter of every leaf that may be fitted.

    The explicit dtype drops weak types, which would recompile a program after the first optimiser step.
    """
    return jnp.asarray(x, dtype=float)


def real_if_any(x: ArrayLike | Sequence | None) -> Float[Array, "..."] | None:
    """The same for a leaf that may be absent."""
    return None if x is None else real(x)
