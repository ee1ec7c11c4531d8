"""A line spread function whose width differs over the field."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.lsf.base import FWHM_OF_GAUSSIAN, AbstractGaussianLSF, AbstractLSF
from ifux.numerics import chebyshev
from ifux.numerics.mixed_blur import gaussian_taps, mixed_blur
from ifux.typing import real, within

LEAST = 0.01
"""Logarithm of the ratio of widths below which blurs are no nearer to one another: their slopes keep their digits."""


@final
class FieldLSF(AbstractLSF):
    r"""A Gaussian of one width as a function of wavelength, times a number for every element: slits, fibres, slices.

    $$\mathrm{FWHM}_e(\lambda) = r_e\,\mathrm{FWHM}(\lambda)$$

    Templates have the width of the sharpest element. The spectrum of another is blurred by what it lacks, behind the
    focal plane, as a mixture of a few Gaussians between the sharpest and the broadest: shares are those of
    interpolation in $\ln r_e$ between Chebyshev points. It acts on elements, each once, however many terms the PSF has.

    With five widths, which differ by no more than a factor of two, a line is what it would be to 1e-3 of its peak where
    the sharpest has a full width at half maximum of 2.2 channels before the pixel, to 1.5e-3, 2.6e-3 and 7e-3 where of
    2.0, 1.8 and 1.5: pixels that sample a line less well cannot tell what a blur makes of it. Three widths do for a
    factor of 1.2.

    Within the reach of an end of the detector or of a gap only those pairs of channels blur of which both are there.

    Its cost is that of some `reach * (nodes + 1)` multiplications a voxel; a contraction has one for every kind.
    """

    lsf: AbstractGaussianLSF
    """The width where the number is one."""
    widths: Float[Array, "*element"] = eqx.field(converter=real, metadata=within(above=0))
    """Width of every element relative to that."""
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """How far a blur brings light [channel]: four standard deviations of the broadest at the least."""
    nodes: int = eqx.field(static=True, default=5, metadata=within(above=1))
    """Widths that are mixed, of which the sharpest is one."""

    def __check_init__(self):
        if not isinstance(self.lsf, AbstractGaussianLSF):
            raise ValueError(f"FieldLSF.lsf must be a Gaussian of any width, got {type(self.lsf).__name__}.")

    @property
    def sharpest(self) -> "ScaledLSF":
        """That of the sharpest element. What a cube is does not depend on which that is: it has no gradient."""
        factor = jax.lax.stop_gradient(self.widths.min())
        return ScaledLSF(lsf=self.lsf, factor=factor, includes_pixel=self.lsf.includes_pixel)

    @property
    def range(self) -> tuple[float, float]:
        """That of the Gaussian."""
        return self.lsf.range

    def excess(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the sharpest."""
        return self.sharpest.excess(wave, fwhm, wavelengths)

    def best(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the Gaussian."""
        return self.lsf.best(wave, fwhm, wavelengths)

    def narrowest(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the sharpest."""
        return self.sharpest.narrowest(wave, fwhm, wavelengths)

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node basis rest"]:
        """That of the sharpest."""
        return self.sharpest.broaden(spectra, rest, fwhm, redshift, wavelengths)

    def broaden_elements(
        self, elements: Float[Array, "*element wave"], wavelengths: AbstractWavelengths, missing: Bool[Array, " wave"]
    ) -> Float[Array, "*element wave"]:
        """What each lacks to its own width."""
        if elements.shape[:-1] != self.widths.shape:
            raise ValueError(
                f"FieldLSF.widths has shape {self.widths.shape}, but the elements of the focal plane have "
                f"{elements.shape[:-1]}: give a width for each."
            )
        place = jnp.log(self.widths.reshape(-1))
        low, high = (jax.lax.stop_gradient(end) for end in (place.min(), place.max()))
        span = jnp.maximum(high - low, LEAST)
        # The sharpest is the first node, whose blur is none.
        shares = chebyshev.weights(2 * (place - low) / span - 1, self.nodes)[:, 1:]
        steps = jnp.asarray((chebyshev.points(self.nodes)[1:] + 1) / 2, place.dtype)
        lacking = jnp.exp(2 * low) * jnp.expm1(2 * span * steps)
        taps = gaussian_taps(lacking[:, None] * self.variance(wavelengths)[None, :], self.reach)
        blurred = mixed_blur(elements.reshape(-1, wavelengths.size), shares, taps, ~missing)
        return jnp.where(missing, jnp.nan, blurred.reshape(elements.shape))

    def variance(self, wavelengths: AbstractWavelengths) -> Float[Array, " wave"]:
        """That of a relative width of one [channel^2]."""
        wave, pixel = (jnp.asarray(of, self.widths.dtype) for of in (wavelengths.centres(), wavelengths.widths()))
        return (self.lsf.width(wave) / (FWHM_OF_GAUSSIAN * pixel)) ** 2

    def farthest(self, wavelengths: AbstractWavelengths) -> Float[Array, ""]:
        """Standard deviation of the broadest blur of an element [channel]."""
        lacking = (self.widths.max() ** 2 - self.widths.min() ** 2) * self.variance(wavelengths).max()
        return jnp.sqrt(jnp.maximum(lacking, 0))


@final
class ScaledLSF(AbstractGaussianLSF):
    """A Gaussian of a multiple of another's width."""

    lsf: AbstractGaussianLSF
    factor: Float[Array, ""] = eqx.field(converter=real)
    includes_pixel: bool = eqx.field(static=True)
    """As of the other."""

    @property
    def range(self) -> tuple[float, float]:
        """As of the other."""
        return self.lsf.range

    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The multiple."""
        return self.factor * self.lsf.width(wave)
