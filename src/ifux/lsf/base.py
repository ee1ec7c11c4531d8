"""What a line spread function does: it blurs along the wavelength."""

import math
from abc import abstractmethod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.numerics.convolve import blur_line
from ifux.typing import AbstractLimited

FWHM_OF_GAUSSIAN = math.sqrt(8 * math.log(2))
"""Full width at half maximum of a Gaussian in units of its standard deviation."""


class AbstractLSF(AbstractLimited):
    """The spectral resolution of the instrument, of which the library already has a part."""

    @abstractmethod
    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
    ) -> Float[Array, "node basis rest"]:
        """Rest-frame spectra of a library with resolution `fwhm` [angstrom], at the instrument's resolution.

        The resolution is that at the wavelengths at which the spectra are observed from each of several redshifts.
        """

    @abstractmethod
    def excess(
        self, rest: Wavelengths, fwhm: Float[Array, " rest"], redshift: Float[Array, ""]
    ) -> Float[Array, " rest"]:
        """Variance that is left to add, in the rest frame [angstrom^2]: negative where the library is too coarse."""


class AbstractGaussianLSF(AbstractLSF):
    r"""A Gaussian line spread function.

    $$\sigma^2 = \left[\sigma_\mathrm{telescope} / (1 + z)\right]^2 - \sigma_\mathrm{library}^2$$

    in the rest frame, at every wavelength, where the redshift is that of the star with its velocity: its light is
    observed at another wavelength, and its spectrum stretched. Where the library is coarser than the telescope it stays
    as it is: `ifux.checks.coarse_library` tells.
    """

    @abstractmethod
    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """Full width at half maximum at observed wavelengths, both [angstrom]."""

    def excess(
        self, rest: Wavelengths, fwhm: Float[Array, " rest"], redshift: Float[Array, ""]
    ) -> Float[Array, " rest"]:
        """Telescope minus library, in quadrature."""
        stretch = 1 + redshift
        width = self.width(jnp.asarray(rest.centres(), fwhm.dtype) * stretch) / stretch
        return (width**2 - fwhm**2) / FWHM_OF_GAUSSIAN**2

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
    ) -> Float[Array, "node basis rest"]:
        """Convolution with a Gaussian of varying width."""
        excess = jax.vmap(lambda z: self.excess(rest, fwhm, z))(redshift)
        return blur_line(spectra, jnp.maximum(excess, 0) / rest.step**2)
