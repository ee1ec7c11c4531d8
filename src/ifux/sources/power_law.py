"""A power law, as the continuum of an active nucleus is one."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.sources.base import View
from ifux.sources.component import AbstractComponent
from ifux.typing import real, within

NODES, SHARES = np.polynomial.legendre.leggauss(3)
"""Of the integral over a pixel: the error is below rounding in any pixel of a spectrograph."""


@final
class PowerLaw(AbstractComponent):
    r"""$L_\lambda = L\,(\lambda / \lambda_0)^{\alpha}$, at rest in vacuum.

    The spectrograph's line spread function changes it by $\alpha\,(\alpha - 1)\,(\sigma / \lambda)^2 / 2$, a
    ten-millionth, which is left out.
    """

    luminosity: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """At the pivot [solar luminosity/angstrom]."""
    index: Float[Array, ""] = eqx.field(converter=real, default=-1.5)
    """The slope: -1.5 in the optical spectrum of a typical quasar (Vanden Berk et al. 2001, AJ 122, 549)."""
    pivot: float = eqx.field(static=True, converter=float, default=5100.0, metadata=within(above=0))
    """Wavelength at which the luminosity is stated [angstrom, at rest in vacuum]."""

    def density(self, view: View, shift: Float[Array, ""]) -> Float[Array, " part"]:
        """By Gauss's quadrature over each pixel."""
        edges, widths = view.sampled.vacuum_edges(), view.sampled.widths()
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        points = middle[None] + half[None] * NODES[:, None]
        logarithm = jnp.asarray(np.log(points / self.pivot), shift.dtype) - shift
        rest = jnp.asarray(points, shift.dtype) * jnp.exp(-shift)
        dimmed = view.dust.transmission(rest.reshape(-1)).reshape(rest.shape)
        weight = jnp.asarray(SHARES[:, None] * half[None] / widths[None], shift.dtype)
        return self.luminosity * jnp.exp(-shift) * jnp.sum(weight * dimmed * jnp.exp(self.index * logarithm), axis=0)
