r"""How well parameters can be known: Fisher information, Cramér-Rao bounds, Laplace's approximation.

$$F_{ij} = \sum_\text{voxel} \frac{1}{\sigma^2} \frac{\partial\,\text{cube}}{\partial\theta_i}
\frac{\partial\,\text{cube}}{\partial\theta_j}$$

for normal noise whose variance is known. Its inverse bounds the covariance of every unbiased estimate. What a prior
knows adds its own inverse variance to the diagonal.

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
from jaxtyping import Array, Float

from ifux.fitting.free import Freed, Parameters
from ifux.fitting.losses import Cubes, Masks


@dataclass(frozen=True)
class Uncertainty:
    """The covariance of parameters in their physical units, in the order in which `free` was given them.

    A parameter that nothing constrains has an infinite variance, and no covariances: zeros.
    """

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
        sigma = np.where(np.isfinite(sigma), sigma, 1)
        return np.where(np.isfinite(self.covariance), self.covariance, 1) / np.outer(sigma, sigma)


def fisher(
    model: Freed,
    parameters: Parameters,
    predict: Callable[..., Cubes],
    variance: Cubes,
    mask: Masks | None = None,
) -> Uncertainty:
    """The Cramér-Rao bound at some parameters, with what their priors know, if they have any.

    `predict` makes the noiseless cube of the model that the parameters stand for, or those of the arms of a
    spectrograph by their names, whose information adds up. The information is found column by
    column, forward and back through the model: no array holds a derivative of every voxel by every parameter. What
    neither the cube nor a prior knows has an infinite error. Without a mask all data count whose variance is a number.
    """
    known = np.asarray(information(model, parameters, predict, variance, mask), np.float64)
    return bound(model, parameters, known + np.diag(prior_information(model, parameters)))


def prior_information(model: Freed, parameters: Parameters) -> Float[np.ndarray, " parameter"]:
    """What priors know of every free number: the squared change of their normal number for a step of it."""
    flat, restore = ravel_pytree(parameters)
    change = jax.jvp(lambda flat: ravel_pytree(model.deviations(restore(flat)))[0], (flat,), (jnp.ones_like(flat),))[1]
    return np.asarray(change, np.float64) ** 2


@eqx.filter_jit
def information(
    model: Freed,
    parameters: Parameters,
    predict: Callable[..., Cubes],
    variance: Cubes,
    mask: Masks | None = None,
) -> Float[Array, "parameter parameter"]:
    """The Fisher information of the data on the free numbers, in the order in which they are laid flat.

    As `fisher` without priors, for what is done with it before it is inverted: what is not known looked for, say. It
    is compiled once for a `predict`: give a function that is made once, not a new lambda each time.
    """
    flat, restore = ravel_pytree(parameters)
    mask = jax.tree.map(lambda variance: ~jnp.isnan(variance), variance) if mask is None else mask
    weight = jax.tree.map(lambda mask, of: jnp.where(mask, 1 / jnp.where(mask, of, 1), 0), mask, variance)
    _, forward = jax.linearize(lambda flat: predict(model(restore(flat))), flat)
    back = jax.linear_transpose(forward, flat)
    units = jnp.eye(flat.size, dtype=flat.dtype)
    return jax.lax.map(lambda unit: back(jax.tree.map(jnp.multiply, weight, forward(unit)))[0], units)


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
    """The inverse of the information on free numbers, in physical units; infinite where there is none."""
    covariance = inverse(information, float(np.finfo(ravel_pytree(parameters)[0].dtype).eps))
    stretch = stretches(model, parameters)
    with np.errstate(invalid="ignore"):
        scaled = np.where(np.isinf(covariance), np.inf, covariance * np.outer(stretch, stretch))
    return Uncertainty(labels(parameters), scaled)


def inverse(information: Float[np.ndarray, "parameter parameter"], rounding: float) -> np.ndarray:
    """The covariance that an information knows of, with infinite variances and no covariances where it knows nothing.

    A direction is unknown if its eigenvalue, each parameter counted in what is known of it alone, is that of rounding
    errors. Parameters that take no part in such a direction are as well known as if it were held.
    """
    information = (information + information.T) / 2
    size = np.sqrt(np.maximum(np.diag(information), 0))
    blind = ~(size > 0)
    size = np.where(blind, 1.0, size)
    values, axes = np.linalg.eigh(information / np.outer(size, size))
    flat = values <= max(1e-12, 10 * rounding) * values[-1]
    infinite = blind | (np.abs(axes[:, flat]) > 0.01).any(axis=1)
    covariance = (axes[:, ~flat] / values[~flat]) @ axes[:, ~flat].T / np.outer(size, size)
    covariance[infinite, :] = covariance[:, infinite] = 0
    covariance[infinite, infinite] = np.inf
    return covariance


def stretches(model: Freed, parameters: Parameters) -> Float[np.ndarray, " parameter"]:
    """Change of the physical values for a step of the free numbers, which belong to each other one by one."""
    flat, restore = ravel_pytree(parameters)
    _, change = jax.jvp(lambda flat: ravel_pytree(model.values(restore(flat)))[0], (flat,), (jnp.ones_like(flat),))
    return np.asarray(change, np.float64)


def labels(parameters: Parameters) -> tuple[str, ...]:
    """A name for every number, in the order in which they are laid flat: that in which `free` was given them."""
    found = []
    for (key,), leaf in jax.tree_util.tree_leaves_with_path(parameters):
        found += [key.key + "".join(f"[{i}]" for i in place) for place in np.ndindex(leaf.shape)]
    return tuple(found)
