"""A point spread function that is an image."""

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ifux.psf.base import AbstractKernelPSF
from ifux.typing import DATA, real, within

PADDING = 16
"""Pixels around an image until the coefficients of its spline are nothing: they fall by 0.36 a pixel."""


@final
class ImagePSF(AbstractKernelPSF):
    """The image of a star, measured or computed, with pixels of its own.

    The light between its pixels is a cubic spline whose integrals over the pixels are those of the image: resampled on
    cells of any size and angle it keeps its flux and has true gradients, and the image's own pixel is not in it twice.
    Its sum is taken for all light, and what lies beyond its edges for none. A pixel should be no larger than half of
    the smallest detail, as for any spline, and no smaller than a twentieth of the FWHM is of use.

    The index x of the image grows to the west and y to the north, before it is turned.
    """

    image: Float[Array, "tall wide"] = eqx.field(converter=real, metadata=DATA)
    """Light in each pixel, in any unit; the star stands in the middle of the image."""
    pixel: float = eqx.field(static=True, metadata=within(above=0))
    """Side of a pixel of the image [arcsec]."""
    position_angle: Float[Array, ""] = eqx.field(converter=real, default=0.0)
    """Of the axis y of the image, north through east [degree]."""
    offset: Float[Array, "2"] = eqx.field(converter=real, default=(0.0, 0.0))
    """By how much the star is moved to the (east, north) [arcsec]."""
    stretch: Float[Array, ""] = eqx.field(converter=real, default=1.0, metadata=within(above=0))
    """By how much the image is larger than its pixels say."""
    reach: int = eqx.field(static=True, default=24, metadata=within(above=0))
    """Half-size of the sampled kernel [cell]."""

    @property
    def margin(self) -> int:
        """The reach of the kernel."""
        return self.reach

    def sharpest(self) -> float:
        """Minor axis of the ellipse of the pixels that are brighter than half of the brightest."""
        image = np.asarray(self.image, np.float64)
        place = np.argwhere(image > image.max() / 2)
        spread = np.cov(place.T, bias=True).reshape(2, 2) + np.eye(2) / 12
        return 4 * math.sqrt(np.linalg.eigvalsh(spread)[0]) * self.pixel * abs(float(self.stretch))

    def radius(self, lost: float) -> float:
        """Beyond which the image has no more light."""
        image, size = np.asarray(self.image, np.float64), self.pixel * abs(float(self.stretch))
        y, x = ((np.arange(n) - (n - 1) / 2) * size for n in image.shape)
        distance = np.hypot(y[:, None], x[None, :]).reshape(-1) + math.hypot(*np.asarray(self.offset).tolist())
        outwards = np.argsort(distance)
        inside = np.cumsum(image.reshape(-1)[outwards]) / image.sum()
        return float(distance[outwards][min(np.searchsorted(inside, 1 - lost), inside.size - 1)])

    def coefficients(self) -> Float[Array, "v u"]:
        """Those of the cubic B-splines, with a border, and a sum of one.

        The integral of one over pixels is a quartic B-spline, and these add up to the image.
        """
        padded = jnp.pad(self.image / self.image.sum(), PADDING)
        filters = [
            (230 + 152 * np.cos(angle) + 2 * np.cos(2 * angle)) / 384
            for angle in (2 * np.pi * np.fft.fftfreq(padded.shape[0]), 2 * np.pi * np.fft.rfftfreq(padded.shape[1]))
        ]
        transform = jnp.fft.rfft2(padded)
        return jnp.fft.irfft2(transform / jnp.asarray(np.outer(*filters), transform.dtype), padded.shape)

    def brightness(self, east: Float[Array, "..."], north: Float[Array, "..."]) -> Float[Array, "..."]:
        """The spline."""
        coefficients, size = self.coefficients(), self.pixel * self.stretch
        cos, sin = jnp.cos(jnp.deg2rad(self.position_angle)), jnp.sin(jnp.deg2rad(self.position_angle))
        east, north = jnp.broadcast_arrays(east - self.offset[0], north - self.offset[1])
        (tall, wide), found = coefficients.shape, 0.0
        rows, up = neighbours((east * sin + north * cos) / size + (tall - 1) / 2, tall)
        columns, across = neighbours((north * sin - east * cos) / size + (wide - 1) / 2, wide)
        for row, vertical in zip(rows, up, strict=True):
            for column, horizontal in zip(columns, across, strict=True):
                found = found + coefficients[row, column] * vertical * horizontal
        return found / size**2


def neighbours(place: Float[Array, "..."], size: int) -> tuple[list[Int[Array, "..."]], list[Float[Array, "..."]]]:
    """The four nodes of a cubic B-spline around every place, and their weights; beyond the nodes there is nothing."""
    inside = jnp.clip(place, 1, size - 3)
    below = jnp.floor(inside).astype(int)
    t = inside - below.astype(place.dtype)
    weights = [(1 - t) ** 3 / 6, 2 / 3 - t**2 + t**3 / 2, 1 / 6 + (t + t**2 - t**3) / 2, t**3 / 6]
    return [below + step for step in (-1, 0, 1, 2)], weights
