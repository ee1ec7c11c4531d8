"""Smooth maps from all real numbers, where an optimiser may go, to the values that make sense."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class AbstractBijection(eqx.Module):
    """An increasing map and its inverse, element by element."""

    @abstractmethod
    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value that a free number stands for."""

    @abstractmethod
    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The free number of a value; not finite for a value out of range."""


@final
class Real(AbstractBijection):
    """Any number, counted in steps of a size that matters: angles of a degree, say, or speeds of ten km/s."""

    scale: float = eqx.field(static=True, default=1.0)
    """The value of a step, in the unit of the leaf."""

    def __check_init__(self):
        if not self.scale > 0:
            raise ValueError(f"Real.scale must be greater than zero, got {self.scale}.")

    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """So many steps."""
        return self.scale * free

    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """How many steps."""
        return value / self.scale


@final
class Positive(AbstractBijection):
    """A number above zero, by its logarithm: equal steps are equal ratios."""

    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """The exponential."""
        return jnp.exp(free)

    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The logarithm."""
        return jnp.log(value)


@final
class Interval(AbstractBijection):
    r"""A number between two limits. That all values between them are alike is said by `Uniform`, and counts in a fit.

    $$y = a + (b - a) / (1 + e^{-x})$$
    """

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        if not self.low < self.high:
            raise ValueError(f"Interval.low must be below high, got {self.low} and {self.high}.")

    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """The logistic function between the limits."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(free)

    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The logarithm of the ratio of the distances from the limits."""
        return jnp.log(value - self.low) - jnp.log(self.high - value)
