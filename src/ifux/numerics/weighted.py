"""Weighted means of spectra, at many places with weights of their own."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

HIGHEST = jax.lax.Precision.HIGHEST


def weighted_means(
    weights: Callable[[Float[Array, ""]], Float[Array, "x element"]],
    rows: Float[Array, " y"],
    spectra: Float[Array, "element wave"],
    power: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    factor: Float[Array, ""],
) -> Float[Array, "y x wave"]:
    """The sums over elements with a power of their weights, over that power of the sums of the weights, and a factor.

    Row by row: no more weights are held, nor kept for the gradient. An element that is not a number in a channel has no
    weight there. Where no element has any the mean is not a number, and has no part in a gradient.

    Args:
        weights: Of the elements in a row of places.
        rows: What it is asked for, one by one.
        spectra: Of the elements.
        power: One for means, two for the variance of means of what is independent.
        factor: Here, where what is not a number cannot reach its gradient.
    """
    good = ~jnp.isnan(spectra)
    missing = ~good.any(axis=0)
    values = jnp.where(good, spectra, 0)

    def over(total: Callable[[Float[Array, "x element"]], Float[Array, " x #wave"]]) -> Float[Array, "y x wave"]:
        @jax.checkpoint
        def row(at: Float[Array, ""]) -> Float[Array, "x wave"]:
            shares = weights(at).astype(values.dtype)
            divisor = total(shares)
            summed = factor * jnp.matmul(power(shares), values, precision=HIGHEST)
            return jnp.where(divisor > 0, summed / power(jnp.where(divisor > 0, divisor, 1)), jnp.nan)

        return jax.lax.map(row, rows)

    def of_some() -> Float[Array, "y x wave"]:
        return over(lambda shares: jnp.matmul(shares, good.astype(shares.dtype), precision=HIGHEST))

    def of_all() -> Float[Array, "y x wave"]:
        return over(lambda shares: shares.sum(axis=1, keepdims=True))

    means = jax.lax.cond(jnp.any(~good & ~missing[None]), of_some, of_all)
    return jnp.where(missing[None, None], jnp.nan, means)
