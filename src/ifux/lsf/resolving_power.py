"""A Gaussian line spread function of constant resolving power."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.lsf.base import EVERYWHERE, AbstractGaussianLSF
from ifux.typing import real, within


@final
class ResolvingPowerLSF(AbstractGaussianLSF):
    r"""A width in proportion to the wavelength, as gratings of an echelle have it.

    $$\mathrm{FWHM} = \lambda / R$$
    """

    resolving_power: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """R, the wavelength over the full width at half maximum."""
    includes_pixel: bool = eqx.field(static=True, default=False)
    """Whether the pixel is in the width."""

    @property
    def range(self) -> tuple[float, float]:
        """All."""
        return EVERYWHERE

    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The wavelength over R."""
        return wave / self.resolving_power
