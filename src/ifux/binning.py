"""Bins of spaxels: a linear operator, the same for data and for a model of them."""

from dataclasses import replace
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int32

from ifux.data import Data, Reason
from ifux.errors import InputError


@final
class Binning(eqx.Module):
    """The mean over the voxels of a bin that count, channel by channel."""

    index: Int32[Array, "y x"]
    """The bin of a spaxel, counted from zero; that of spaxels in no bin is the number of bins."""
    counts: Bool[Array, "y x wave"]
    """Which voxels count."""
    size: int = eqx.field(static=True)
    """Number of bins."""

    def __call__(self, cube: Float[Array, "y x wave"]) -> Float[Array, "bin wave"]:
        """Means of a cube, such as a telescope makes; zero where no voxel of a bin counts."""
        known = jnp.where(self.counts, jnp.where(self.counts, cube, 0), 0)
        return self.sums(known) / jnp.maximum(self.sums(self.counts.astype(cube.dtype)), 1)

    def sums(self, cube: Float[Array, "y x wave"]) -> Float[Array, "bin wave"]:
        """Over the spaxels of every bin."""
        flat = cube.reshape(-1, cube.shape[2])
        return jax.ops.segment_sum(flat, self.index.reshape(-1), self.size + 1)[:-1]


def binned(data: Data, bins: Int[np.ndarray, "y x"], correlation: float = 0.0) -> tuple[Data, Binning]:
    r"""Data of one spectrum a bin, in a row, and what makes the same of a model.

    Neighbours whose noise is alike average out less: the deviation of a mean over $n$ spaxels is
    $1 + a \log_{10} n$ times that of independent ones, with $a$ = 1.62 for MaNGA's cubes and 1.07 for CALIFA's, and a
    number to be measured for any other. Exact covariances are for `ifux.covariance`.

    Args:
        data: Of spaxels.
        bins: The bin of every spaxel, numbers above zero; zero or less for none.
        correlation: That number $a$.

    Returns:
        Spectra in the order of the numbers of their bins, per spaxel, in a field of one row whose places are the mean
        offsets of the spaxels from the centre of the field; and the operator.

    Raises:
        InputError: there is no bin, or the map is of another field.

    References: Husemann et al. (2013), A&A 549, A87 (CALIFA); Westfall et al. (2019), AJ 158, 231 (MaNGA).
    """
    if bins.shape != data.flux.shape[1:]:
        raise InputError(f"binned: the map of bins has shape {bins.shape}, the field {data.flux.shape[1:]}.")
    numbers = np.unique(bins[bins > 0])
    if not numbers.size:
        raise InputError("binned: no spaxel is in a bin: bins are counted from one.")
    index = np.where(bins > 0, np.searchsorted(numbers, bins), numbers.size).astype(np.int32)
    counts = data.mask
    members = np.zeros((numbers.size, bins.size))
    inside = index.ravel() < numbers.size
    members[index.ravel()[inside], np.flatnonzero(inside)] = 1

    def summed(cube: Float[np.ndarray, "wave y x"]) -> Float[np.ndarray, "wave bin"]:
        return cube.reshape(len(cube), -1).astype(np.float64) @ members.T

    number = summed(counts.astype(np.float64))
    there = number > 0
    divisor = np.where(there, number, 1)
    flux = (summed(np.where(counts, data.flux, 0)) / divisor)[:, None].astype(data.flux.dtype)
    variance = None
    if data.variance is not None:
        alike = (1 + correlation * np.log10(divisor)) ** 2
        variance = summed(np.where(counts, data.variance, 0)) / divisor**2 * alike
        variance = np.where(there, variance, np.nan)[:, None].astype(data.variance.dtype)
    reasons = np.where(there, 0, Reason.FLAGGED).astype(np.uint8)[:, None]
    made = replace(
        data, flux=flux, variance=variance, reasons=reasons if reasons.any() else None, bins=None, pitch=None,
        places=means_of_places(data, members), position=None, mirrored=False,
        notes=(*data.notes, f"means over {numbers.size} bins of spaxels"),
    )  # fmt: skip
    return made, Binning(jnp.asarray(index), jnp.asarray(np.moveaxis(counts, 0, -1)), int(numbers.size))


def means_of_places(data: Data, members: Float[np.ndarray, "bin spaxel"]) -> Float[np.ndarray, "bin 2"] | None:
    """Of the spaxels of every bin, to the east and north of the centre of the field [arcsec]."""
    if data.pitch is None:
        return None
    _, tall, wide = data.flux.shape
    y, x = np.mgrid[:tall, :wide].astype(float)
    right, up = ((x - (wide - 1) / 2) * data.pitch[0]).ravel(), ((y - (tall - 1) / 2) * data.pitch[1]).ravel()
    angle = np.radians(data.position_angle)
    east, north = up * np.sin(angle) - right * np.cos(angle), up * np.cos(angle) + right * np.sin(angle)
    return members @ np.stack([east, north], axis=1) / members.sum(axis=1, keepdims=True)
