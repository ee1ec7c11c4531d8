"""The reconstruction of SAMI, and of image slicers."""

from typing import final

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.reconstruction.base import AbstractReconstruction
from ifux.typing import real, within


@final
class Drizzle(AbstractReconstruction):
    """Elements shrink to drops, whose light goes to the spaxels on which they fall: weights are the shared areas.

    References: Fruchter & Hook (2002), PASP 114, 144; Sharp et al. (2015), MNRAS 446, 1551 (SAMI).
    """

    drop: Float[Array, ""] = eqx.field(converter=real, default=1.0, metadata=within(above=0))
    """Size of a drop over that of the element."""

    @property
    def fewest(self) -> int:
        """One."""
        return 1

    def weights(
        self,
        east: Float[Array, "*pair"],
        north: Float[Array, "*pair"],
        footprint: AbstractFootprint,
        pitch: Float[Array, "2"],
    ) -> Float[Array, "*pair"]:
        """The areas, over the square of the size of a drop [arcsec2]."""
        drop = self.drop
        return footprint.shared_area(east / drop, north / drop, pitch / drop)

    def within(self, footprint: AbstractFootprint, pitch: Float[np.ndarray, "2"]) -> float:
        """As far as a drop and a spaxel touch at the most."""
        return abs(float(self.drop)) * float(footprint.radius()) + float(np.hypot(*pitch)) / 2
