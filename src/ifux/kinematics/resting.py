"""Light that is at rest."""

from collections.abc import Iterable
from typing import final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.kinematics.base import AbstractKinematics
from ifux.kinematics.doppler import pixels_at_rest, reached_at_rest
from ifux.numerics.rebin import spline_coefficients
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractSeen
from ifux.units import SPEED_OF_LIGHT


@final
class RestingKinematics(AbstractKinematics):
    """One velocity, that of the galaxy: for light whose motions are in its spectra, as in those of a finished cube.

    What moves all the same keeps its light, at rest; what is faster than light is dark.
    """

    @property
    def reach(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """None [km/s]."""
        return 0.0

    @property
    def spacing(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """None [km/s]."""
        return 0.0

    @property
    def beyond(self) -> tuple[tuple[float, float], ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """No further velocities."""
        return ()

    @property
    def size(self) -> int:
        """One node."""
        return 1

    @property
    def span(self) -> float:
        """Spectra are looked up at rest [km/s]."""
        return 0.0

    @property
    def stretches(self) -> Float[np.ndarray, " term"]:
        """None but that of the redshift."""
        return np.ones(1)

    @property
    def looked_up(self) -> Float[np.ndarray, " node"]:
        """At rest."""
        return np.zeros(1)

    @property
    def through(self) -> Float[np.ndarray, "velocity node"]:
        """The value there."""
        return np.ones((1, 1))

    def resolving(self, sigma: float) -> "RestingKinematics":
        """Itself."""
        return self

    def limited_to(self, speed: float) -> "RestingKinematics":
        """Itself."""
        return self

    def spanning(self, velocities: Iterable[Float[np.ndarray, " _"]]) -> "RestingKinematics":
        """Itself."""
        return self

    def locate(self, seen: AbstractSeen) -> Stencil:
        """The node, for every particle."""
        node = jnp.zeros((seen.velocity.size, 1), jnp.int32)
        possible = jnp.abs(seen.velocity) < SPEED_OF_LIGHT
        return Stencil(node, jnp.where(possible, 1, 0).astype(seen.velocity.dtype)[:, None], 1)

    def represented(self, seen: AbstractSeen) -> Bool[Array, " particle"]:
        """Whether it is at rest."""
        return seen.velocity == 0

    def respond(
        self,
        spectra: Float[Array, "term basis rest"],
        rest: Wavelengths,
        wavelengths: AbstractWavelengths,
        redshift: Float[Array, ""],
    ) -> Float[Array, "velocity basis wave"]:
        """The spectra at the redshift."""
        pixels = pixels_at_rest(rest, wavelengths, jnp.log1p(redshift), 0.0)
        return pixels.gather(spline_coefficients(spectra[0]).T).T[None]

    def reached(
        self, rest: Wavelengths, wavelengths: AbstractWavelengths, redshift: Float[Array, ""]
    ) -> Bool[Array, " wave"]:
        """Whether they do at the redshift."""
        return reached_at_rest(rest, wavelengths, jnp.log1p(redshift))
