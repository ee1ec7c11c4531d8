r"""How far a fit scatters if the data differ from the model by more than their noise.

A model of finitely many particles is one draw of a galaxy, and so are the data. That scatter is not one of single
voxels: a particle brings its whole spectrum. A least-squares fit with weights W = 1/variance then has the covariance

$$F^{-1} J^T W\,(N + t\,S)\,W J\,F^{-1}, \qquad F = J^T W J$$

with the noise N, the scatter S between draws and the Jacobian J: the Fisher error, without S, is too small.

What priors know counts in F and beside N: the values that they expect scatter about the truth as they say.

References: Huber (1967), Proceedings of the Fifth Berkeley Symposium 1, 221; White (1982), Econometrica 50, 1.
"""

from collections.abc import Callable, Iterable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ifux.errors import InputError
from ifux.fitting.fisher import Uncertainty, information, labels, prior_information, stretches
from ifux.fitting.free import Freed, Parameters
from ifux.fitting.losses import Cubes


def scattered(
    model: Freed,
    parameters: Parameters,
    predict: Callable[..., Cubes],
    variance: Cubes,
    draws: Iterable[Cubes],
    *,
    times: float = 1.0,
    noise: Cubes | None = None,
) -> Uncertainty:
    """The covariance of a least-squares fit whose data, model or both are draws with a scatter of their own.

    To first order in the scatter: it must move the parameters by less than what makes the cube bend. The chance of a
    model's own particles is also in its derivatives, above all in those with respect to places, and biases a fit by
    something of second order: give the model several times the particles of the data.

    Args:
        model: What was fitted.
        parameters: Of the fit.
        predict: Makes the noiseless cube of the model.
        variance: That the squared residuals of the fit were divided by.
        draws: Noiseless cubes of the same parameters that differ by chance alone; a generator may make them one at a
            time. Many more than there are parameters: K of them know an error to 1/sqrt(2 K) of itself.
        times: The variance of the scatter in the fit, in units of that between the draws. Where a draw has n
            particles, the data N and the model M, it is n/N + n/M.
        noise: Variance of the noise, where it is not `variance`.

    Raises:
        InputError: there are no more draws than parameters.
    """
    weighted = variance if noise is None else jax.tree.map(lambda of, noise: of**2 / noise, variance, noise)
    scores = [np.asarray(score(model, parameters, predict, variance, cube), np.float64) for cube in draws]
    names = labels(parameters)
    if len(scores) <= len(names):
        raise InputError(
            f"scattered: {len(scores)} draws cannot tell the scatter of {len(names)} parameters: give many more."
        )
    steep = np.asarray(information(model, parameters, predict, variance), np.float64)
    known = steep if noise is None else np.asarray(information(model, parameters, predict, weighted), np.float64)
    before = np.diag(prior_information(model, parameters))
    steep, known = steep + before, known + before
    scatter = known + times * np.cov(np.array(scores).T).reshape(steep.shape)
    size = np.sqrt(np.diag(steep))
    inverse = np.linalg.inv(steep / np.outer(size, size)) / np.outer(size, size)
    stretch = stretches(model, parameters)
    return Uncertainty(names, (inverse @ scatter @ inverse) * np.outer(stretch, stretch))


@eqx.filter_jit
def score(model, parameters, predict, variance, cube):
    """What every free number sees of a cube."""
    flat, restore = ravel_pytree(parameters)
    _, back = jax.vjp(lambda flat: predict(model(restore(flat))), flat)
    return back(jax.tree.map(jnp.divide, cube, variance))[0]
