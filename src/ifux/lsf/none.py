"""No line spread function."""

from typing import final

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.lsf.base import EVERYWHERE, AbstractLSF, line_sigma, pixel_width, smoothed
from ifux.numerics.profiles import gaussian_below
from ifux.units import FWHM_OF_GAUSSIAN


@final
class NoLSF(AbstractLSF):
    """Spectra at the resolution of the library."""

    @property
    def oversampling(self) -> int:
        """None: elements are as they are recorded."""
        return 1

    @property
    def range(self) -> tuple[float, float]:
        """All."""
        return EVERYWHERE

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node basis rest"]:
        """The spectra themselves."""
        return jnp.broadcast_to(spectra, (*redshift.shape, *spectra.shape))

    def excess(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """Nothing is left to add."""
        return jnp.zeros_like(fwhm)

    def best(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the library."""
        return fwhm

    def narrowest(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """Library and pixel."""
        return jnp.sqrt(smoothed((fwhm / FWHM_OF_GAUSSIAN) ** 2, pixel_width(wavelengths, wave) ** 2 / 12))

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
        """A Gaussian of the line's own variance."""
        return gaussian_below(offsets, line_sigma(variance, centre, wavelengths))
