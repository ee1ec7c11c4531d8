"""Channels along the line-of-sight velocity."""

import dataclasses
import math
from collections.abc import Iterable
from itertools import pairwise
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.kinematics.base import AbstractKinematics
from ifux.kinematics.doppler import pixels_at_rest, reached_at_rest
from ifux.numerics import chebyshev
from ifux.numerics.rebin import spline_coefficients
from ifux.numerics.stencil import Degree, Stencil, bspline, spline_values
from ifux.particles import AbstractSeen
from ifux.typing import ranges, within
from ifux.units import SPEED_OF_LIGHT

LIMIT = 100_000.0
"""Speed below which channels may reach [km/s]: a third of that of light."""

NODES_APART = 0.5
"""Spacing of nodes, in units of the standard deviation of the narrowest line."""

WIDEST = 50.0
"""Spacing beyond which nodes do not go, however broad the lines [km/s]: the library must reach further for it."""

ROUNDING = 1e-3
"""Of a velocity, in units of the spacing."""


def rapidity(velocity: float) -> float:
    """u = artanh(v/c), in units of 1/c [km/s]."""
    return SPEED_OF_LIGHT * math.atanh(velocity / SPEED_OF_LIGHT)


def artanh(x: Float[Array, " particle"], most: float) -> Float[Array, " particle"]:
    """The inverse hyperbolic tangent of numbers up to `most`, by as many terms of its series as are above 1e-17 there.

    XLA's takes two logarithms.
    """
    square, terms = x * x, next(k for k in range(1, 100) if most ** (2 * k) < 1e-17 * (2 * k + 1))
    series = jnp.full_like(x, 1 / (2 * terms - 1))
    for k in range(terms - 2, -1, -1):
        series = 1 / (2 * k + 1) + square * series
    return x * series


@final
class VelocityChannels(AbstractKinematics):
    r"""B-splines on nodes that are evenly spaced in $u = \mathrm{artanh}(v/c)$, the relativistic Doppler shift.

    The spectrum of a particle is the spline through the spectra at the nodes: the error falls as the spacing to the
    power of degree + 1. Nodes stand as far as the reach, and `beyond` it only where a few stars are faster. A star
    whose velocity is not represented is held at the nearest that is: its light is kept, its Doppler shift is wrong, and
    its velocity has no gradient. Particles faster than light are dark.
    """

    reach: float = eqx.field(static=True, default=600.0, metadata=within(above=0))
    """Speed along the line of sight up to which every velocity is represented [km/s]."""
    spacing: float = eqx.field(static=True, default=50.0, metadata=within(above=0))
    """Distance between nodes [km/s]. Half-way between them a line of standard deviation 50 km/s, that of the pixel
    included, is wrong by 2.4e-4, 6.6e-4, 3.3e-3, 2.0e-2 and 0.27 of its peak where they are 20, 25, 35, 50 and 100
    apart. A configuration that does not say it has less than 1e-3 (see `resolving`): 18 km/s in MUSE. Spectra of stars
    are smooth in comparison: in MUSE's cubes their largest error is 1.5e-3 of the peak of a spectrum with 50."""
    degree: Degree = eqx.field(static=True, default=3)
    """1 linear, 3 cubic; 0 (nearest) leaves the velocity without a gradient."""
    beyond: tuple[tuple[float, float], ...] = eqx.field(static=True, converter=ranges, default=())
    """Lowest and highest of further velocities that are represented, in as many ranges as there are [km/s]."""

    def __check_init__(self):
        if not (0 < self.spacing <= self.reach < LIMIT):
            raise ValueError(
                f"VelocityChannels needs 0 < spacing <= reach < {LIMIT:g} km/s, "
                f"got spacing={self.spacing} and reach={self.reach}."
            )
        if self.degree not in (0, 1, 3):
            raise ValueError(f"VelocityChannels.degree must be 0, 1 or 3, got {self.degree}.")
        for low, high in self.beyond:
            if not -LIMIT < low < high < LIMIT:
                raise ValueError(
                    "VelocityChannels.beyond must hold ranges of a lower and a higher velocity, "
                    f"both between -{LIMIT:g} and {LIMIT:g} km/s, got {low} and {high}."
                )

    @property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """First and last of every row of nodes between which velocities are represented; zero is the node at rest."""
        found = []
        for low, high in sorted([(-self.reach, self.reach), *self.beyond]):
            first = math.floor(rapidity(low) / self.spacing + ROUNDING)
            last = math.ceil(rapidity(high) / self.spacing - ROUNDING)
            if found and first <= found[-1][1] + 2 * self.padding + 1:
                first, last = found[-1][0], max(last, found.pop()[1])
            found.append((first, last))
        return tuple(found)

    @property
    def padding(self) -> int:
        """Nodes on either side of a run that a star at its end touches too."""
        return 1 if self.degree == 3 else 0

    @property
    def margin(self) -> int:
        """Nodes further out on either side that only serve to find the coefficients of a cubic spline."""
        return 4 if self.degree == 3 else 0

    @property
    def size(self) -> int:
        """Number of velocity nodes."""
        return sum(last - first + 1 + 2 * self.padding for first, last in self.runs)

    @property
    def shifts(self) -> Float[np.ndarray, " velocity"]:
        """The Doppler shift of every node, in units of 1/c: nearly its velocity [km/s]."""
        rows = [np.arange(first - self.padding, last + self.padding + 1) for first, last in self.runs]
        return np.concatenate(rows) * self.spacing

    @property
    def places(self) -> list[np.ndarray]:
        """The nodes of every run at which functions are looked up, counted from rest."""
        more = self.padding + self.margin
        return [np.arange(first - more, last + more + 1) for first, last in self.runs]

    @property
    def looked_up(self) -> Float[np.ndarray, " node"]:
        """Those of the nodes, and of some more on either side of a run."""
        return np.concatenate(self.places) * (self.spacing / SPEED_OF_LIGHT)

    @property
    def through(self) -> Float[np.ndarray, "velocity node"]:
        """Makes the spline through values at the nodes."""
        runs = self.places
        matrix, row, column = np.zeros((self.size, sum(run.size for run in runs))), 0, 0
        for run in runs:
            block = spline_values(run.size - 2 * self.margin, self.margin, self.degree)
            matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return matrix

    @property
    def outermost(self) -> float:
        """The largest Doppler shift |u| of any node at which spectra are looked up."""
        runs = self.runs
        node = max(-runs[0][0], runs[-1][1]) + self.padding + self.margin
        return node * self.spacing / SPEED_OF_LIGHT

    @property
    def span(self) -> float:
        """The speed of the outermost node [km/s]."""
        return SPEED_OF_LIGHT * math.tanh(self.outermost)

    @property
    def stretches(self) -> Float[np.ndarray, " term"]:
        """Those of Chebyshev points between the outermost nodes.

        Between two up to 1500 km/s and three up to 15,000, a Gaussian line spread function errs by less than 1e-5 of
        the peak of a spectrum.
        """
        return np.exp(self.outermost * chebyshev.points(2 if self.span < 1500 else 3 if self.span < 15_000 else 7))

    def resolving(self, sigma: float) -> "VelocityChannels":
        """Nodes at most half a standard deviation of the narrowest line apart, and 50 km/s; two digits of that count.

        The error of a cubic spline between nodes grows with the fourth power of the spacing: of a Gaussian line it is
        2.4e-4, 6.6e-4, 1e-3, 3.3e-3 and 2.0e-2 of the peak where that is 0.4, 0.5, 0.545, 0.7 and 1 standard
        deviations. Half of one leaves room for how a library of three pixels a line goes on between them: it is
        up to 1.5e-3 where no line spread function smooths such lines, nor a pixel of their own width. Nodes of other
        splines stay as they are: linear ones would have to be 0.09 standard deviations apart.
        """
        if self.degree != 3:
            return self
        wanted = NODES_APART * sigma
        digit = 10.0 ** (math.floor(math.log10(wanted)) - 1)
        return dataclasses.replace(self, spacing=min(WIDEST, round(digit * math.floor(wanted / digit + 1e-9), 12)))

    def limited_to(self, speed: float) -> "VelocityChannels":
        """The reach in steps of two nodes, so that galaxies of a kind share a compiled program."""
        step = 2 * self.spacing
        kept = tuple((low, high) for low, high in self.beyond if low < speed and high > -speed)
        reach = min(self.reach, step * math.ceil((1.001 * speed + 0.1) / step))
        return dataclasses.replace(self, reach=reach, beyond=kept)

    def spanning(self, velocities: Iterable[Float[np.ndarray, " _"]]) -> "VelocityChannels":
        """Narrowed to the fastest star if that is not beyond the reach; else the steps of two nodes that hold stars.

        The reach then grows as long as the next step holds stars on both sides; what lies beyond has ranges of its own.
        """
        step, most = 2 * self.spacing, math.floor((LIMIT - 1) / (2 * self.spacing))
        occupied, fastest = {1}, 0.0
        for block in velocities:
            for least, more in ((0.999, -0.1), (1.001, 0.1)):
                cell = np.clip(np.ceil((least * np.abs(block) + more) / step), 1, most)
                occupied |= {int(place) for place in np.unique(np.where(block < 0, -cell, cell))}
            fastest = max(fastest, float(np.abs(block).max(initial=0)))
        if fastest <= self.reach:
            return self.limited_to(fastest)
        reach = max(abs(cell) for cell in occupied if abs(cell) <= max(1, self.reach / step))
        while {reach + 1, -reach - 1} <= occupied:
            reach += 1
        further: list[tuple[int, int]] = []
        for cell in sorted(cell for cell in occupied if abs(cell) > reach):
            low, high = (cell - 1, cell) if cell > 0 else (cell, cell + 1)
            if further and low <= further[-1][1] + 1:
                low = further.pop()[0]
            further.append((low, high))
        return dataclasses.replace(
            self, reach=step * reach, beyond=tuple((step * low, step * high) for low, high in further)
        )

    def locate(self, seen: AbstractSeen) -> Stencil:
        """B-spline weights in the Doppler shift."""
        runs, skipped = self.runs, 0
        start, end = runs[0][0], runs[-1][1]
        position = self.nodes(seen, start, end)
        here = position - start
        for (_, last), (first, _) in pairwise(runs):
            # Between two runs, the nearer one.
            below = jnp.minimum(here, last - start - skipped)
            skipped += first - last - 1 - 2 * self.padding
            above = jnp.maximum(position, first) - start - skipped
            here = jnp.where(position < (first + last) / 2, below, above)
        stencil = bspline(here + self.padding, self.size, self.degree)
        possible = jnp.abs(seen.velocity) < SPEED_OF_LIGHT
        return Stencil(stencil.index, jnp.where(possible[:, None], stencil.weight, 0), stencil.size)

    def represented(self, seen: AbstractSeen) -> Bool[Array, " particle"]:
        """Whether the velocity of each particle lies in a run, but for rounding."""
        runs = self.runs
        position = self.nodes(seen, runs[0][0] - 1, runs[-1][1] + 1)
        found = jnp.zeros(position.shape, bool)
        for first, last in self.runs:
            found |= (position > first - ROUNDING) & (position < last + ROUNDING)
        return found

    def nodes(self, seen: AbstractSeen, first: int, last: int) -> Float[Array, " particle"]:
        """The Doppler shift of each particle in units of the spacing, held between two nodes."""
        low, high = (math.tanh(node * self.spacing / SPEED_OF_LIGHT) for node in (first, last))
        fraction = jnp.clip(seen.velocity / SPEED_OF_LIGHT, low, high)
        return artanh(fraction, max(-low, high)) * (SPEED_OF_LIGHT / self.spacing)

    def respond(
        self,
        spectra: Float[Array, "term basis rest"],
        rest: Wavelengths,
        wavelengths: AbstractWavelengths,
        redshift: Float[Array, ""],
    ) -> Float[Array, "velocity basis wave"]:
        """Coefficients of the spline through the shifted spectra."""
        nodes = jnp.asarray(self.looked_up, spectra.dtype)
        systemic = jnp.log1p(redshift)
        columns = [spline_coefficients(term).T for term in spectra]
        shares = chebyshev.weights(nodes / self.outermost, len(columns))

        @jax.checkpoint
        def seen(node: tuple[Float[Array, ""], Float[Array, " term"]]) -> Float[Array, "wave basis"]:
            shift, share = node
            here = sum((share[i] * column for i, column in enumerate(columns)), start=jnp.zeros_like(columns[0]))
            return pixels_at_rest(rest, wavelengths, systemic + shift, self.outermost).gather(here)

        values = jax.lax.map(seen, (nodes, shares))
        return jnp.einsum(
            "vn,nwb->vbw", jnp.asarray(self.through, spectra.dtype), values, precision=jax.lax.Precision.HIGHEST
        )

    def reached(
        self, rest: Wavelengths, wavelengths: AbstractWavelengths, redshift: Float[Array, ""]
    ) -> Bool[Array, " wave"]:
        """Whether they do from the fastest nodes, coming and going."""
        systemic = jnp.log1p(redshift)
        coming, going = (reached_at_rest(rest, wavelengths, systemic + sign * self.outermost) for sign in (-1, 1))
        return coming & going
