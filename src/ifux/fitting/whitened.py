"""Coordinates in which every direction is known equally well: few steps of an optimiser, long ones of a sampler."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.fitting.fisher import Uncertainty, stretches
from ifux.fitting.free import Freed, Parameters


@final
class Whitened(eqx.Module):
    r"""Free numbers counted from a point, in standard deviations along independent axes.

    $$\theta = \theta_0 + L\,x, \qquad L L^T = C$$

    With the covariance C of `fisher`, a loss is close to half of the squared length of x about its minimum, however
    unequal its parameters and however strongly they are correlated. It is one where the covariance was found, and
    nearly so where that is still right: a fit from afar does best to begin as it stands, and to be whitened near by.
    """

    centre: Parameters
    """Where the coordinates are zero."""
    axes: Float[Array, "parameter parameter"]
    """L, the Cholesky factor of the covariance of the free numbers."""

    @staticmethod
    def at(model: Freed, parameters: Parameters, uncertainty: Uncertainty) -> "Whitened":
        """Coordinates about some parameters, whose covariance in physical units is known there.

        Raises:
            InputError: a parameter has no finite error.
        """
        unknown = [name for name, error in uncertainty.errors.items() if not np.isfinite(error)]
        if unknown:
            raise InputError(f"Whitened: nothing constrains {', '.join(unknown)}: give a prior, or free it no longer.")
        stretch = stretches(model, parameters)
        covariance = uncertainty.covariance / np.outer(stretch, stretch)
        size = np.sqrt(np.diag(covariance))
        axes = size[:, None] * np.linalg.cholesky(covariance / np.outer(size, size))
        return Whitened(parameters, jnp.asarray(axes, ravel_pytree(parameters)[0].dtype))

    def __call__(self, place: Float[Array, " parameter"]) -> Parameters:
        """The free numbers at a place."""
        flat, restore = ravel_pytree(self.centre)
        return restore(flat + self.axes @ place)

    @property
    def origin(self) -> Float[Array, " parameter"]:
        """The place of the point that is counted from."""
        return jnp.zeros(self.axes.shape[0], self.axes.dtype)
