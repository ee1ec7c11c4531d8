"""The reconstruction of MaNGA and CALIFA."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.focal_plane.footprints.base import AbstractFootprint
from ifux.focal_plane.reconstruction.base import AbstractReconstruction
from ifux.typing import real, within


@final
class Shepard(AbstractReconstruction):
    r"""A modified Shepard's method: weights fall as a Gaussian with the distance, as far as a limit.

    $$w = \exp(-r^2 / 2\sigma^2), \quad r < r_\mathrm{lim}$$

    Which elements are within the limit has no derivative.

    References: Law et al. (2016), AJ 152, 83 (MaNGA: 0.7 and 1.6 arcsec); Sanchez et al. (2012), A&A 538, A8 (CALIFA,
    where a spaxel needs three fibres).
    """

    sigma: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Standard deviation [arcsec]."""
    limit: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Distance from which on an element has no weight [arcsec]."""
    least: int = eqx.field(static=True, default=1, metadata=within(least=1))
    """Elements within it that a spaxel needs to have a value."""

    @property
    def fewest(self) -> int:
        """As stated."""
        return self.least

    def weights(
        self,
        east: Float[Array, "*pair"],
        north: Float[Array, "*pair"],
        footprint: AbstractFootprint,
        pitch: Float[Array, "2"],
    ) -> Float[Array, "*pair"]:
        """The Gaussian."""
        square = east**2 + north**2
        return jnp.where(square < self.limit**2, jnp.exp(-0.5 * square / self.sigma**2), 0)

    def within(self, footprint: AbstractFootprint, pitch: Float[np.ndarray, "2"]) -> float:
        """The limit."""
        return abs(float(self.limit))
