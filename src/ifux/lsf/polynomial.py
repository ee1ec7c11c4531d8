"""A Gaussian line spread function whose width is a polynomial in the wavelength."""

import dataclasses
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.lsf.base import EVERYWHERE, AbstractGaussianLSF
from ifux.typing import real, within


@final
class PolynomialLSF(AbstractGaussianLSF):
    r"""A width as papers print it: MUSE's is $5.866\times10^{-8}\lambda^2 - 9.187\times10^{-4}\lambda + 6.040$.

    $$\mathrm{FWHM} = \sum_n c_n\,t^n, \quad t = (\lambda - \lambda_0) / s$$

    Without a reference $\lambda_0$ and a scale $s$, t is the wavelength in angstrom. Coefficients of such a polynomial
    are of sizes that differ by factors of ten thousand, and together they alone mean something: who fits them takes
    those that are `about` the middle of the band, in angstrom of width per unit of t.

    References: Bacon et al. (2017), A&A 608, A1, sec. 4.3 (the Ultra Deep Field).
    """

    coefficients: Float[Array, " power"] = eqx.field(converter=real)
    """That of the highest power first [angstrom]."""
    reference: float = eqx.field(static=True, default=0.0)
    """Wavelength at which t is zero [angstrom, observed]."""
    scale: float = eqx.field(static=True, default=1.0, metadata=within(above=0))
    """Wavelength by which t grows by one [angstrom]: 10000 for a paper that counts in micrometres."""
    includes_pixel: bool = eqx.field(static=True, default=False)
    """Whether the pixel is in the width."""

    def __check_init__(self):
        if self.coefficients.shape == (0,):
            raise ValueError("PolynomialLSF.coefficients must be at least one number.")

    @property
    def range(self) -> tuple[float, float]:
        """All, whatever becomes of the polynomial there."""
        return EVERYWHERE

    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """Horner's scheme."""
        place, result = (wave - self.reference) / self.scale, jnp.zeros_like(wave)
        for power in range(self.coefficients.size):
            result = result * place + self.coefficients[power]
        return result

    def about(self, reference: float, scale: float) -> "PolynomialLSF":
        """The same polynomial counted from another wavelength and in another unit [angstrom]."""
        ratio, shift = scale / self.scale, (reference - self.reference) / self.scale
        # Synthetic division by (t - shift), again and again: each remainder is a coefficient about the reference.
        left, found = list(self.coefficients), []
        while left:
            for power in range(1, len(left)):
                left[power] = left[power] + shift * left[power - 1]
            found.append(left.pop() * ratio ** len(found))
        return dataclasses.replace(self, coefficients=jnp.stack(found[::-1]), reference=reference, scale=scale)
