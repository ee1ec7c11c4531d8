r"""With a telescope fixed, the cube is linear in the population-kinematic distribution of the galaxy.

$$\min_{w \ge 0} \; \frac12 \sum \frac{(d - A w)^2}{\sigma^2} + \frac\lambda2 \sum (D w)^2$$

with the telescope A, without ever forming its matrix.
"""

from dataclasses import dataclass
from typing import Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.telescope import Telescope


@final
class CubeOperator(eqx.Module):
    """From formed mass per spaxel and kind to the noiseless cube, and back by the exact adjoint.

    Kinds are velocity x dust x basis; with `GridSSP` a basis spectrum is a population of the library, and masses are
    not negative. The field is wider than the cube by the margin of the PSF.
    """

    telescope: Telescope
    templates: Float[Array, "kind wave"]

    @staticmethod
    def of(telescope: Telescope) -> "CubeOperator":
        """The operator of a telescope, its templates computed once."""
        return CubeOperator(telescope, eqx.filter_jit(lambda t: t.templates())(telescope))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows and columns of the wider field, and kinds."""
        return (*self.telescope.spaxels.shape(self.telescope.psf.margin), self.telescope.kinds)

    def __call__(self, weights: Float[Array, "tall wide kind"]) -> Float[Array, "y x wave"]:
        """The cube [1e-20 erg/s/cm2/angstrom per spaxel] of formed masses [solar mass]."""
        return self.telescope.observe(weights, self.templates)

    def adjoint(self, cube: Float[Array, "y x wave"]) -> Float[Array, "tall wide kind"]:
        """The transpose: what every weight sees of a cube."""
        weights = jax.ShapeDtypeStruct(self.shape, self.templates.dtype)
        return jax.linear_transpose(self, weights)(cube)[0]


@dataclass(frozen=True)
class Solution:
    """A distribution that explains a cube."""

    weights: Float[Array, "tall wide kind"]
    """Formed mass [solar mass], none of it negative."""
    history: Float[np.ndarray, " step"]
    """Half of chi squared and the penalty, before every step."""


def solve(
    operator: CubeOperator,
    data: Float[Array, "y x wave"],
    variance: Float[Array, "y x wave"],
    *,
    penalty: float = 0.0,
    smooth: Literal["size", "velocity"] = "size",
    start: Float[Array, "tall wide kind"] | None = None,
    steps: int = 300,
) -> Solution:
    """Non-negative weights that fit a cube, by accelerated projected gradients with restarts.

    Args:
        operator: Of the telescope.
        data: The cube.
        variance: Of its noise; infinite where the data do not count.
        penalty: The weight of the penalty, for weights in units of the mass whose light is the brightest spaxel's.
        smooth: What is small: the weights themselves, or their second differences along velocity.
        start: Weights to begin with; none by default.
        steps: Of the gradient.

    References: Beck & Teboulle (2009), SIAM Journal on Imaging Sciences 2, 183; O'Donoghue & Candes (2015),
    Foundations of Computational Mathematics 15, 715 (restarts).
    """
    unit = mass_unit(operator, data)
    begin = jnp.zeros(operator.shape, operator.templates.dtype) if start is None else start / unit
    found, history = descend(operator, data, variance, unit, begin, jnp.asarray(penalty, begin.dtype), smooth, steps)
    return Solution(found * unit, np.asarray(history, np.float64))


def mass_unit(operator: CubeOperator, data: Float[Array, "y x wave"]) -> Float[Array, ""]:
    """The mass of the average kind whose light is that of the brightest spaxel [solar mass]."""
    return jnp.nanmax(jnp.abs(data.mean(axis=2))) / jnp.abs(operator.templates.mean())


@eqx.filter_jit
def descend(operator, data, variance, unit, begin, penalty, smooth, steps):
    """The loop, in weights of order one."""
    telescope, inverse = operator.telescope, jnp.sqrt(1 / variance)
    data = jnp.where(inverse > 0, data, 0)

    def forward(weights):
        return inverse * operator(unit * weights)

    def rough(weights):
        if smooth == "size":
            return weights
        along = weights.reshape(*weights.shape[:2], telescope.kinematics.size, -1)
        return jnp.diff(along, n=2, axis=2)

    def loss(weights):
        return 0.5 * jnp.sum((inverse * data - forward(weights)) ** 2) + 0.5 * penalty * jnp.sum(rough(weights) ** 2)

    def curved(_, direction):
        direction = direction / jnp.linalg.norm(direction)
        return jax.jvp(jax.grad(loss), (jnp.zeros_like(begin),), (direction,))[1]

    steepest = jnp.linalg.norm(jax.lax.fori_loop(0, 20, curved, jnp.ones_like(begin)))
    pace = 1 / (1.05 * steepest)

    def step(carry, _):
        weights, ahead, momentum = carry
        value, slope = jax.value_and_grad(loss)(ahead)
        following = jnp.maximum(ahead - pace * slope, 0)
        backward = jnp.sum((ahead - following) * (following - weights)) > 0
        momentum = jnp.where(backward, 1.0, momentum)
        faster = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + jnp.where(backward, 0.0, (momentum - 1) / faster) * (following - weights)
        return (following, ahead, faster), value

    (found, *_), history = jax.lax.scan(step, (begin, begin, jnp.ones((), begin.dtype)), None, length=steps)
    return found, history
