"""A point spread function whose width is a polynomial in the wavelength."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.psf.base import AbstractKernelPSF
from ifux.psf.stretched import AbstractChromaticPSF, limits
from ifux.typing import Limits, real, within


@final
class ChromaticPolynomialPSF(AbstractChromaticPSF):
    r"""A PSF whose width is a polynomial, as those are described that were fitted to stars in a cube.

    $$\mathrm{FWHM}(\lambda) = \mathrm{FWHM}\,[1 + c_1 x + c_2 x^2 + \dots], \quad x = \lambda/\lambda_0 - 1$$

    A published line $a + b\lambda$ [arcsec] is a FWHM of $a + b\lambda_0$ and $c_1 = b\lambda_0/\mathrm{FWHM}$.

    Raises:
        ValueError: the width is not positive everywhere in the band.
    """

    psf: AbstractKernelPSF
    """The PSF at the reference wavelength."""
    coefficients: Float[Array, " power"] = eqx.field(converter=real)
    """Those of x, of its square and so on."""
    reference: float = eqx.field(static=True, default=5000.0, metadata=within(above=0))
    """The wavelength at which the PSF is as given [angstrom, observed]."""
    band: tuple[float, float] = eqx.field(static=True, converter=limits, default=(4650.0, 9400.0))
    """First and last wavelength [angstrom, observed]; beyond them the PSF stays as it is there."""
    terms: int = eqx.field(static=True, default=4, metadata=within(least=0))
    """Number of Chebyshev points of the band; none, and every node has a kernel."""
    nodes: int = eqx.field(static=True, default=8, metadata=within(least=0))
    """Number of wavelengths between which a channel sees two; none, and it sees all terms."""

    def __check_init__(self):
        if self.coefficients.ndim == 1 and Limits(above=0).breach(self.stretched(np.linspace(-1, 1, 65))):
            raise ValueError(f"ChromaticPolynomialPSF.coefficients: the width is not positive all over {self.band}.")

    @property
    def landmarks(self) -> tuple[float, ...]:
        """The ends of the band."""
        return self.band

    def stretch(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The polynomial, by Horner's rule."""
        x, found = wave / self.reference - 1, jnp.zeros_like(wave)
        for coefficient in self.coefficients[::-1]:
            found = (found + coefficient.astype(wave.dtype)) * x
        return 1 + found
