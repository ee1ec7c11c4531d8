"""What a line spread function does: it blurs along the wavelength."""

import math
from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.numerics.convolve import blur_line
from ifux.numerics.profiles import gaussian_below
from ifux.typing import AbstractLimited
from ifux.units import FWHM_OF_GAUSSIAN

EVERYWHERE = (0.0, math.inf)
"""All wavelengths."""

NARROWEST = 1e-3
"""Standard deviation of a line that is taken for no wider, in pixels: all of it is in one."""


def pixel_width(
    wavelengths: AbstractWavelengths, wave: Float[Array, "*case wave"]
) -> Float[Array, "*case wave"] | float:
    """Of the pixels of a detector at wavelengths [angstrom]: a number where all are alike."""
    widths = wavelengths.widths()
    if np.ptp(widths) < 1e-6 * widths[0]:
        return float(widths.mean())
    return jnp.interp(wave, jnp.asarray(wavelengths.centres(), wave.dtype), jnp.asarray(widths, wave.dtype))


def smoothed(gaussian: Float[Array, " wave"], boxcar: Float[Array, " wave"] | float) -> Float[Array, " wave"]:
    """Variance of the Gaussian that is as hard to interpolate as one convolved with a boxcar, of their variances.

    A boxcar that is broader makes a flat top between two sides, which the narrower of both smooths.
    """
    return gaussian + jnp.minimum(boxcar, gaussian)


def line_sigma(
    variance: Float[Array, " *case"], centre: Float[Array, " *case"], wavelengths: AbstractWavelengths
) -> Float[Array, "*case 1"]:
    """Standard deviation of a line [angstrom], beside which edges can stand: a thousandth of a pixel at the least."""
    least = (NARROWEST * pixel_width(wavelengths, centre[..., None])) ** 2
    return jnp.sqrt(jnp.maximum(variance[..., None], least))


class AbstractLSF(AbstractLimited):
    """The spectral resolution of the instrument, of which the library already has a part.

    It is what the spectrograph does before the detector: the model integrates over pixels afterwards. A width that is
    measured on recorded lines has the pixel in it, and says so.
    """

    @property
    @abstractmethod
    def oversampling(self) -> int:
        """Parts of a channel that spectra are computed in before `broaden_elements`."""

    @property
    @abstractmethod
    def range(self) -> tuple[float, float]:
        """Wavelengths between which the width is known [angstrom, observed]; beyond them it is held."""

    @abstractmethod
    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node basis rest"]:
        """Rest-frame spectra of a library with resolution `fwhm` [angstrom], at the instrument's resolution.

        The resolution is that at the wavelengths at which the spectra are observed from each of several redshifts, on
        a detector with pixels `wavelengths`.
        """

    @abstractmethod
    def broaden_elements(
        self, elements: Float[Array, "*element part"], wavelengths: AbstractWavelengths, missing: Bool[Array, " part"]
    ) -> Float[Array, "*element wave"]:
        """Spectra of the elements of the focal plane, of the templates as `broaden` made them, each at its resolution.

        For what differs from element to element. Linear; channels that are missing hold no number, before and after.
        What comes in has `oversampling` parts of every channel of the detector, which `wavelengths` are.
        """

    @abstractmethod
    def excess(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """Variance that is left to add to a library of resolution `fwhm`, all observed [angstrom and angstrom^2].

        Negative where the library is too coarse.
        """

    @abstractmethod
    def best(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """The least FWHM that a library of resolution `fwhm` allows, both observed [angstrom]."""

    @abstractmethod
    def narrowest(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """Standard deviation of an unresolved line as it is recorded: library, spectrograph and pixel [angstrom].

        Of a line that is no Gaussian, that of the Gaussian that is as hard to interpolate.
        """

    @abstractmethod
    def below(
        self,
        offsets: Float[Array, "*case edge"],
        centre: Float[Array, " *case"],
        variance: Float[Array, " *case"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "*case edge"]:
        """Share of the light of a line below edges, given as offsets from its centre: single precision is enough.

        The line has a variance of its own [angstrom^2], and nothing of a library; the instrument adds its width at the
        centre of the line. What lies between edges is the difference, so that pixels side by side keep the light. It is
        that of the instrument before `broaden_elements`. What is narrower than a thousandth of a pixel is as wide.
        """

    def left(
        self,
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node rest"]:
        """The `excess` in the rest frame from each of several redshifts [pixel^2], zero where it is negative."""

        def seen_from(redshift: Float[Array, ""]) -> Float[Array, " rest"]:
            stretch = 1 + redshift
            wave = jnp.asarray(rest.centres(), fwhm.dtype) * stretch
            return self.excess(wave, fwhm * stretch, wavelengths) / (rest.step * stretch) ** 2

        return jnp.maximum(jax.vmap(seen_from)(redshift), 0)


class AbstractGaussianLSF(AbstractLSF):
    r"""A Gaussian line spread function.

    $$\sigma^2 = \left[\sigma_\mathrm{telescope} / (1 + z)\right]^2 - \sigma_\mathrm{library}^2$$

    in the rest frame, at every wavelength, where the redshift is that of the star with its velocity: its light is
    observed at another wavelength, and its spectrum stretched. A width that has the pixel in it is that of recorded
    lines: from its square the variance of the pixel, a twelfth of the square of its width, is taken off too. Where the
    library is coarser than the telescope it stays as it is, also where the width is not above zero:
    `ifux.checks.coarse_library` tells.
    """

    includes_pixel: eqx.AbstractVar[bool]
    """Whether the pixel is in the width, as where it is measured on recorded lines."""

    @property
    def oversampling(self) -> int:
        """None: elements are as they are recorded."""
        return 1

    @abstractmethod
    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """Full width at half maximum at observed wavelengths, both [angstrom]."""

    def taken(
        self, wave: Float[Array, "*case wave"], fwhm: Float[Array, "*case wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, "*case wave"]:
        """Variance that the width has of library and pixel, observed [angstrom^2]."""
        pixel = pixel_width(wavelengths, wave) ** 2 / 12 if self.includes_pixel else 0.0
        return (fwhm / FWHM_OF_GAUSSIAN) ** 2 + pixel

    def excess(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """Telescope minus library, and minus the pixel where that is in the width, in quadrature."""
        return (jnp.maximum(self.width(wave), 0) / FWHM_OF_GAUSSIAN) ** 2 - self.taken(wave, fwhm, wavelengths)

    def best(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the library, with the pixel where that is in the width."""
        return FWHM_OF_GAUSSIAN * jnp.sqrt(self.taken(wave, fwhm, wavelengths))

    def narrowest(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """In quadrature, as long as the pixel does not make a flat top."""
        excess = jnp.maximum(self.excess(wave, fwhm, wavelengths), 0)
        return jnp.sqrt(smoothed(excess + (fwhm / FWHM_OF_GAUSSIAN) ** 2, pixel_width(wavelengths, wave) ** 2 / 12))

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node basis rest"]:
        """Convolution with a Gaussian of varying width."""
        return blur_line(spectra, self.left(rest, fwhm, redshift, wavelengths))

    def broaden_elements(
        self, elements: Float[Array, "*element part"], wavelengths: AbstractWavelengths, missing: Bool[Array, " part"]
    ) -> Float[Array, "*element wave"]:
        """They have it: the width is the same for all."""
        return elements

    def line_variance(
        self, centre: Float[Array, " *case"], wavelengths: AbstractWavelengths
    ) -> tuple[Float[Array, " *case"], Float[Array, " *case"]]:
        """Of the width at the centres of lines, and what the pixel has of it [angstrom^2]."""
        width = self.width(centre.reshape(-1)).reshape(centre.shape)
        pixel = pixel_width(wavelengths, centre[..., None]) ** 2 / 12 if self.includes_pixel else jnp.zeros(1)
        return (jnp.maximum(width, 0) / FWHM_OF_GAUSSIAN) ** 2, jnp.broadcast_to(pixel, (*centre.shape, 1))[..., 0]

    def below(
        self,
        offsets: Float[Array, "*case edge"],
        centre: Float[Array, " *case"],
        variance: Float[Array, " *case"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "*case edge"]:
        """A Gaussian of both variances, from which the pixel is taken off where it is in the width."""
        width, pixel = self.line_variance(centre, wavelengths)
        sigma = line_sigma(jnp.maximum(width - pixel, 0) + variance, centre, wavelengths)
        return gaussian_below(offsets, sigma)
