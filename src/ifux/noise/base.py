"""What noise does: it makes a measurement of a prediction."""

import math
from abc import abstractmethod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.numerics.normal import standard_normal
from ifux.typing import AbstractLimited


class AbstractNoise(AbstractLimited):
    """The distribution of the data, given the noiseless cube."""

    @abstractmethod
    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """Variance of the noise that `sample` draws, in squared units of the cube."""

    @abstractmethod
    def sample(self, cube: Float[Array, "*place wave"], *, key: PRNGKeyArray) -> Float[Array, "*place wave"]:
        """The cube with noise. Differentiable in the cube and in the stage, for a fixed key."""

    @abstractmethod
    def log_prob(
        self,
        data: Float[Array, "*place wave"],
        cube: Float[Array, "*place wave"],
        *,
        mask: Bool[Array, "*place wave"] | None = None,
    ) -> Float[Array, ""]:
        """Log-likelihood of the data where the mask is true, or of all that are numbers, given the noiseless cube."""

    def signal_to_noise(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """Of every voxel: the noiseless cube over the standard deviation of its noise. Infinite where there is none."""
        return cube / root(self.variance(cube))


class AbstractGaussianNoise(AbstractNoise):
    """Independent normal noise in every voxel."""

    def sample(self, cube: Float[Array, "*place wave"], *, key: PRNGKeyArray) -> Float[Array, "*place wave"]:
        """The cube plus its standard deviation times standard normal numbers.

        Where the variance is zero, there is no noise, and its gradient is zero too.
        """
        return cube + root(self.variance(cube)) * standard_normal(key, cube.shape, cube.dtype)

    def log_prob(
        self,
        data: Float[Array, "*place wave"],
        cube: Float[Array, "*place wave"],
        *,
        mask: Bool[Array, "*place wave"] | None = None,
    ) -> Float[Array, ""]:
        """The normal log-likelihood, its normalisation included."""
        variance = self.variance(cube)
        mask = ~jnp.isnan(data) if mask is None else mask
        # What is masked may be anything, in the data and in the cube: it is replaced before they meet.
        residual, variance = jnp.where(mask, data, 0) - jnp.where(mask, cube, 0), jnp.where(mask, variance, 1)
        terms = residual**2 / variance + jnp.log(2 * math.pi * variance)
        return -0.5 * jnp.sum(jnp.where(mask, terms, 0))


@jax.custom_jvp
def root(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The square root of numbers that are not negative, with a slope of zero at zero."""
    return jnp.sqrt(x)


@root.defjvp
def root_jvp(primals, tangents):
    """The slope is 1 / (2 root)."""
    (x,), (change,) = primals, tangents
    value = root(x)
    return value, jnp.where(x > 0, 0.5 / jnp.where(x > 0, value, 1), 0) * change
