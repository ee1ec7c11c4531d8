"""The noise of a real exposure."""

from abc import abstractmethod
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import AbstractWavelengths
from ifux.noise.base import AbstractGaussianNoise, AbstractNoise
from ifux.typing import DATA, real, real_if_any, within
from ifux.units import PHOTONS


class AbstractExposure(AbstractNoise):
    """Noise of electrons that are counted, on detectors that can be full."""

    @property
    @abstractmethod
    def can_saturate(self) -> bool:
        """Whether it is known how many electrons a pixel holds."""

    @abstractmethod
    def saturated(self, cube: Float[Array, "*place wave"]) -> Bool[Array, "*place wave"]:
        """Where a pixel of the detector is full in one exposure."""


@final
class ExposureNoise(AbstractGaussianNoise, AbstractExposure):
    r"""Normal noise with the variance of the electrons of source, sky, dark current and readout.

    $$\sigma^2 = N\left[S + (1 + m)(B + D) + (1 + m)\, p\,(r^2 + g^2/12)\right] + (\epsilon N B)^2$$

    electrons of N exposures in an element and a channel: S of the source, B of the sky, D dark ones, p pixels of
    readout noise r and gain g, m the share of the noise that subtracting the sky adds, and $\epsilon$ what that leaves
    of the sky. A flux f makes

    $$S = f\,\Delta\lambda\,\frac{\lambda}{hc}\,A\,T_{atm}\,T\,t$$

    electrons, T_atm that of the atmosphere and T all that follows, a filter among it. Light is spread evenly over the
    pixels of an element. Flux below zero, as splines and kernels leave in dark places, takes off the photons of sky and
    dark current, but not the readout noise.

    References: Howell (2006), Handbook of CCD Astronomy, 2nd edition, section 4.4; Merline & Howell (1995),
    Experimental Astronomy 6, 163 (the gain).
    """

    wavelengths: AbstractWavelengths
    """Channels of the cube, which the tables below are on."""
    throughput: Float[Array, " wave"] = eqx.field(converter=real, metadata=within(above=0, most=1))
    """Electrons for a photon that reaches the mirror: telescope, spectrograph and detector."""
    transmission: Float[Array, " wave"] = eqx.field(converter=real, metadata=within(above=0, most=1))
    """Of the atmosphere, at the airmass of the exposure."""
    sky: Float[Array, " wave"] = eqx.field(converter=real, metadata=within(least=0))
    """Surface brightness of the sky, as it reaches the mirror [1e-20 erg/s/cm2/angstrom/arcsec2]."""
    element_area: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Of a spaxel or fibre on the sky [arcsec2]."""
    collecting_area: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Of the mirror, less what stands in front of it [m2]."""
    time: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Of one exposure [s]."""
    count: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Number of exposures."""
    read_noise: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """Of a pixel [electron]."""
    dark: Float[Array, ""] = eqx.field(converter=real, metadata=within(least=0))
    """Dark current [electron/hour/pixel]."""
    pixels: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    """Of the detector, that the light of an element in a channel falls on."""
    gain: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0))
    """Electrons for a count: numbers are rounded to it."""
    sky_noise: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0))
    """Variance of the sky that is subtracted, over that of the sky in the element: 1 / n where n elements tell it, 1
    where an exposure of the same length does."""
    residual: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0))
    """What subtraction leaves of the sky, rms over the sky."""
    filter: Float[Array, " wave"] | None = eqx.field(
        converter=real_if_any, default=None, metadata=within(above=0, most=1)
    )
    """What a filter lets through, of sky and source; without it all."""
    least_transmission: float = eqx.field(static=True, converter=float, default=0.0, metadata=within(least=0, most=1))
    """Of atmosphere and filter together: channels with less are `blind`."""
    full_well: Float[Array, ""] | None = eqx.field(converter=real_if_any, default=None, metadata=within(above=0) | DATA)
    """Electrons that a pixel holds; without it none is ever full."""

    def __check_init__(self):
        if not self.throughput.shape == self.transmission.shape == self.sky.shape == (self.wavelengths.size,):
            raise ValueError(
                f"ExposureNoise.throughput, transmission and sky have shapes {self.throughput.shape}, "
                f"{self.transmission.shape} and {self.sky.shape}, but there are {self.wavelengths.size} channels."
            )
        if self.filter is not None and self.filter.shape != self.throughput.shape:
            raise ValueError(
                f"ExposureNoise.filter has shape {self.filter.shape}, but there are {self.wavelengths.size} channels."
            )

    def let_through(self) -> Float[Array, " wave"]:
        """By atmosphere and filter together."""
        return self.transmission if self.filter is None else self.transmission * self.filter

    def blind(self) -> Bool[Array, " wave"]:
        """Where too little light comes through for data: whoever describes a telescope makes gaps of these channels."""
        return self.let_through() < self.least_transmission

    def telluric(self) -> Bool[Array, " wave"]:
        """Where that is the atmosphere alone."""
        return self.transmission < self.least_transmission

    @property
    def can_saturate(self) -> bool:
        """It is known."""
        return self.full_well is not None

    def variance(self, cube: Float[Array, "*place wave"]) -> Float[Array, "*place wave"]:
        """Of the noise, by the formula above."""
        electrons = self.electrons()
        counted = self.background() / electrons**2
        return jnp.maximum(cube / along(electrons, cube) + along(counted, cube), 0) + along(
            self.uncounted() / electrons**2, cube
        )

    def saturated(self, cube: Float[Array, "*place wave"]) -> Bool[Array, "*place wave"]:
        """Where more electrons fall on a pixel in an exposure than it holds."""
        if self.full_well is None:
            return jnp.zeros(cube.shape, bool)
        counted = cube * along(self.electrons(), cube) + along(self.background(), cube)
        return counted > self.full_well * self.pixels * self.count

    def electrons(self) -> Float[Array, " wave"]:
        """Counted for a flux of one, in all exposures [electron/(1e-20 erg/s/cm2/angstrom)]."""
        return self.efficiency() * self.transmission

    def background(self) -> Float[Array, " wave"]:
        """Of the sky and of the dark current, in an element and all exposures [electron]."""
        return self.sky_electrons() + self.dark / 3600 * self.pixels * self.time * self.count

    def uncounted(self) -> Float[Array, " wave"]:
        """Variance of what is no count of electrons: readout, rounding, the sky that is subtracted [electron2]."""
        readout = (self.read_noise**2 + self.gain**2 / 12) * self.pixels * self.count
        subtracted = self.sky_noise * (self.background() + readout)
        return readout + subtracted + (self.residual * self.sky_electrons()) ** 2

    def sky_electrons(self) -> Float[Array, " wave"]:
        """Of the sky, in an element and all exposures [electron]."""
        return self.efficiency() * self.sky * self.element_area

    def efficiency(self) -> Float[Array, " wave"]:
        """Electrons for a flux of one that reaches the mirror, in all exposures."""
        edges = self.wavelengths.edges()
        # The energy in a channel is that of a flux that is even in wavelength.
        photons = jnp.asarray(PHOTONS * (edges[1:] ** 2 - edges[:-1] ** 2) / 2, self.throughput.dtype)
        throughput = self.throughput if self.filter is None else self.throughput * self.filter
        return photons * throughput * (self.collecting_area * self.time * self.count)


def along(values: Float[Array, " wave"], cube: Float[Array, "*place wave"]) -> Float[Array, "... wave"]:
    """Numbers of channels, to be combined with those of a cube."""
    return jax.lax.expand_dims(values, range(cube.ndim - 1))
