"""A boxcar line spread function."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.lsf.base import EVERYWHERE, AbstractLSF, line_sigma, pixel_width, smoothed
from ifux.numerics.convolve import blur_line, boxcar
from ifux.numerics.profiles import boxcar_below
from ifux.typing import real, within
from ifux.units import FWHM_OF_GAUSSIAN

FLAT = math.sqrt(12)
"""Full width of a boxcar in units of its standard deviation."""


@final
class BoxcarLSF(AbstractLSF):
    r"""The image of a wide slit in sharp optics: a line is as wide as the slit, with a flat top and steep sides.

    $$W^2 = W_\mathrm{telescope}^2 - 12\,\sigma_\mathrm{library}^2$$

    is the width of what is left to add to the library, all observed: a boxcar and a Gaussian together, of the variance
    that was asked for. They have its full width at half maximum where the library is much sharper, to 1 % where its
    FWHM is a twelfth of the width. The pixel changes neither: a boxcar that a narrower one has blurred has the same
    full width at half maximum. Where the library's variance is larger it stays as it is: `ifux.checks.coarse_library`
    tells.
    """

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Full width [angstrom, observed]."""

    @property
    def oversampling(self) -> int:
        """None: elements are as they are recorded."""
        return 1

    @property
    def range(self) -> tuple[float, float]:
        """All."""
        return EVERYWHERE

    def excess(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """Telescope minus library, in quadrature."""
        return self.fwhm**2 / FLAT**2 - (fwhm / FWHM_OF_GAUSSIAN) ** 2

    def best(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the boxcar that is as broad as the library, in its variance."""
        return fwhm * (FLAT / FWHM_OF_GAUSSIAN)

    def narrowest(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the sides of a flat top, which library and pixel smooth."""
        pixel, slit = pixel_width(wavelengths, wave) ** 2 / 12, jnp.maximum(self.excess(wave, fwhm, wavelengths), 0)
        inner = smoothed((fwhm / FWHM_OF_GAUSSIAN) ** 2, jnp.minimum(pixel, slit))
        return jnp.sqrt(smoothed(inner, jnp.maximum(pixel, slit)))

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node basis rest"]:
        """Convolution with a boxcar of varying width."""
        return blur_line(spectra, self.left(rest, fwhm, redshift, wavelengths), response=boxcar)

    def broaden_elements(
        self, elements: Float[Array, "*element part"], wavelengths: AbstractWavelengths, missing: Bool[Array, " part"]
    ) -> Float[Array, "*element wave"]:
        """They have it."""
        return elements

    def below(
        self,
        offsets: Float[Array, "*case edge"],
        centre: Float[Array, " *case"],
        variance: Float[Array, " *case"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "*case edge"]:
        """The slit, whose sides the line's own variance smooths."""
        return boxcar_below(offsets, self.fwhm, line_sigma(variance, centre, wavelengths))
