"""A point spread function whose width depends on the wavelength."""

import dataclasses
import math
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.numerics import chebyshev
from ifux.numerics.convolve import blur_plane
from ifux.psf.base import AbstractKernelPSF, AbstractPSF, Brightness, held, sampled
from ifux.scene import Scene
from ifux.typing import real, within


def limits(band: Sequence[float]) -> tuple[float, float]:
    """Two numbers, as JSON gives them, in a form that can be compared and hashed."""
    low, high = band
    return float(low), float(high)


@final
class ChromaticPSF(AbstractPSF):
    r"""A round PSF that widens or narrows with wavelength, as seeing does.

    $$\mathrm{FWHM}(\lambda) = \mathrm{FWHM}\,(\lambda/\lambda_0)^p$$

    Kolmogorov turbulence has a slope p of -1/5; a finite outer scale makes it steeper, -0.25 to -0.35 at MUSE. The
    kernel is interpolated in the logarithm of the wavelength between Chebyshev points of the band: with four of them
    and a slope of -0.3, MUSE's whole band is exact to 2e-4 of the peak. It costs as many blurs as points.

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
    terms: int = eqx.field(static=True, default=4, metadata=within(least=2))
    """Number of Chebyshev points."""

    def __check_init__(self):
        if not isinstance(self.psf, AbstractKernelPSF):
            raise ValueError(
                f"ChromaticPSF.psf must have a profile, as a Gaussian or a Moffat, got {type(self.psf).__name__}."
            )
        if not 0 < self.band[0] < self.band[1]:
            raise ValueError(f"ChromaticPSF.band must be two increasing positive wavelengths, got {self.band}.")

    @property
    def margin(self) -> int:
        """That of the PSF."""
        return self.psf.margin

    @property
    def half(self) -> float:
        """Half of the band, in the logarithm of the wavelength."""
        return math.log(self.band[1] / self.band[0]) / 2

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Lagrange polynomials in the logarithm of the wavelength."""
        place = jnp.log(wave / math.sqrt(self.band[0] * self.band[1])) / self.half
        return chebyshev.weights(jnp.clip(place, -1, 1), self.terms).T

    def profiles(self) -> list[Brightness]:
        """The profiles at the Chebyshev points."""
        middle = math.log(math.sqrt(self.band[0] * self.band[1]) / self.reference)
        found = []
        for node in chebyshev.points(self.terms).tolist():
            stretch = jnp.exp(self.slope * (middle + node * self.half))
            found.append(lambda east, north, s=stretch: self.psf.brightness(east / s, north / s) / s**2)
        return found

    def sharpest(self) -> float:
        """That at one end of the band."""
        return self.psf.sharpest() * min((end / self.reference) ** float(self.slope) for end in self.band)

    def radius(self, lost: float) -> float:
        """That at the other end of the band."""
        return self.psf.radius(lost) * max((end / self.reference) ** float(self.slope) for end in self.band)

    def reaching(self, reach: int) -> "ChromaticPSF":
        """The same with another kernel."""
        return dataclasses.replace(self, psf=self.psf.reaching(reach))

    def held(self, scene: Scene) -> Float[Array, ""]:
        """The least of the kernels' shares."""
        return jnp.stack([held(profile, self.psf.reach, scene) for profile in self.profiles()]).min()

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The convolutions with the kernels."""
        kernels = [sampled(profile, self.psf.reach, scene) for profile in self.profiles()]
        return jnp.stack([blur_plane(maps, kernel) for kernel in kernels])
