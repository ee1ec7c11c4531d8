"""Lines of one place, of any widths."""

from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.sources.base import View
from ifux.sources.component import AbstractComponent
from ifux.sources.line_profiles import in_pixels
from ifux.typing import real, real_if_any, within
from ifux.units import FWHM_OF_GAUSSIAN, SPEED_OF_LIGHT


def waves(lines: Sequence[float]) -> tuple[float, ...]:
    """In a form that can be compared and hashed."""
    return tuple(float(one) for one in lines)


@final
class NuclearLines(AbstractComponent):
    """Gaussians in velocity, broad or narrow: one line may stand here several times.

    Dust dims them pixel by pixel, since a broad one reaches over many.
    """

    lines: tuple[float, ...] = eqx.field(static=True, converter=waves, metadata=within(above=0))
    """Wavelengths at rest in vacuum [angstrom], as `ifux.LINES` has them."""
    luminosity: Float[Array, " line"] = eqx.field(converter=real)
    """Of each [solar luminosity]."""
    fwhm: Float[Array, " line"] = eqx.field(converter=real, metadata=within(least=0))
    """Full width at half maximum of each [km/s]."""
    velocity: Float[Array, " line"] | None = eqx.field(converter=real_if_any, default=None)
    """Of each relative to the place that it is of, receding is positive [km/s]; None where they all are at rest."""

    def __check_init__(self):
        if not self.lines:
            raise ValueError("NuclearLines.lines must be one wavelength or more: leave the lines out.")
        for name in ("luminosity", "fwhm", "velocity"):
            value = getattr(self, name)
            if value is not None and value.shape != (len(self.lines),):
                raise ValueError(
                    f"NuclearLines.{name} must hold a number for each of the {len(self.lines)} lines, got shape "
                    f"{value.shape}."
                )

    def density(self, view: View, shift: Float[Array, ""]) -> Float[Array, " part"]:
        """Luminosity in every sampled pixel over its width [solar luminosity/angstrom]."""
        wave, dtype = np.array(self.lines, np.float64), shift.dtype
        own = jnp.zeros(wave.size, dtype) if self.velocity is None else jnp.arctanh(self.velocity / SPEED_OF_LIGHT)
        first = jnp.zeros(wave.size, jnp.int32)
        variance = (self.fwhm / FWHM_OF_GAUSSIAN) ** 2
        shares = in_pixels(view, wave, (shift + own)[None], variance, first, view.sampled.size)[0]
        edges = view.sampled.vacuum_edges()
        rest = jnp.asarray((edges[1:] + edges[:-1]) / 2, dtype) * jnp.exp(-shift)
        return view.dust.transmission(rest) * jnp.einsum("l,lw->w", self.luminosity, shares, precision="highest")
