"""A cube that a model is to explain, and how far it is from doing so."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from ifux.fitting.free import Freed, Parameters
from ifux.fitting.losses import pulls


@final
class Problem(eqx.Module):
    """Data, the model that is to make them, and what its priors expect."""

    predict: Callable[[Any], Float[Array, "y x wave"]]
    """Makes the noiseless cube of a model."""
    model: Freed
    data: Float[Array, "y x wave"]
    variance: Float[Array, "y x wave"]
    """Of the noise of the data."""
    mask: Bool[Array, "y x wave"] | None = None
    """True where the data count; without it all count that are numbers."""

    @property
    def counted(self) -> int:
        """How many data count."""
        return int(np.sum(~np.isnan(self.data) if self.mask is None else self.mask))

    def pulls(self, parameters: Parameters) -> Float[Array, "y x wave"]:
        """Residuals in units of their standard deviation; zero where the data do not count."""
        return pulls(self.data, self.predict(self.model(parameters)), self.variance, self.mask)

    def squares(self, parameters: Parameters) -> Float[Array, " y"]:
        """Chi squared of every row of spaxels."""
        return jnp.sum(self.pulls(parameters) ** 2, axis=(1, 2))

    def deviations(self, parameters: Parameters) -> Float[Array, " parameter"]:
        """How far every free number is from what its prior expects, in normal deviations."""
        return ravel_pytree(self.model.deviations(parameters))[0]


@eqx.filter_jit
def parts(problem: Problem, parameters: Parameters) -> tuple[Float[Array, " y"], Float[Array, " parameter"]]:
    """Chi squared of every row of spaxels, and squared deviations from the priors."""
    return problem.squares(parameters), problem.deviations(parameters) ** 2


@eqx.filter_jit
def many_parts(
    problem: Problem, parameters: Parameters
) -> tuple[Float[Array, "draw y"], Float[Array, "draw parameter"]]:
    """The same for many parameters, one after the other."""
    return jax.lax.map(lambda one: parts(problem, one), parameters)


@eqx.filter_jit
def linearised(
    problem: Problem, parameters: Parameters
) -> tuple[
    tuple[Float[Array, " y"], Float[Array, "y parameter"], Float[Array, "y parameter parameter"]],
    tuple[Float[Array, " parameter"], Float[Array, " parameter"]],
]:
    """Chi squared of every row, half of its downward slope, the products of the derivatives of the pulls; and the
    deviations from the priors with their change for a step of the free numbers.
    """
    flat, restore = ravel_pytree(parameters)
    residual, forward = jax.linearize(lambda flat: problem.pulls(restore(flat)), flat)
    columns = jax.lax.map(forward, jnp.eye(flat.size, dtype=flat.dtype))
    slope = -jnp.einsum("pyxw,yxw->yp", columns, residual, precision=jax.lax.Precision.HIGHEST)
    information = jnp.einsum("pyxw,qyxw->ypq", columns, columns, precision=jax.lax.Precision.HIGHEST)
    expected = jax.jvp(lambda flat: problem.deviations(restore(flat)), (flat,), (jnp.ones_like(flat),))
    return (jnp.sum(residual**2, axis=(1, 2)), slope, information), expected
