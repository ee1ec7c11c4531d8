"""A point spread function whose width is a power of the wavelength."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF
from ifux.psf.stretched import AbstractChromaticPSF, limits
from ifux.typing import real, within


@final
class ChromaticPSF(AbstractChromaticPSF):
    r"""A PSF that widens or narrows with wavelength, as seeing does.

    $$\mathrm{FWHM}(\lambda) = \mathrm{FWHM}\,(\lambda/\lambda_0)^p$$

    Kolmogorov turbulence has a slope p of -1/5; a finite outer scale makes it steeper, -0.25 to -0.35 at MUSE. With
    four terms, eight nodes and a slope of -0.3, MUSE's whole band is exact to 2e-4 of the peak.

    References: Fried (1966), JOSA 56, 1372; Tokovinin (2002), PASP 114, 1156 (outer scale).
    """

    psf: AbstractKernelPSF
    """The PSF at the reference wavelength."""
    slope: Float[Array, ""] = eqx.field(converter=real, default=-0.2)
    """Exponent p of the width."""
    reference: float = eqx.field(static=True, default=5000.0, metadata=within(above=0))
    """The wavelength at which the PSF is as given [angstrom, observed]."""
    band: tuple[float, float] = eqx.field(static=True, converter=limits, default=(4650.0, 9400.0))
    """First and last wavelength [angstrom, observed]; beyond them the PSF stays as it is there."""
    terms: int = eqx.field(static=True, default=4, metadata=within(least=0))
    """Number of Chebyshev points of the band; none, and every node has a kernel."""
    nodes: int = eqx.field(static=True, default=8, metadata=within(least=0))
    """Number of wavelengths between which a channel sees two; none, and it sees all terms."""

    @property
    def landmarks(self) -> tuple[float, ...]:
        """The ends of the band."""
        return self.band

    def stretch(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The power."""
        return (wave / self.reference) ** self.slope
