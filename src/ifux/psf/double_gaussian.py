"""A point spread function of two Gaussians."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF, radius_of_two
from ifux.psf.gaussian import GaussianPSF
from ifux.typing import real, within


@final
class DoubleGaussianPSF(AbstractKernelPSF):
    r"""A Gaussian core on a wider Gaussian, as the PSFs are described with which MaNGA's cubes are reconstructed.

    $$P(r) = s\, G(r; \mathrm{FWHM}) + (1 - s)\, G(r; \mathrm{FWHM}_\mathrm{wide})$$
    """

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Full width at half maximum of the core [arcsec]."""
    wide_fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """That of the wider one [arcsec]."""
    share: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0, most=1))
    """Of the light that is in the core."""
    reach: int = eqx.field(static=True, default=24, metadata=within(above=0))
    """Half-size of the sampled kernel [cell]."""

    @property
    def margin(self) -> int:
        """The reach of the kernel."""
        return self.reach

    def parts(self) -> tuple[GaussianPSF, GaussianPSF]:
        """The two."""
        return GaussianPSF(fwhm=self.fwhm, reach=self.reach), GaussianPSF(fwhm=self.wide_fwhm, reach=self.reach)

    def sharpest(self) -> float:
        """The smaller width: the sum is no narrower."""
        return min(part.sharpest() for part in self.parts())

    def radius(self, lost: float) -> float:
        """Where both have lost that much together."""
        return radius_of_two(self.parts(), float(self.share), lost)

    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """The sum."""
        core, wide = (part.brightness(east, north) for part in self.parts())
        return self.share * core + (1 - self.share) * wide
