"""A Gauss-Hermite line spread function."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.lsf.base import AbstractGaussianLSF, AbstractLSF, line_sigma
from ifux.numerics.convolve import blur_derivatives
from ifux.numerics.profiles import hermite_below
from ifux.typing import real


@final
class GaussHermiteLSF(AbstractLSF):
    r"""A Gaussian line spread function, made skew by $h_3$ and peaked or flat by $h_4$.

    $$L(x) = \frac{e^{-y^2/2}}{\sqrt{2\pi}\,\sigma}\,\frac{1 + h_3 H_3(y) + h_4 H_4(y)}{1 + \sqrt{6}\,h_4/4},
    \quad y = x/\sigma, \quad
    H_3 = \frac{2 y^3 - 3 y}{\sqrt 3}, \quad H_4 = \frac{4 y^4 - 12 y^2 + 3}{\sqrt{24}}$$

    It keeps the light of a line. The centroid of a line is $\sqrt 3\,h_3\sigma / (1 + \sqrt6\,h_4/4)$ redward of its
    wavelength, which is that of the Gaussian that fits it best. $\sigma$ is all of the width that is given: the
    library, and the pixel where it is in the width, are taken out of the Gaussian, and a line has the shape asked for.
    As a convolution it is the Gaussian and its derivatives up to the fourth,

    $$L = \frac{1}{1 + \sqrt6\,h_4/4} \left[1 + \tfrac{\sqrt6}{4} h_4 - h_3\frac{3\sigma D + 2\sigma^3 D^3}{\sqrt 3}
    + h_4\frac{12\sigma^2 D^2 + 4\sigma^4 D^4}{\sqrt{24}}\right] G,$$

    and costs five times as much as the Gaussian alone, which is little beside the spectra at the velocity nodes.

    References: van der Marel & Franx (1993), ApJ 407, 525, eqs. 4 to 9.
    """

    lsf: AbstractGaussianLSF
    """The Gaussian."""
    h3: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Skewness: above zero with a tail to the red."""
    h4: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Above zero with a sharp peak and broad wings, below with a flat top."""

    def __check_init__(self):
        if not isinstance(self.lsf, AbstractGaussianLSF):
            raise ValueError(f"GaussHermiteLSF.lsf must be a Gaussian of any width, got {type(self.lsf).__name__}.")

    @property
    def oversampling(self) -> int:
        """None: elements are as they are recorded."""
        return 1

    @property
    def range(self) -> tuple[float, float]:
        """That of the Gaussian."""
        return self.lsf.range

    def excess(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the Gaussian."""
        return self.lsf.excess(wave, fwhm, wavelengths)

    def best(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the Gaussian."""
        return self.lsf.best(wave, fwhm, wavelengths)

    def narrowest(
        self, wave: Float[Array, " wave"], fwhm: Float[Array, " wave"], wavelengths: AbstractWavelengths
    ) -> Float[Array, " wave"]:
        """That of the Gaussian, but for how much more the peak bends: with the fourth root of 1 + 8 |h3| + 17 |h4|."""
        bend = 1 + 8 * jnp.abs(self.h3) + 17 * jnp.abs(self.h4)
        return self.lsf.narrowest(wave, fwhm, wavelengths) / bend**0.25

    def broaden(
        self,
        spectra: Float[Array, "basis rest"],
        rest: Wavelengths,
        fwhm: Float[Array, " rest"],
        redshift: Float[Array, " node"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "node basis rest"]:
        """The Gaussian, and its derivatives."""
        variance = self.left(rest, fwhm, redshift, wavelengths)
        stretch = (1 + redshift)[:, None]
        wave = jnp.asarray(rest.centres(), fwhm.dtype)[None, :] * stretch
        taken = self.lsf.taken(wave, fwhm[None, :] * stretch, wavelengths) / (rest.step * stretch) ** 2
        sigma = jnp.sqrt(variance + taken)[:, None, :]
        result, *derivatives = blur_derivatives(spectra, variance, (0, 1, 2, 3, 4))
        for order, (share, derivative) in enumerate(zip(self.shares(), derivatives, strict=True), 1):
            result = result + share * sigma**order * derivative
        return result

    def shares(self) -> tuple[Float[Array, ""], ...]:
        """Of the derivatives of the Gaussian from the first to the fourth, in powers of the width."""
        norm = 1 + math.sqrt(6) / 4 * self.h4
        factors = (-math.sqrt(3) * self.h3, math.sqrt(6) * self.h4, -2 / math.sqrt(3) * self.h3)
        return tuple(factor / norm for factor in (*factors, math.sqrt(2 / 3) * self.h4))

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
        """That of the Gaussian, and of its derivatives, as the line's own variance blurs them."""
        width, pixel = self.lsf.line_variance(centre, wavelengths)
        sigma = line_sigma(jnp.maximum(width - pixel, 0) + variance, centre, wavelengths)
        ratio = jnp.sqrt(width)[..., None] / sigma
        shares = tuple(share * ratio**order for order, share in enumerate(self.shares(), 1))
        return hermite_below(offsets, sigma, shares)
