r"""How well parameters can be known: Fisher information, Cramér-Rao bounds, Laplace's approximation.

$$F_{ij} = \sum_\text{voxel} \frac{1}{\sigma^2} \frac{\partial\,\text{cube}}{\partial\theta_i}
\frac{\partial\,\text{cube}}{\partial\theta_j}$$

for normal noise whose variance is known. Its inverse bounds the covariance of every unbiased estimate.

References: Fisher (1925), Mathematical Proceedings of the Cambridge Philosophical Society 22, 700; Cramér (1946),
Mathematical Methods of Statistics; Tegmark, Taylor & Heavens (1997), ApJ 480, 22.
"""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from ifux.errors import InputError
from ifux.fitting.free import Freed, Parameters


@dataclass(frozen=True)
class Uncertainty:
    """The covariance of parameters in their physical units, in the order of their names."""

    names: tuple[str, ...]
    """A name for each row; several for an array: its name and the place of the entry."""
    covariance: Float[np.ndarray, "parameter parameter"]

    @property
    def errors(self) -> dict[str, float]:
        """Standard deviations."""
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def correlation(self) -> Float[np.ndarray, "parameter parameter"]:
        """The covariance in units of the standard deviations: near one, two parameters do the same to the cube."""
        sigma = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(sigma, sigma)


def fisher(
    model: Freed,
    parameters: Parameters,
    predict: Callable[..., Float[Array, "y x wave"]],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Uncertainty:
    """The Cramér-Rao bound at some parameters.

    `predict` makes the noiseless cube of the model that the parameters stand for. The information is found column by
    column, forward and back through the model: no array holds a derivative of every voxel by every parameter.
    """
    return bound(model, parameters, np.asarray(information(model, parameters, predict, variance, mask), np.float64))


@eqx.filter_jit
def information(
    model: Freed,
    parameters: Parameters,
    predict: Callable[..., Float[Array, "y x wave"]],
    variance: Float[Array, "y x wave"],
    mask: Bool[Array, "y x wave"] | None = None,
) -> Float[Array, "parameter parameter"]:
    """The Fisher information on the free numbers, in the order in which they are laid flat.

    As `fisher`, for what is done with it before it is inverted: a prior is added, or what is not known looked for. It
    is compiled once for a `predict`: give a function that is made once, not a new lambda each time.
    """
    flat, restore = ravel_pytree(parameters)
    weight = 1 / variance if mask is None else jnp.where(mask, 1 / jnp.where(mask, variance, 1), 0)
    _, forward = jax.linearize(lambda flat: predict(model(restore(flat))), flat)
    back = jax.linear_transpose(forward, flat)
    return jax.lax.map(lambda unit: back(weight * forward(unit))[0], jnp.eye(flat.size, dtype=flat.dtype))


def laplace(model: Freed, parameters: Parameters, loss: Callable[[Parameters], Float[Array, ""]]) -> Uncertainty:
    """The covariance of a normal distribution with the curvature of a loss at its minimum.

    The loss is a negative log-likelihood, or posterior, of the parameters.
    """
    flat, restore = ravel_pytree(parameters)
    slope = jax.grad(lambda flat: loss(restore(flat)))

    @eqx.filter_jit
    def curvature(flat):
        return jax.lax.map(lambda unit: jax.jvp(slope, (flat,), (unit,))[1], jnp.eye(flat.size, dtype=flat.dtype))

    return bound(model, parameters, np.asarray(curvature(flat), np.float64))


def bound(model: Freed, parameters: Parameters, information: Float[np.ndarray, "parameter parameter"]) -> Uncertainty:
    """The inverse of the information on free numbers, in physical units."""
    information = (information + information.T) / 2
    names = labels(parameters)
    scale = np.sqrt(np.abs(np.diag(information)))
    if not scale.all():
        blind = [name for name, size in zip(names, scale, strict=True) if size == 0]
        raise InputError(f"fisher: the cube does not depend on {', '.join(blind)}: free it no longer.")
    values, axes = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] <= 1e-12 * values[-1]:
        mixed = [name for name, share in zip(names, axes[:, 0], strict=True) if abs(share) > 0.1]
        raise InputError(f"fisher: a combination of {', '.join(mixed)} leaves the cube as it is: fix one of them.")
    covariance = (axes / values) @ axes.T / np.outer(scale, scale)
    stretch = stretches(model, parameters)
    return Uncertainty(names, covariance * np.outer(stretch, stretch))


def stretches(model: Freed, parameters: Parameters) -> Float[np.ndarray, " parameter"]:
    """Change of the physical values for a step of the free numbers, which belong to each other one by one."""
    flat, restore = ravel_pytree(parameters)
    _, change = jax.jvp(lambda flat: ravel_pytree(model.values(restore(flat)))[0], (flat,), (jnp.ones_like(flat),))
    return np.asarray(change, np.float64)


def labels(parameters: Parameters) -> tuple[str, ...]:
    """A name for every number, in the order in which they are laid flat."""
    found = []
    for name in sorted(parameters):
        shape = parameters[name].shape
        found += [name + "".join(f"[{i}]" for i in place) for place in np.ndindex(shape)]
    return tuple(found)
