r"""How far a fit scatters if the data differ from the model by more than their noise.

A model of finitely many particles is one draw of a galaxy, and so are the data. That scatter is not of single voxels:
a particle brings its whole spectrum. A least-squares fit with weights W = 1/variance then has the covariance

$$F^{-1} J^T W\,(N + t\,S)\,W J\,F^{-1}, \qquad F = J^T W J$$

with the noise N, the scatter S between draws and the Jacobian J: the Fisher error alone, without S, is too small.

References: Huber (1967), Proceedings of the Fifth Berkeley Symposium 1, 221; White (1982), Econometrica 50, 1.
"""

from collections.abc import Callable, Iterable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.fitting.fisher import Uncertainty, labels
from ifux.fitting.free import Freed, Parameters


def scattered(
    model: Freed,
    parameters: Parameters,
    predict: Callable[..., Float[Array, "y x wave"]],
    variance: Float[Array, "y x wave"],
    draws: Iterable[Float[Array, "y x wave"]],
    *,
    times: float = 1.0,
    noise: Float[Array, "y x wave"] | None = None,
) -> Uncertainty:
    """The covariance of a least-squares fit whose data, model or both are draws with a scatter of their own.

    Args:
        model: What was fitted.
        parameters: Of the fit.
        predict: Makes the noiseless cube of the model.
        variance: That the squared residuals of the fit were divided by.
        draws: Noiseless cubes of the same parameters that differ by chance alone; one at a time, so that a generator
            may make them. Many more than there are parameters: K of them know an error to 1/sqrt(2 K) of itself.
        times: The variance of the scatter in the fit, in units of that between the draws. Where a draw has n
            particles, the data N and the model M, it is n/N + n/M.
        noise: Variance of the noise, where it is not `variance`.
    """
    flat, restore = ravel_pytree(parameters)

    @eqx.filter_jit
    def products(model, flat, variance, noise):
        _, forward = jax.linearize(lambda flat: predict(model(restore(flat))), flat)
        back = jax.linear_transpose(forward, flat)

        def columns(unit):
            along = forward(unit) / variance
            return back(along)[0], back(along * noise / variance)[0]

        return jax.lax.map(columns, jnp.eye(flat.size, dtype=flat.dtype))

    @eqx.filter_jit
    def score(model, flat, variance, cube):
        _, back = jax.vjp(lambda flat: predict(model(restore(flat))), flat)
        return back(cube / variance)[0]

    information, known = products(model, flat, variance, variance if noise is None else noise)
    scores = [np.asarray(score(model, flat, variance, cube), np.float64) for cube in draws]
    if len(scores) <= flat.size:
        raise InputError(
            f"scattered: {len(scores)} draws cannot tell the scatter of {flat.size} parameters: give many more."
        )
    scatter = np.asarray(known, np.float64) + times * np.cov(np.array(scores).T).reshape(flat.size, flat.size)
    _, change = jax.jvp(lambda flat: ravel_pytree(model.values(restore(flat)))[0], (flat,), (jnp.ones_like(flat),))
    information = np.asarray(information, np.float64)
    size = np.sqrt(np.diag(information))
    inverse = np.linalg.inv(information / np.outer(size, size)) / np.outer(size, size)
    stretch = np.asarray(change, np.float64)
    return Uncertainty(labels(parameters), (inverse @ scatter @ inverse) * np.outer(stretch, stretch))
