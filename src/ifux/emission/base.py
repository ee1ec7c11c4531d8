"""What shines beside the stars: gas, in lines."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.emission.lines import Line
from ifux.particles import Gas, Particles
from ifux.typing import AbstractLimited

GAS_CONSTANT = 8.314462618e-3
"""Variance of the velocity along the line of sight of one atomic mass unit at one kelvin [(km/s)^2], CODATA 2018."""


class AbstractEmission(AbstractLimited):
    """Light in lines. The lines of an element keep their ratios to one another, whatever the cell.

    A line is known by its wavelength, its share of its element and the spread of its velocities: what a spectrograph
    makes of it is not known here.
    """

    lines: eqx.AbstractVar[tuple[Line, ...]]
    """Every line that may shine."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of elements."""

    @property
    @abstractmethod
    def of_stars(self) -> bool:
        """Whether the gas around star particles shines, and not cells of gas."""

    @abstractmethod
    def coefficients(self, emitters: Gas | Particles) -> Float[Array, "cell element"]:
        """Luminosity of every element [solar luminosity]: zero where nothing shines, with gradients that are finite."""

    @abstractmethod
    def shares(self) -> Float[Array, " line"]:
        """Luminosity of every line per unit of its element."""

    @abstractmethod
    def variances(self) -> Float[Array, " line"]:
        """Variance of the velocity of what emits a line along the line of sight, within a cell [(km/s)^2]."""

    @abstractmethod
    def covered(self, emitters: Gas | Particles) -> Bool[Array, " cell"]:
        """Whether a cell is within what is known of its lines; others are held at its ends."""


def motion(
    lines: tuple[Line, ...], temperature: Float[Array, ""], turbulence: Float[Array, ""]
) -> Float[Array, " line"]:
    r"""Variance of the velocity of ions along the line of sight [(km/s)^2]: $\sigma^2 = k T / m + \sigma_t^2$."""
    per_kelvin = np.array([GAS_CONSTANT / line.mass for line in lines])
    return jnp.asarray(per_kelvin, temperature.dtype) * temperature + turbulence**2


def gas_of(emitters: Gas | Particles) -> Gas:
    """What shines, where it has to be gas."""
    if not isinstance(emitters, Gas):
        raise ValueError(f"Cells of gas shine here, and {type(emitters).__name__} are none.")
    return emitters
