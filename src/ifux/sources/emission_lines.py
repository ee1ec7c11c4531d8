"""Lines of gas, or of the nebulae around young stars."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.emission.base import AbstractEmission
from ifux.kinematics.base import AbstractKinematics
from ifux.numerics.bands import Bands
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractEmitters, AbstractSeen, Gas, Particles
from ifux.sources.base import AbstractSource, View
from ifux.sources.line_profiles import in_pixels
from ifux.typing import within

HIGHEST = jax.lax.Precision.HIGHEST


@final
class EmissionLines(AbstractSource):
    r"""Lines, each the integral over pixels of what the spectrograph makes of it; never a delta on a grid.

    At a velocity node of Doppler shift u, a line of vacuum wavelength $\lambda_0$ stands at $\lambda_0 (1+z)\,e^u$. The
    share of it below an edge of a pixel is that of the line spread function there, convolved with a Gaussian of the
    line's own width: thermal, in the mass of its ion, and turbulent. A cell between nodes has the spline through the
    lines at the nodes. Nodes stand nearer than those of stars, whose spectra have no lines so narrow: at half a
    standard deviation of the narrowest that is recorded the error is 7e-4 of its peak, and falls with the fourth power.

    A line is contracted with the pixels alone that it can reach: the velocities of its nodes, and `reach` pixels more.
    """

    emission: AbstractEmission
    """How bright they are."""
    kinematics: AbstractKinematics
    """Velocity nodes of their own."""
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """Pixels of the detector from the centre of a line beyond which it is dark: five standard deviations or more."""

    def __check_init__(self):
        if not self.emission.lines:
            raise ValueError(
                f"EmissionLines.emission: {type(self.emission).__name__} has no lines: leave the source out."
            )

    @property
    def name(self) -> str:
        """Whatever they shine of."""
        return "lines"

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
        return self.emission.coefficients(shining(emitters))

    def represented(self, seen: AbstractSeen) -> Bool[Array, " emitter"]:
        """As their kinematics say."""
        return self.kinematics.represented(seen)

    def covers(self, emitters: AbstractEmitters) -> Bool[Array, " emitter"]:
        """As the emission says."""
        return self.emission.covered(shining(emitters))

    def bands(self, view: View) -> Bands:
        """One for every line."""
        lines, redshift, size = self.emission.lines, view.redshift, self.size(view)
        wave = jnp.asarray([line.wavelength / self.stretch for line in lines], redshift.dtype) * (1 + redshift)
        edges = jnp.asarray(view.sampled.vacuum_edges(), redshift.dtype)
        begin = jnp.searchsorted(edges, jax.lax.stop_gradient(wave)) - 1 - self.more(view)
        first = jnp.clip(begin, 0, view.sampled.size - size).astype(jnp.int32)
        after, seen = [first[0]] * len(lines), dict[int, int]()
        for number in sorted(range(len(lines)), key=lambda number: lines[number].wavelength):
            before = seen.get(lines[number].element)
            after[number] = first[number] if before is None else jnp.maximum(first[number], first[before] + size)
            seen[lines[number].element] = number
        return Bands(first, jnp.stack(after), size, tuple(line.element for line in lines))

    def size(self, view: View) -> int:
        """Sampled pixels that a line can reach, whatever the redshift."""
        edges = view.sampled.vacuum_edges()
        across = int((np.searchsorted(edges, self.stretch**2 * edges) - np.arange(edges.size)).max())
        return min(across + 2 * self.more(view) + 2, view.sampled.size)

    @property
    def stretch(self) -> float:
        """Of wavelengths, by the fastest node that lines are looked up at."""
        return float(np.exp(self.kinematics.looked_up.max()))

    def more(self, view: View) -> int:
        """The reach in sampled pixels."""
        return self.reach * (view.sampled.size // view.wavelengths.size)

    def templates(self, view: View) -> Float[Array, "kind part"]:
        """Shares of the lines in the pixels, of flux over their widths."""
        dtype, lines, bands = view.redshift.dtype, self.emission.lines, self.bands(view)
        wave = np.array([line.wavelength for line in lines])
        dimmed = view.dust.transmission(jnp.asarray(wave, dtype))
        flux = view.flux_per_luminosity * self.emission.shares() * dimmed
        through = jnp.asarray(self.kinematics.through, dtype)
        shift = jnp.log1p(view.redshift) + jnp.asarray(self.kinematics.looked_up, dtype)
        shifts = jnp.broadcast_to(shift[:, None], (shift.size, len(lines)))
        shares = in_pixels(view, wave, shifts, self.emission.variances(), bands.first, bands.size)
        seen = jnp.einsum("vn,l,nlw->lvw", through, flux, shares, precision=HIGHEST)

        def add(found, line):
            element, first, seen = line
            corner = (element, jnp.zeros_like(first), first)
            before = jax.lax.dynamic_slice(found, corner, (1, *seen.shape))
            return jax.lax.dynamic_update_slice(found, before + seen[None], corner), None

        elements = jnp.asarray(np.array(bands.elements, np.int32))
        nothing = jnp.zeros((self.elements, self.velocities, view.sampled.size), dtype)
        found, _ = jax.lax.scan(add, nothing, (elements, bands.first, seen))
        return jnp.moveaxis(found, 0, 1).reshape(self.kinds, view.sampled.size)


def shining(emitters: AbstractEmitters) -> Gas | Particles:
    """What shines, where it can."""
    if not isinstance(emitters, Gas | Particles):
        raise ValueError(f"EmissionLines shine of Gas or Particles, and of no {type(emitters).__name__}.")
    return emitters
