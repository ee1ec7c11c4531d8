"""Lines of gas, or of the nebulae around young stars."""

from itertools import pairwise
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

from ifux.emission.base import AbstractEmission
from ifux.grids import refractivity
from ifux.kinematics.base import AbstractKinematics
from ifux.numerics.bands import Band
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractEmitters, AbstractSeen, Gas, Particles
from ifux.sources.base import AbstractSource, View
from ifux.typing import within
from ifux.units import SPEED_OF_LIGHT


class Group(NamedTuple):
    """Neighbouring lines of one element, whose bands are one."""

    element: int
    lines: tuple[int, ...]
    """Their numbers, from the bluest to the reddest."""
    size: int
    """Of the band [pixel]."""


@final
class EmissionLines(AbstractSource):
    r"""Lines, each the integral over pixels of what the spectrograph makes of it; never a delta on a grid.

    At a velocity node of Doppler shift u, a line of vacuum wavelength $\lambda_0$ stands at $\lambda_0 (1+z)\,e^u$. The
    share of it below an edge of a pixel is that of the line spread function there, convolved with a Gaussian of the
    line's own width: thermal, in the mass of its ion, and turbulent. A cell between nodes has the spline through the
    lines at the nodes. Nodes stand nearer than those of stars, whose spectra have no lines so narrow: at half a
    standard deviation of the narrowest that is recorded the error is 7e-4 of its peak, and falls with the fourth power.

    An element, lines of fixed ratios, is contracted with the pixels alone that it can reach: the velocities of its
    nodes, and `reach` pixels more.
    """

    emission: AbstractEmission
    """How bright they are."""
    kinematics: AbstractKinematics
    """Velocity nodes of their own."""
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """Pixels of the detector from the centre of a line beyond which it is dark: five standard deviations or more."""

    @property
    def velocities(self) -> int:
        """Those of their kinematics."""
        return self.kinematics.size

    @property
    def elements(self) -> int:
        """Those of the emission."""
        return self.emission.size

    def emitters(self, stars: Any, gas: Any) -> Any:
        """Its gas, or its young stars."""
        return stars if self.emission.of_stars else gas

    def locate(self, seen: AbstractSeen) -> Stencil:
        """Those of their kinematics."""
        return self.kinematics.locate(seen)

    def luminosities(self, emitters: AbstractEmitters) -> Float[Array, "emitter element"]:
        """As the emission has them."""
        if not isinstance(emitters, Gas | Particles):
            raise ValueError(f"EmissionLines shine of Gas or Particles, and of no {type(emitters).__name__}.")
        return self.emission.coefficients(emitters)

    def bands(self, view: View) -> tuple[Band, ...]:
        """One for every element and group of neighbouring lines."""
        return tuple(Band(self.first(group, view), group.size, group.element) for group in self.groups(view))

    def groups(self, view: View) -> list[Group]:
        """The lines of every element, together where their bands would meet at some redshift."""
        edges, more = view.sampled.vacuum_edges(), self.more(view)
        found = []
        for element in range(self.elements):
            lines = [number for number, line in enumerate(self.emission.lines) if line.element == element]
            lines.sort(key=lambda number: self.emission.lines[number].vacuum)
            runs = [lines[:1]] if lines else []
            for before, line in pairwise(lines):
                apart = self.emission.lines[line].vacuum / self.emission.lines[before].vacuum
                if between(edges, apart) > between(edges, self.stretch**2) + 2 * more:
                    runs.append([line])
                else:
                    runs[-1].append(line)
            for run in runs:
                span = self.emission.lines[run[-1]].vacuum / self.emission.lines[run[0]].vacuum * self.stretch**2
                size = min(between(edges, span) + 2 * more + 2, view.sampled.size)
                found.append(Group(element, tuple(run), size))
        return found

    @property
    def stretch(self) -> float:
        """Of wavelengths, by the fastest node that lines are looked up at."""
        return float(np.exp(self.kinematics.looked_up.max()))

    def more(self, view: View) -> int:
        """The reach in sampled pixels."""
        return self.reach * (view.sampled.size // view.wavelengths.size)

    def first(self, group: Group, view: View) -> Int32[Array, ""]:
        """The first pixel of a band: as far before the bluest line as it reaches, but on the detector."""
        edges, redshift = view.sampled.vacuum_edges(), view.redshift
        bluest = (self.emission.lines[group.lines[0]].vacuum / self.stretch) * (1 + redshift)
        begin = jnp.searchsorted(jnp.asarray(edges, redshift.dtype), jax.lax.stop_gradient(bluest))
        return jnp.clip(begin - 1 - self.more(view), 0, view.sampled.size - group.size).astype(jnp.int32)

    def templates(self, view: View) -> Float[Array, "kind part"]:
        """Shares of the lines in the pixels, of flux over their widths."""
        dtype, lines = view.redshift.dtype, self.emission.lines
        vacuum = np.array([line.vacuum for line in lines])
        dimmed = view.dust.transmission(jnp.asarray(vacuum, dtype))
        flux = view.flux_per_luminosity * self.emission.shares() * dimmed
        variance = self.emission.variances() / SPEED_OF_LIGHT**2
        through = jnp.asarray(self.kinematics.through, dtype)
        found = jnp.zeros((self.velocities, self.elements, view.sampled.size), dtype)
        for group in self.groups(view):
            chosen, first = np.array(group.lines), self.first(group, view)
            seen = self.shining(view, vacuum[chosen], variance[chosen], first, group.size)
            seen = jnp.einsum("vn,l,nlw->vw", through, flux[chosen], seen, precision=jax.lax.Precision.HIGHEST)
            corner = (0, group.element, first)
            before = jax.lax.dynamic_slice(found, corner, (self.velocities, 1, group.size))
            found = jax.lax.dynamic_update_slice(found, before + seen[:, None, :], corner)
        return found.reshape(self.kinds, view.sampled.size)

    def shining(
        self,
        view: View,
        vacuum: Float[np.ndarray, " line"],
        variance: Float[Array, " line"],
        first: Int32[Array, ""],
        size: int,
    ) -> Float[Array, "node line part"]:
        """Share of lines of a relative variance in each pixel of a band, over its width [1/angstrom].

        Wavelengths are differences from those that the lines have at rest, which are exact: single precision is enough.
        """
        dtype = view.redshift.dtype
        shift = jnp.log1p(view.redshift) + jnp.asarray(self.kinematics.looked_up, dtype)
        moved = jnp.asarray(vacuum, dtype)[None, :] * jnp.expm1(shift)[:, None]
        edges = view.sampled.vacuum_edges()
        coarse, fine = (jax.lax.dynamic_slice(part, (first,), (size + 1,)) for part in two_parts(edges, dtype))
        coarse_line, fine_line = two_parts(vacuum, dtype)
        apart = (coarse[None, :] - coarse_line[:, None]) + (fine[None, :] - fine_line[:, None])
        offsets = apart[None, :, :] - moved[:, :, None]
        centre = jnp.asarray(vacuum, dtype)[None, :] + moved
        widths = jax.lax.dynamic_slice(jnp.asarray(view.sampled.widths(), dtype), (first,), (size,))
        if view.sampled.medium == "air":
            slower = 1 + refractivity(centre)
            offsets, centre = offsets / slower[:, :, None], centre / slower
        below = view.lsf.below(offsets, centre, variance[None, :] * centre**2, view.wavelengths)
        return jnp.diff(below, axis=2) / widths


def between(edges: Float[np.ndarray, " edge"], ratio: float) -> int:
    """The most pixels that any two wavelengths of a ratio are apart on a detector."""
    return int((np.searchsorted(edges, ratio * edges) - np.arange(edges.size)).max())


def two_parts(numbers: Float[np.ndarray, " number"], dtype) -> tuple[Float[Array, " number"], Float[Array, " number"]]:
    """Numbers of double precision as the sum of two of a lower one."""
    coarse = np.asarray(numbers, dtype)
    return jnp.asarray(coarse), jnp.asarray(numbers - coarse, dtype)
