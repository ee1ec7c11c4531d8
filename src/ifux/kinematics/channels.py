"""Channels along the line-of-sight velocity."""

import dataclasses
import math
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.kinematics.base import AbstractKinematics
from ifux.kinematics.doppler import pixels_at_rest
from ifux.numerics.rebin import spline_coefficients
from ifux.numerics.stencil import Degree, Stencil, bspline, spline_values
from ifux.particles import Projected
from ifux.typing import within
from ifux.units import SPEED_OF_LIGHT


@final
class VelocityChannels(AbstractKinematics):
    r"""B-splines on nodes that are evenly spaced in $u = \mathrm{artanh}(v/c)$, the relativistic Doppler shift.

    The spectrum of a particle is the spline through the spectra at the nodes: the error falls as the spacing to the
    power of degree + 1.
    """

    reach: float = eqx.field(static=True, default=600.0, metadata=within(above=0))
    """Largest speed along the line of sight that is represented [km/s]."""
    spacing: float = eqx.field(static=True, default=50.0, metadata=within(above=0))
    """Distance between nodes [km/s]. The largest error in MUSE's cubes, at its red end, is 1.5e-3 of the peak of a
    spectrum with 50 and 7e-4 with 40 km/s, which a configuration has beside the exact library."""
    degree: Degree = eqx.field(static=True, default=3)
    """1 linear, 3 cubic; 0 (nearest) leaves the velocity without a gradient."""

    def __check_init__(self):
        if not (0 < self.spacing <= self.reach < 1500):
            raise ValueError(
                "VelocityChannels needs 0 < spacing <= reach < 1500 km/s, "
                f"got spacing={self.spacing} and reach={self.reach}."
            )
        if self.degree not in (0, 1, 3):
            raise ValueError(f"VelocityChannels.degree must be 0, 1 or 3, got {self.degree}.")

    @property
    def half(self) -> int:
        """Number of nodes on either side of zero: a cubic spline uses one beyond the reach."""
        return math.ceil(self.reach / self.spacing - 1e-9) + (1 if self.degree == 3 else 0)

    @property
    def size(self) -> int:
        """Number of velocity nodes."""
        return 2 * self.half + 1

    @property
    def margin(self) -> int:
        """Nodes on either side of the grid that only serve to find the coefficients of a cubic spline on it."""
        return 4 if self.degree == 3 else 0

    @property
    def span(self) -> float:
        """The speed of the outermost node [km/s]."""
        return SPEED_OF_LIGHT * math.tanh((self.half + self.margin) * self.spacing / SPEED_OF_LIGHT)

    def narrowed_to(self, speed: float) -> "VelocityChannels":
        """The reach in steps of two nodes, so that galaxies of a kind share a compiled program."""
        step = 2 * self.spacing
        return dataclasses.replace(self, reach=min(self.reach, step * math.ceil((1.001 * speed + 0.1) / step)))

    def locate(self, projected: Projected) -> Stencil:
        """B-spline weights in the Doppler shift."""
        fraction = projected.velocity / SPEED_OF_LIGHT
        square = fraction * fraction
        # The inverse hyperbolic tangent: its next term is below 3e-15 up to 1500 km/s.
        shift = fraction * (1 + square * (1 / 3 + square / 5)) * (SPEED_OF_LIGHT / self.spacing)
        stencil = bspline(shift + self.half, self.size, self.degree)
        # The outermost spline is never complete: beyond the reach light is lost at once, not little by little.
        inside = jnp.abs(shift) < self.half - (1 if self.degree == 3 else 0) + 1e-3
        return Stencil(stencil.index, jnp.where(inside[:, None], stencil.weight, 0), stencil.size)

    def respond(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        wavelengths: Wavelengths,
        redshift: Float[Array, ""],
    ) -> Float[Array, "velocity basis wave"]:
        """Coefficients of the spline through the shifted spectra."""
        outermost = self.half + self.margin
        nodes = np.arange(-outermost, outermost + 1) * (self.spacing / SPEED_OF_LIGHT)
        systemic = jnp.log1p(redshift)
        columns = spline_coefficients(spectra).T

        def seen(node: Float[Array, ""]) -> Float[Array, "wave basis"]:
            return pixels_at_rest(rest, wavelengths, systemic + node).gather(columns)

        values = jax.lax.map(seen, jnp.asarray(nodes, spectra.dtype))
        matrix = jnp.asarray(spline_values(self.size, self.margin, self.degree), spectra.dtype)
        return jnp.einsum("vn,nwb->vbw", matrix, values, precision=jax.lax.Precision.HIGHEST)
