r"""Distributions of a physical value, as increasing maps of standard normal numbers.

$$y = F^{-1}(\Phi(x)), \quad x \sim \mathcal N(0, 1)$$

So every prior is the same in the free numbers x, and whoever knows nothing answers with a standard normal. `free`
takes one in place of a range, and then it counts; or it takes both, `(where, range, distribution)`.
"""

import math
from abc import abstractmethod
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float

from ifux.fitting.bijections import AbstractBijection
from ifux.units import DEGREE


class AbstractDistribution(AbstractBijection):
    """A bijection whose free numbers are standard normal: a prior, wherever `free` wants a bijection."""


class AbstractBounded(AbstractDistribution):
    """Between two limits, some function of the value being uniform there."""

    low: eqx.AbstractVar[float]
    high: eqx.AbstractVar[float]

    @abstractmethod
    def even(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """An increasing function of the value, zero at the lower limit and one at the upper, that is uniform."""

    @abstractmethod
    def value(self, even: Float[Array, "..."]) -> Float[Array, "..."]:
        """Its inverse."""

    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value whose share of the probability below it is that of the standard normal number."""
        return self.value(ndtr(free))

    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """The standard normal number; not finite at the limits and beyond."""
        return ndtri(self.even(value))


def check_limits(distribution: AbstractBounded, least: float = -math.inf, most: float = math.inf) -> None:
    """That limits are two numbers in their order, and where the distribution can have them."""
    low, high = distribution.low, distribution.high
    if not least <= low < high <= most:
        bounds = "" if math.isinf(least) and math.isinf(most) else f" between {least:g} and {most:g}"
        raise ValueError(f"{type(distribution).__name__}.low must be below high{bounds}, got {low} and {high}.")


@final
class Uniform(AbstractBounded):
    """Any value between two limits alike."""

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        check_limits(self)

    def even(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """How far from the lower limit to the upper."""
        return (value - self.low) / (self.high - self.low)

    def value(self, even: Float[Array, "..."]) -> Float[Array, "..."]:
        """So far from the lower limit to the upper."""
        return self.low + (self.high - self.low) * even


@final
class LogUniform(AbstractBounded):
    """Any order of magnitude between two positive limits alike."""

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        check_limits(self, math.ulp(0.0))

    def even(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """How far from the lower limit to the upper, in the logarithm."""
        return (jnp.log(value) - math.log(self.low)) / math.log(self.high / self.low)

    def value(self, even: Float[Array, "..."]) -> Float[Array, "..."]:
        """So far from the lower limit to the upper, in the logarithm."""
        return jnp.exp(math.log(self.low) + math.log(self.high / self.low) * even)


@final
class Isotropic(AbstractBounded):
    """Inclinations between two limits of an axis that points anywhere: its cosine is uniform [degree]."""

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        check_limits(self, 0.0, 180.0)

    def even(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """How far the cosine is from the lower limit to the upper."""
        first, last = math.cos(self.low * DEGREE), math.cos(self.high * DEGREE)
        return (jnp.cos(value * DEGREE) - first) / (last - first)

    def value(self, even: Float[Array, "..."]) -> Float[Array, "..."]:
        """The angle of a cosine so far from the lower limit to the upper."""
        first, last = math.cos(self.low * DEGREE), math.cos(self.high * DEGREE)
        return jnp.arccos(first + (last - first) * even) / DEGREE


@final
class Normal(AbstractDistribution):
    """A mean and a standard deviation."""

    mean: float = eqx.field(static=True)
    deviation: float = eqx.field(static=True)

    def __check_init__(self):
        if not self.deviation > 0:
            raise ValueError(f"Normal.deviation must be greater than zero, got {self.deviation}.")

    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """So many deviations from the mean."""
        return self.mean + self.deviation * free

    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """How many."""
        return (value - self.mean) / self.deviation


@final
class LogNormal(AbstractDistribution):
    """A median, and a standard deviation of the decimal logarithm [dex]."""

    median: float = eqx.field(static=True)
    deviation: float = eqx.field(static=True)

    def __check_init__(self):
        if not (self.median > 0 and self.deviation > 0):
            raise ValueError(
                f"LogNormal needs a median and a deviation greater than zero, got {self.median} and {self.deviation}."
            )

    def forward(self, free: Float[Array, "..."]) -> Float[Array, "..."]:
        """So many deviations from the median."""
        return self.median * 10 ** (self.deviation * free)

    def inverse(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """How many."""
        return (jnp.log10(value) - math.log10(self.median)) / self.deviation
