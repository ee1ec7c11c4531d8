"""A point spread function that adaptive optics has sharpened in part."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF, check_profile, radius_of_two
from ifux.typing import real, within


@final
class CoreHaloPSF(AbstractKernelPSF):
    r"""A sharp core on a halo of seeing that was not corrected: $P = s\,P_\mathrm{core} + (1 - s)\,P_\mathrm{halo}$.

    The share s in the core is what the Strehl ratio is, where the core is that of the telescope's diffraction: by
    Maréchal's approximation $\exp(-\sigma^2)$, with the variance of the residual phase [rad^2].

    References: Fétick et al. (2019), A&A 628, A99 (core and Moffat halo behind MUSE's narrow field).
    """

    core: AbstractKernelPSF
    """Its profile alone."""
    halo: AbstractKernelPSF
    """Its profile alone."""
    share: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0, most=1))
    """Of the light that is in the core."""

    def __check_init__(self):
        check_profile("CoreHaloPSF.core", self.core)
        check_profile("CoreHaloPSF.halo", self.halo)

    @property
    def margin(self) -> int:
        """That of the part which reaches further."""
        return max(self.core.margin, self.halo.margin)

    def sharpest(self) -> float:
        """That of the sharper part: the sum is no narrower."""
        return min(self.core.sharpest(), self.halo.sharpest())

    def radius(self, lost: float) -> float:
        """Where both have lost that much together."""
        return radius_of_two((self.core, self.halo), float(self.share), lost)

    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """The sum."""
        return self.share * self.core.brightness(east, north) + (1 - self.share) * self.halo.brightness(east, north)
