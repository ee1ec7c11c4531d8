"""A posterior as a normal distribution."""

import math
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.learning.head import AbstractHead


@final
class GaussianHead(AbstractHead):
    r"""A normal distribution whose mean and full covariance follow from the context.

    $$\log q(x) = \sum_i \log L_{ii} - \tfrac12 |L (x - \mu)|^2 - \tfrac n2 \log 2\pi$$

    with the lower triangle L a Cholesky factor of the precision matrix. A new head says what the prior says.
    """

    layer: eqx.nn.Linear
    size: int = eqx.field(static=True)

    @staticmethod
    def new(size: int, context: int, *, key: PRNGKeyArray) -> "GaussianHead":
        """For so many free numbers and entries of the context."""
        layer = eqx.nn.Linear(context, size + size * (size + 1) // 2, key=key)
        return GaussianHead(jax.tree.map(jnp.zeros_like, layer), size)

    def moments(
        self, context: Float[Array, " context"]
    ) -> tuple[Float[Array, " parameter"], Float[Array, "parameter parameter"]]:
        """The mean, and the factor L."""
        numbers = self.layer(context)
        rows, columns = np.tril_indices(self.size)
        lower = jnp.zeros((self.size, self.size), numbers.dtype).at[rows, columns].set(numbers[self.size :])
        diagonal = jnp.diag(lower)
        return numbers[: self.size], lower + jnp.diag(jnp.exp(diagonal) - diagonal)

    def centre(self, context: Float[Array, " context"]) -> Float[Array, " parameter"]:
        """The mean."""
        return self.moments(context)[0]

    def covariance(self, context: Float[Array, " context"]) -> Float[Array, "parameter parameter"]:
        """The inverse of the precision."""
        lower = self.moments(context)[1]
        inverse = jax.scipy.linalg.solve_triangular(lower, jnp.eye(self.size, dtype=lower.dtype), lower=True)
        return jnp.matmul(inverse, inverse.T, precision=jax.lax.Precision.HIGHEST)

    def log_prob(self, numbers: Float[Array, " parameter"], context: Float[Array, " context"]) -> Float[Array, ""]:
        """Its density at some free numbers."""
        mean, lower = self.moments(context)
        pulls = jnp.matmul(lower, numbers - mean, precision=jax.lax.Precision.HIGHEST)
        return jnp.sum(jnp.log(jnp.diag(lower)) - 0.5 * pulls**2 - 0.5 * math.log(2 * math.pi))

    def sample(self, context: Float[Array, " context"], *, key: PRNGKeyArray) -> Float[Array, " parameter"]:
        """Some free numbers at random."""
        mean, lower = self.moments(context)
        pulls = jax.random.normal(key, mean.shape, mean.dtype)
        return mean + jax.scipy.linalg.solve_triangular(lower, pulls, lower=True)
