"""An aperture that makes one spectrum."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.focal_plane.base import AbstractFocalPlane, centres
from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.seen import seen_by
from ifux.grids import AbstractWavelengths
from ifux.numerics.reading import splined
from ifux.scene import Scene
from ifux.typing import real, within


@final
class Aperture(AbstractFocalPlane):
    """A hole, or a lone fibre: one element, and one spectrum of all that falls on it.

    The cube holds that spectrum, spread evenly over what the aperture covers of its spaxels: its sum over spaxels is
    the spectrum, if the aperture lies on the field.
    """

    footprint: AbstractFootprint
    """What it covers."""
    centre: Float[Array, "2"] = eqx.field(converter=real, default=(0.0, 0.0))
    """East and north of the centre of the field, before it is turned [arcsec]."""
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """Cells around the field, for an aperture that reaches beyond it."""
    nodes: int = eqx.field(static=True, default=12, metadata=within(least=1))
    """Of the quadrature, along a radius or a side: two more than half it has cells across are enough."""

    @property
    def margin(self) -> int:
        """The reach."""
        return self.reach

    @property
    def moves_at(self) -> tuple[float, ...] | None:
        """It stays where it is."""
        return None

    @property
    def of_spaxels(self) -> bool:
        """There is one element."""
        return False

    def sample(
        self, maps: Float[Array, "term tall wide channel"], scene: Scene, seen_at: tuple[float, ...] | None
    ) -> Float[Array, "term one one channel"]:
        """The integral over the footprint."""
        return seen_by(self.footprint, self.nodes, self.centre[None], splined(maps), scene)[:, None]

    def covered(self, scene: Scene) -> Float[Array, "y x"]:
        """What part of the aperture lies on every spaxel."""
        east, north = centres(scene)
        across, up = jnp.broadcast_arrays(self.centre[0] - east[None, :], self.centre[1] - north[:, None])
        return self.footprint.shared_area(across, up, scene.pitch) / self.footprint.area()

    def rebuild(
        self, elements: Float[Array, "one one wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """The spectrum, spread evenly."""
        return self.spread(self.covered(scene), elements)

    def rebuild_variance(
        self, variance: Float[Array, "one one wave"], scene: Scene, wavelengths: AbstractWavelengths
    ) -> Float[Array, "y x wave"]:
        """With the squares; the noise of all spaxels is the same number."""
        return self.spread(self.covered(scene) ** 2, variance)

    def spread(self, shares: Float[Array, "y x"], spectrum: Float[Array, "one one wave"]) -> Float[Array, "y x wave"]:
        """A spectrum times what spaxels have of it; what is not a number has no part in any gradient."""
        known, shares = ~jnp.isnan(spectrum), shares.astype(spectrum.dtype)[..., None]
        return jnp.where((shares > 0) & known, shares * jnp.where(known, spectrum, 0), jnp.nan)

    def bands(self, wavelengths: AbstractWavelengths) -> list[tuple[int, int, float]]:
        """One."""
        return [(0, wavelengths.size, float(wavelengths.centres()[0]))]

    def matrix(self, scene: Scene, wave: float) -> Float[Array, "y x one one"]:
        """Each takes what it has of the aperture."""
        return self.covered(scene)[..., None, None]

    def element_shape(self, scene: Scene) -> tuple[int, int]:
        """One."""
        return 1, 1

    def element_area(self, scene: Scene) -> Float[Array, ""]:
        """That of the footprint."""
        return self.footprint.area()

    def seeing(self, scene: Scene) -> Float[Array, "one 2"]:
        """Its centre."""
        return self.centre[None, :]

    def places(self, scene: Scene) -> Float[Array, "one one 2"]:
        """Its centre."""
        return self.centre[None, None, :]
