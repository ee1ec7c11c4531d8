"""A nucleus, or anything else that is unresolved and has a spectrum of its own."""

from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.numerics.bands import Bands
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractEmitters, AbstractSeen
from ifux.sources.base import AbstractSource, View
from ifux.sources.component import AbstractComponent
from ifux.sources.no_component import NoComponent
from ifux.typing import real, within
from ifux.units import SPEED_OF_LIGHT

FASTEST = 2.9e5
"""Velocity along the line of sight that may be described [km/s]."""


@final
class Places(AbstractEmitters):
    """Where something shines, and how much of it."""

    position: Float[Array, "place 3"]
    velocity: Float[Array, "place 3"]
    amount: Float[Array, " place"]


@final
class PointSource(AbstractSource):
    r"""One place, with a continuum and lines. Its velocity is in its spectrum: it has one node and one element.

    The flux of a line is $L / 4 \pi D_L^2$, that of the continuum at $\lambda (1 + z)\,e^u$ is
    $L_\lambda / (4 \pi D_L^2\,(1 + z)\,e^u)$. The screen of dust before the stars dims it as them.
    """

    position: Float[Array, "3"] = eqx.field(converter=real, default=(0.0, 0.0, 0.0))
    """Offset from the centre of the galaxy, in its frame [kpc]."""
    velocity: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=-FASTEST, most=FASTEST))
    """Along the line of sight, relative to the galaxy, receding is positive [km/s]."""
    continuum: AbstractComponent = eqx.field(default_factory=NoComponent)
    """Its spectrum without lines."""
    lines: AbstractComponent = eqx.field(default_factory=NoComponent)
    """Its lines."""

    @property
    def name(self) -> str:
        """It is one of the galaxy."""
        return "the nucleus"

    @property
    def velocities(self) -> int:
        """One."""
        return 1

    @property
    def elements(self) -> int:
        """One."""
        return 1

    def emitters(self, stars: Any, gas: Any) -> Places:
        """Itself."""
        place = self.position[None]
        return Places(place, jnp.zeros_like(place), jnp.ones_like(place[:, 0]))

    def locate(self, seen: AbstractSeen) -> Stencil:
        """The only node."""
        node = jnp.zeros((seen.velocity.size, 1), jnp.int32)
        return Stencil(node, jnp.ones_like(seen.velocity)[:, None], 1)

    def luminosities(self, emitters: AbstractEmitters) -> Float[Array, "emitter element"]:
        """How much of it there is: its luminosity is in its spectrum."""
        if not isinstance(emitters, Places):
            raise ValueError(f"A PointSource shines from its own place, and from no {type(emitters).__name__}.")
        return emitters.amount[:, None]

    def represented(self, seen: AbstractSeen) -> Bool[Array, " emitter"]:
        """It is."""
        return jnp.ones(seen.velocity.shape, bool)

    def covers(self, emitters: AbstractEmitters) -> Bool[Array, " emitter"]:
        """It does."""
        return jnp.ones(emitters.position.shape[:1], bool)

    def templates(self, view: View) -> Float[Array, "kind part"]:
        """The spectrum."""
        shift = jnp.log1p(view.redshift) + jnp.arctanh(self.velocity / SPEED_OF_LIGHT)
        density = self.continuum.density(view, shift) + self.lines.density(view, shift)
        return (view.flux_per_luminosity * density)[None]

    def bands(self, view: View) -> Bands | None:
        """None: it is bright anywhere."""
        return None
