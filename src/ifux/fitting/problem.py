"""A cube that a model is to explain, or one of every arm, and how far it is from doing so."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ifux.fitting.free import Freed, Parameters
from ifux.fitting.losses import Cubes, Masks, pulls

HIGHEST = jax.lax.Precision.HIGHEST


@final
class Problem(eqx.Module):
    """Data, the model that is to make them, and what its priors expect."""

    predict: Callable[[Any], Cubes]
    """Makes the noiseless cube of a model, or that of every arm."""
    model: Freed
    data: Cubes
    variance: Cubes
    """Of the noise of the data."""
    mask: Masks | None = None
    """True where the data count; without it all count that are numbers."""

    def __check_init__(self):
        for name in ("variance", "mask"):
            given = getattr(self, name)
            if given is not None and jax.tree.structure(given) != jax.tree.structure(self.data):
                raise ValueError(
                    f"{name} must be of the same arms as the data, {shown(self.data)}, and is of {shown(given)}."
                )

    @property
    def counted(self) -> int:
        """How many data count."""
        counts = jax.tree.map(lambda data: ~np.isnan(data), self.data) if self.mask is None else self.mask
        return sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(counts))

    def pulls(self, parameters: Parameters) -> Cubes:
        """Residuals in units of their standard deviation; zero where the data do not count."""
        return pulls(self.data, self.predict(self.model(parameters)), self.variance, self.mask)

    def squares(self, parameters: Parameters) -> Float[Array, " y"]:
        """Chi squared of every row of spaxels, those of one arm after those of another."""
        return in_rows(lambda pulls: jnp.sum(pulls**2, axis=(1, 2)), self.pulls(parameters))

    def deviations(self, parameters: Parameters) -> Float[Array, " parameter"]:
        """How far every free number is from what its prior expects, in normal deviations."""
        return ravel_pytree(self.model.deviations(parameters))[0]


def in_rows(function: Callable[..., Float[Array, "y ..."]], *trees: Any) -> Float[Array, "y ..."]:
    """What a function makes of the rows of every cube, one cube after the other."""
    return jnp.concatenate([function(*of) for of in zip(*map(jax.tree.leaves, trees), strict=True)])


def shown(cubes: Any) -> str:
    """Which arms there are cubes of, in words."""
    return str([*cubes]) if isinstance(cubes, dict) else "one telescope"


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
    squares = in_rows(lambda pulls: jnp.sum(pulls**2, axis=(1, 2)), residual)
    slope = -in_rows(lambda of, pulls: jnp.einsum("pyxw,yxw->yp", of, pulls, precision=HIGHEST), columns, residual)
    information = in_rows(lambda of: jnp.einsum("pyxw,qyxw->ypq", of, of, precision=HIGHEST), columns)
    expected = jax.jvp(lambda flat: problem.deviations(restore(flat)), (flat,), (jnp.ones_like(flat),))
    return (squares, slope, information), expected
