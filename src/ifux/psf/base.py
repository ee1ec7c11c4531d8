"""What a point spread function does: it moves light between spaxels and makes none."""

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.convolve import blur_plane
from ifux.numerics.stencil import Degree, window
from ifux.typing import AbstractLimited


class AbstractPSF(AbstractLimited):
    """A blur of the sky as a sum of terms: a share of the wavelength times a convolution in the plane."""

    @property
    @abstractmethod
    def margin(self) -> int:
        """How far light is moved [spaxel]: the sky is deposited on a field wider by this much on every side."""

    @abstractmethod
    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Weight of each term at observed wavelengths [angstrom]; the weights sum to one."""

    @abstractmethod
    def held(self, pitch: Float[Array, ""]) -> Float[Array, ""]:
        """The share of a point source's light that lies within the margin, at the worst wavelength.

        `pitch` is the side of a spaxel [arcsec].
        """

    @abstractmethod
    def blur(
        self, maps: Float[Array, "tall wide channel"], pitch: Float[Array, ""], degree: Degree
    ) -> Float[Array, "term y x channel"]:
        """Every term of the blur, applied to maps on the wider field; the result is on the field.

        `pitch` is the side of a spaxel [arcsec]. The maps were deposited with B-splines of this degree: the blur
        makes up for their width, so that a point source has the PSF that was asked for.
        """


class AbstractKernelPSF(AbstractPSF):
    """A round point spread function that is the same at all wavelengths."""

    reach: eqx.AbstractVar[int]
    """Half-size of the sampled kernel [spaxel]."""

    @abstractmethod
    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        """Surface brightness of a unit source [1/arcsec^2] at a squared radius [arcsec^2]."""

    @property
    def margin(self) -> int:
        """The reach of the kernel."""
        return self.reach

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """One term at all wavelengths."""
        return jnp.ones_like(wave)[None]

    def held(self, pitch: Float[Array, ""]) -> Float[Array, ""]:
        """That of the sampled kernel, before the rest is spread evenly within it."""
        return held(self.profile, self.reach, pitch)

    def kernel(self, pitch: Float[Array, ""], degree: Degree) -> Float[Array, "v u"]:
        """The kernel for maps deposited with B-splines of this degree; its sum is one."""
        return sampled(self.profile, self.reach, pitch, degree)

    def blur(
        self, maps: Float[Array, "tall wide channel"], pitch: Float[Array, ""], degree: Degree
    ) -> Float[Array, "term y x channel"]:
        """The convolution with the kernel."""
        return blur_plane(maps, self.kernel(pitch, degree))[None]


SHARPEST = 1e-6
"""A width that no spaxel tells from none [arcsec]; its inverse fourth power is still finite in single precision."""


def resolved(width: Float[Array, ""]) -> Float[Array, ""]:
    """The size of a width, and no less than `SHARPEST`: a profile has no value at a width of zero [arcsec]."""
    return jnp.maximum(jnp.abs(width), SHARPEST)


def sampled(
    profile: Callable[[Float[Array, "..."]], Float[Array, "..."]], reach: int, pitch: Float[Array, ""], degree: Degree
) -> Float[Array, "v u"]:
    """A profile as a kernel for maps deposited with B-splines of this degree; its sum is one.

    The profile is integrated over spaxels by Gauss-Legendre quadrature, and the window of the B-spline divided out of
    its transform. The light that belongs beyond the reach is spread evenly within it: the core keeps its true height
    and a plane of constant brightness its brightness. Of a star, what is further away than the reach has nothing: where
    a field holds little else than the wings of its bright parts, that is the largest error of all.
    """
    spare = 4
    spaxels = over_spaxels(profile, reach + spare, pitch)
    size = spaxels.shape[0]
    deposit = np.outer(window(np.fft.fftfreq(size), degree), window(np.fft.rfftfreq(size), degree))
    transform = jnp.fft.rfft2(spaxels)
    sharpened = jnp.fft.irfft2(transform / jnp.asarray(deposit, transform.dtype), spaxels.shape)
    kernel = sharpened[spare:-spare, spare:-spare].astype(pitch.dtype)
    kernel = kernel + jnp.maximum(1 - kernel.sum(), 0) / kernel.size
    return kernel / kernel.sum()


def held(profile: Callable[[Float[Array, "..."]], Float[Array, "..."]], reach: int, pitch: Float[Array, ""]):
    """The share of a profile within a square of spaxels."""
    return over_spaxels(profile, reach, pitch).sum()


def over_spaxels(
    profile: Callable[[Float[Array, "..."]], Float[Array, "..."]], half: int, pitch: Float[Array, ""]
) -> Float[Array, "v u"]:
    """The integrals of a profile over spaxels around its centre, by Gauss-Legendre quadrature.

    A profile that is narrower than the distance of the nodes is overestimated at the middle one. Where it has light
    there alone, it is a point: all light in one spaxel, which does not depend on the width any more.
    """
    nodes, shares = np.polynomial.legendre.leggauss(5)
    offsets = np.arange(-half, half + 1)[:, None] + nodes[None, :] / 2
    axis = jnp.asarray(offsets, pitch.dtype) * pitch
    values = profile(axis[:, :, None, None] ** 2 + axis[None, None, :, :] ** 2)
    quadrature = jnp.asarray(shares / 2, pitch.dtype)
    spaxels = jnp.einsum("viuj,i,j->vu", values, quadrature, quadrature) * pitch**2
    total, central = spaxels.sum(), values[half, 2, half, 2] * quadrature[2] ** 2 * pitch**2
    point = jnp.zeros_like(spaxels).at[half, half].set(1)
    found = spaxels / jnp.maximum(total, 1)
    return jnp.where(total - central > 4 * jnp.finfo(pitch.dtype).eps * central, found, point)
