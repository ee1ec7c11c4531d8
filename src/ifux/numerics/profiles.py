"""How much of a line lies below an edge, for shapes that have a formula.

Each is a function of the distance of an edge from the centre of the line. What is below an edge grows from zero to one,
so that pixels side by side have all of it; its rounding is that of one, and its slopes are finite everywhere.
"""

import jax.numpy as jnp
from jax.scipy.special import ndtr
from jax.scipy.stats.norm import pdf
from jaxtyping import Array, Float


def gaussian_below(distance: Float[Array, " *#case"], sigma: Float[Array, " *#case"]) -> Float[Array, " *#case"]:
    r"""Of a Gaussian of a standard deviation: $\Phi(x / \sigma)$."""
    return ndtr(distance / sigma)


def hermite_below(
    distance: Float[Array, " *#case"], sigma: Float[Array, " *#case"], shares: tuple[Float[Array, " *#case"], ...]
) -> Float[Array, " *#case"]:
    r"""Of a Gaussian and its first derivatives, with coefficients that are counted in powers of its width.

    $$\Phi(y) + \sum_{k \ge 1} c_k\,(-1)^{k-1}\,\mathrm{He}_{k-1}(y)\,\varphi(y), \quad y = x / \sigma$$

    is what lies below x of $G + \sum_k c_k \sigma^k G^{(k)}$, as the k-th derivative integrates to the one before it.
    """
    y = distance / sigma
    below, before, polynomial = ndtr(y), jnp.zeros_like(y), jnp.ones_like(y)
    for order, share in enumerate(shares):
        below = below + (-1) ** order * share * polynomial * pdf(y)
        before, polynomial = polynomial, y * polynomial - order * before
    return below


def boxcar_below(
    distance: Float[Array, " *#case"], width: Float[Array, " *#case"], sigma: Float[Array, " *#case"]
) -> Float[Array, " *#case"]:
    r"""Of a boxcar of a full width W that a Gaussian blurs.

    $$\frac{\sigma}{W}\left[g\!\left(\frac{x + W/2}{\sigma}\right) - g\!\left(\frac{x - W/2}{\sigma}\right)\right],
    \quad g(y) = y\,\Phi(y) + \varphi(y)$$

    below the centre, and by symmetry above it, where the two would differ by less than their rounding.
    """
    near = jnp.where(distance < 0, distance, -distance)
    left, right = (near + width / 2) / sigma, (near - width / 2) / sigma
    tail = (left * ndtr(left) + pdf(left) - right * ndtr(right) - pdf(right)) * sigma / width
    return jnp.where(distance < 0, tail, 1 - tail)
