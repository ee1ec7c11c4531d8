"""A line spread function whose width differs over the field."""

from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from ifux.grids import AbstractWavelengths, Wavelengths
from ifux.lsf.base import AbstractGaussianLSF, AbstractLSF
from ifux.numerics import chebyshev
from ifux.numerics.mixed_blur import gaussian_taps, mixed_blur
from ifux.typing import real, within
from ifux.units import FWHM_OF_GAUSSIAN

ROOM = 0.005
"""By how much `FieldLSF.of` lets widths be mixed beyond the least and the greatest of a map, as a share of them."""


def pair(given: Sequence[float]) -> tuple[float, float]:
    """Two numbers, as JSON gives them, in a form that can be compared and hashed."""
    low, high = given
    return float(low), float(high)


@final
class FieldLSF(AbstractLSF):
    r"""A Gaussian of one width as a function of wavelength, times a number for every element: slits, fibres, slices.

    $$\mathrm{FWHM}_e(\lambda) = r_e\,\mathrm{FWHM}(\lambda)$$

    Templates have the width of the sharpest element. The spectrum of another is blurred by what it lacks, behind the
    focal plane, as a mixture of a few Gaussians between the sharpest and the broadest: shares are those of
    interpolation in $\ln r_e$ between Chebyshev points. It acts on elements, each once, however many terms the PSF has.
    Which widths are mixed is fixed when the stage is made: `FieldLSF.of` takes those of the map that it is given.

    With five widths, which differ by no more than a factor of two, a line is what it would be to 1e-3 of its peak where
    the sharpest has a full width at half maximum of 2.2 channels before the pixel, to 1.5e-3, 2.6e-3 and 7e-3 where of
    2.0, 1.8 and 1.5: pixels that sample a line less well cannot tell what a blur makes of it. Three widths do for a
    factor of 1.2. For sharper lines spectra are made in parts of channels, with an `oversampling` of 2 from 1.1
    channels on, of 3 from 0.75.

    Within the reach of an end of the detector or of a gap only those pairs of channels blur of which both are there.

    Its cost is that of some `reach * (nodes + 1)` multiplications a voxel, where a contraction has one for every kind:
    on a CPU two thirds of the contraction of 276 kinds, and in a gradient about as much again as all of that without it
    (1600 spaxels, 1000 channels: 0.04 to 0.07 s, and 0.14 to 0.29). Parts of channels multiply both, the templates and
    the contraction. In single precision slopes by widths are second differences of rounded voxels: good to 2e-3
    where many velocities leave no sharp line, to 1e-5 where lines are sharp.
    """

    lsf: AbstractGaussianLSF
    """The width where the number is one."""
    widths: Float[Array, "*element"] = eqx.field(converter=real, metadata=within(above=0))
    """Width of every element relative to that."""
    spread: tuple[float, float] = eqx.field(static=True, converter=pair, metadata=within(above=0))
    """Least and greatest relative width that are mixed: templates have the least. Others are extrapolated."""
    reach: int = eqx.field(static=True, default=8, metadata=within(above=0))
    """How far a blur brings light [channel]: four standard deviations of the broadest at the least."""
    nodes: int = eqx.field(static=True, default=5, metadata=within(above=1))
    """Widths that are mixed, of which the sharpest is one."""
    oversampling: int = eqx.field(  # pyright: ignore[reportIncompatibleMethodOverride]
        static=True, default=1, metadata=within(above=0)
    )
    """Parts of a channel that spectra are made in: so many that they sample the sharpest line."""

    def __check_init__(self):
        if not isinstance(self.lsf, AbstractGaussianLSF):
            raise ValueError(f"FieldLSF.lsf must be a Gaussian of any width, got {type(self.lsf).__name__}.")
        if not self.spread[0] < self.spread[1]:
            raise ValueError(f"FieldLSF.spread must be a width and a greater one, got {self.spread}.")

    @classmethod
    def of(
        cls,
        lsf: AbstractGaussianLSF,
        widths: ArrayLike | Sequence,
        *,
        reach: int = 8,
        nodes: int = 5,
        oversampling: int = 1,
    ) -> "FieldLSF":
        """The stage for a map of concrete numbers, which mixes its widths."""
        found = np.asarray(widths, np.float64)
        return cls(lsf, found, (found.min() * (1 - ROOM), found.max() * (1 + ROOM)), reach, nodes, oversampling)

    @property
    def sharpest(self) -> "ScaledLSF":
        """That of the templates."""
        return ScaledLSF(lsf=self.lsf, factor=self.spread[0], includes_pixel=self.lsf.includes_pixel)

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

    def below(
        self,
        offsets: Float[Array, "*case edge"],
        centre: Float[Array, " *case"],
        variance: Float[Array, " *case"],
        wavelengths: AbstractWavelengths,
    ) -> Float[Array, "*case edge"]:
        """That of the sharpest."""
        return self.sharpest.below(offsets, centre, variance, wavelengths)

    def broaden_elements(
        self, elements: Float[Array, "*element part"], wavelengths: AbstractWavelengths, missing: Bool[Array, " part"]
    ) -> Float[Array, "*element wave"]:
        """What each lacks to its own width."""
        if elements.shape[:-1] != self.widths.shape:
            raise ValueError(
                f"FieldLSF.widths has shape {self.widths.shape}, but the elements of the focal plane have "
                f"{elements.shape[:-1]}: give a width for each."
            )
        low, high = np.log(self.spread)
        # The sharpest is the first node, whose blur is none.
        place = (jnp.log(self.widths.reshape(-1)) - float(low)) * float(2 / (high - low)) - 1
        shares = chebyshev.weights(place, self.nodes)[:, 1:].reshape(*self.widths.shape, -1)
        steps = (chebyshev.points(self.nodes)[1:] + 1) / 2
        lacking = jnp.asarray(np.exp(2 * (low + (high - low) * steps)) - np.exp(2 * low), place.dtype)
        parts = self.oversampling
        variance = parts**2 * self.variance(wavelengths)
        taps = gaussian_taps(lacking[:, None] * variance[None, :], parts * self.reach, parts)
        blurred = mixed_blur(elements, shares, taps, ~missing)
        return jnp.where(missing.reshape(-1, parts).any(axis=1), jnp.nan, blurred)

    def variance(self, wavelengths: AbstractWavelengths) -> Float[Array, " wave"]:
        """That of a relative width of one [channel^2]."""
        wave, pixel = (jnp.asarray(of, self.widths.dtype) for of in (wavelengths.centres(), wavelengths.widths()))
        return (self.lsf.width(wave) / (FWHM_OF_GAUSSIAN * pixel)) ** 2

    def farthest(self, wavelengths: AbstractWavelengths) -> Float[Array, ""]:
        """Standard deviation of the broadest blur of an element [channel]."""
        low, high = self.spread
        return jnp.sqrt((high**2 - low**2) * self.variance(wavelengths).max())


@final
class ScaledLSF(AbstractGaussianLSF):
    """A Gaussian of a multiple of another's width."""

    lsf: AbstractGaussianLSF
    factor: float = eqx.field(static=True)
    includes_pixel: bool = eqx.field(static=True)
    """As of the other."""

    @property
    def range(self) -> tuple[float, float]:
        """As of the other."""
        return self.lsf.range

    def width(self, wave: Float[Array, " wave"]) -> Float[Array, " wave"]:
        """The multiple."""
        return self.factor * self.lsf.width(wave)
