"""What a point spread function does: it moves light between spaxels and makes none."""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.numerics.contract import Range
from ifux.numerics.convolve import blur_plane
from ifux.numerics.stencil import window
from ifux.scene import Scene
from ifux.spread import AbstractSpread, SplineSpread
from ifux.typing import AbstractLimited
from ifux.units import FWHM_OF_GAUSSIAN

Brightness = Callable[[Float[Array, "..."], Float[Array, "..."]], Float[Array, "..."]]
"""Surface brightness of a unit source [1/arcsec^2] at offsets to the east and the north [arcsec]."""

Response = Callable[[Float[np.ndarray, " frequency"]], Float[np.ndarray, " frequency"]]
"""By what a grid damps light along an axis, at frequencies in cycles per cell."""


class AbstractPSF(AbstractLimited):
    """A blur of the sky as a sum of terms: a share of the wavelength times a convolution in the plane."""

    @property
    @abstractmethod
    def margin(self) -> int:
        """How far light is moved [cell]: the sky is deposited on a scene wider by this much on every side."""

    @property
    @abstractmethod
    def spread(self) -> AbstractSpread:
        """How a point of light is to be spread over the cells of that scene."""

    @abstractmethod
    def sharpest(self) -> float:
        """The smallest full width at half maximum, at any wavelength and along any direction [arcsec]. On the host."""

    @abstractmethod
    def radius(self, lost: float) -> float:
        """Beyond this distance from a point source lies no more than a share of its light [arcsec]. On the host."""

    def reaching(self, reach: int) -> "AbstractPSF":
        """The same with kernels of another half-size [cell], its own and those of any PSF inside it."""

        def is_psf(node: Any) -> bool:
            return isinstance(node, AbstractPSF)

        def further(node: Any) -> Any:
            return node.reaching(reach) if is_psf(node) else node

        found: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            found[field.name] = reach if field.name == "reach" else jax.tree.map(further, value, is_leaf=is_psf)
        return dataclasses.replace(self, **found)

    @abstractmethod
    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """Weight of each term at observed wavelengths [angstrom]; the weights sum to one."""

    @property
    @abstractmethod
    def seen_at(self) -> tuple[float, ...] | None:
        """The wavelength at which each term is the PSF [angstrom, observed]; none where one is for all. On the host."""

    @abstractmethod
    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """Which terms have a weight at which of some increasing observed wavelengths [angstrom]. On the host."""

    @abstractmethod
    def held(self, scene: Scene) -> Float[Array, ""]:
        """The share of a point source's light that lies within the margin, at the worst wavelength."""

    @abstractmethod
    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """Every term of the blur, applied to maps on the wider scene; the result is on the field.

        The blur makes up for the width of the B-splines with which the maps were deposited, so that a point source has
        the PSF that was asked for.
        """


class AbstractKernelPSF(AbstractPSF):
    """A point spread function that is the same at all wavelengths."""

    @abstractmethod
    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """Surface brightness of a unit source [1/arcsec^2] at offsets from it [arcsec]."""

    @property
    def spread(self) -> AbstractSpread:
        """B-splines, which the kernel makes up for."""
        return SplineSpread()

    def term_weights(self, wave: Float[Array, " wave"]) -> Float[Array, "term wave"]:
        """One term at all wavelengths."""
        return jnp.ones_like(wave)[None]

    @property
    def seen_at(self) -> tuple[float, ...] | None:
        """One for all."""
        return None

    def ranges(self, wave: Float[np.ndarray, " wave"]) -> tuple[Range, ...]:
        """The term, at all wavelengths."""
        return (Range(0, wave.size, 0, 1),)

    def held(self, scene: Scene) -> Float[Array, ""]:
        """That of the sampled kernel, before the rest is spread evenly within it."""
        return held(self.brightness, self.margin, scene)

    def kernel(self, scene: Scene) -> Float[Array, "v u"]:
        """The kernel for maps of a scene; its sum is one."""
        return sampled(self.brightness, self.margin, scene)

    def blur(self, maps: Float[Array, "tall wide channel"], scene: Scene) -> Float[Array, "term y x channel"]:
        """The convolution with the kernel."""
        return blur_plane(maps, self.kernel(scene)[None])


def check_profile(owner: str, psf: AbstractPSF) -> None:
    """That a PSF inside another has a profile.

    Raises:
        ValueError: it has none.
    """
    if not isinstance(psf, AbstractKernelPSF):
        raise ValueError(f"{owner} must have a profile, as a Gaussian or a Moffat, got {type(psf).__name__}.")


SHARPEST = 1e-6
"""A width that no spaxel tells from none [arcsec]; its inverse fourth power is still finite in single precision."""


def resolved(width: Float[Array, ""]) -> Float[Array, ""]:
    """The size of a width, and no less than `SHARPEST`: a profile has no value at a width of zero [arcsec]."""
    return jnp.maximum(jnp.abs(width), SHARPEST)


def sampled(brightness: Brightness, reach: int, scene: Scene) -> Float[Array, "v u"]:
    """A profile as a kernel for maps of a scene; its sum is one.

    The profile is integrated over cells by Gauss-Legendre quadrature, and the window of the B-spline divided out of its
    transform. The light that belongs beyond the reach is spread evenly within it: the core keeps its true height and a
    plane of constant brightness its brightness. Of a star, what is further away than the reach has nothing: where a
    field holds little else than the wings of its bright parts, that is the largest error of all.
    """
    return sharpened(brightness, reach, scene, lambda frequency: window(frequency, scene.degree))


def sharpened(brightness: Brightness, reach: int, scene: Scene, response: Response) -> Float[Array, "v u"]:
    """The same, with a response along both axes divided out, and the Gaussian by which light was blurred before."""
    spare = 4
    cells = over_cells(brightness, reach + spare, scene)
    size = cells.shape[0]
    divisor = np.outer(response(np.fft.fftfreq(size)), response(np.fft.rfftfreq(size)))
    transform = jnp.fft.rfft2(cells)
    if scene.blurred is not None:
        transform = transform / gaussian_response(scene.blurred / scene.sides, size).astype(transform.dtype)
    kernel = jnp.fft.irfft2(transform / jnp.asarray(divisor, transform.dtype), cells.shape)
    kernel = kernel[spare:-spare, spare:-spare].astype(scene.sides.dtype)
    kernel = kernel + jnp.maximum(1 - kernel.sum(), 0) / kernel.size
    return kernel / kernel.sum()


def gaussian_response(across: Float[Array, "2"], size: int) -> Float[Array, "v u"]:
    """Transform of a Gaussian of a full width at half maximum across x and y [cell], as `rfft2` lays it out."""
    x, y = 2 * (jnp.pi * across / FWHM_OF_GAUSSIAN) ** 2
    along = jnp.asarray(np.fft.fftfreq(size) ** 2, across.dtype), jnp.asarray(np.fft.rfftfreq(size) ** 2, across.dtype)
    return jnp.exp(-y * along[0])[:, None] * jnp.exp(-x * along[1])[None, :]


def held(brightness: Brightness, reach: int, scene: Scene) -> Float[Array, ""]:
    """The share of a profile within a rectangle of cells."""
    return over_cells(brightness, reach, scene).sum()


def over_cells(brightness: Brightness, half: int, scene: Scene) -> Float[Array, "v u"]:
    """The integrals of a profile over cells around its centre, by Gauss-Legendre quadrature.

    A profile that is narrower than the distance of the nodes is overestimated at the middle one. Where it has light
    there alone, it is a point: all light in one cell, which does not depend on the width any more.
    """
    sides, angle = scene.sides, jnp.deg2rad(scene.position_angle)
    nodes, shares = np.polynomial.legendre.leggauss(5)
    offsets = np.arange(-half, half + 1)[:, None] + nodes[None, :] / 2
    across, up = (jnp.asarray(offsets, sides.dtype) * side for side in sides)
    x, y = -across[None, None, :, :], up[:, :, None, None]
    values = brightness(x * jnp.cos(angle) + y * jnp.sin(angle), y * jnp.cos(angle) - x * jnp.sin(angle))
    quadrature = jnp.asarray(shares / 2, sides.dtype)
    area = sides[0] * sides[1]
    cells = jnp.einsum("viuj,i,j->vu", values, quadrature, quadrature) * area
    total, central = cells.sum(), values[half, 2, half, 2] * quadrature[2] ** 2 * area
    point = jnp.zeros_like(cells).at[half, half].set(1)
    found = cells / jnp.maximum(total, 1)
    return jnp.where(total - central > 4 * jnp.finfo(sides.dtype).eps * central, found, point)


def radius_of_two(parts: tuple[AbstractPSF, AbstractPSF], share: float, lost: float) -> float:
    """Where two profiles, of which the first has a share of the light, have lost some of it together. On the host.

    What the first may lose of that is found by bisection: its radius falls with it, that of the second rises.
    """

    def radii(first: float) -> list[float]:
        losses = zip(parts, (first, 1 - first), (share, 1 - share), strict=True)
        return [part.radius(lost * of / light) if lost * of < light else 0.0 for part, of, light in losses]

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        first, second = radii(middle)
        low, high = (middle, high) if first > second else (low, middle)
    return max(radii((low + high) / 2))
