"""Combinations of spaxels whose noise is independent."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.covariance import Correlation
from ifux.errors import InputError
from ifux.fitting.whitening.base import AbstractWhitening

HIGHEST = jax.lax.Precision.HIGHEST

ZERO = 1e-6
"""Eigenvalue of a correlation, over the largest, that is one of rounding errors."""


@final
class CorrelationWhitening(AbstractWhitening):
    r"""Spaxels freed of a correlation that is the same in all channels, as surveys state it: $\rho^{-1/2} d/\sigma$.

    A correlation that was cut has eigenvalues below zero, one of more spaxels than elements has zeros: no noise is like
    that, or none is certain to such an extent. Those below a floor that is stated are raised to it, which adds noise.
    What a cut does to the smallest eigenvalues it does to others: combinations of spaxels are trusted too much. Errors
    that MaNGA's correlation states are two to three times too small with a floor of 0.05, by a fifth to a third with
    one of one (`benchmarks/README.md`): an `ElementWhitening` is exact.
    """

    variance: Float[Array, "row place wave"]
    """One; not a number where there is no variance of the cube."""
    scale: Float[Array, "y x wave"]
    """One over the standard deviation of every voxel; zero where there is none."""
    factors: Float[Array, "pattern spaxel spaxel"]
    """The inverse root of the correlation, for each set of spaxels that have a variance in some channels."""
    channels: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """Those of each set."""
    added: float = eqx.field(static=True)
    """What the floor adds to the variance of a spaxel, over it, mean."""

    @staticmethod
    def of(
        correlation: Correlation, variance: Float[Array, "y x wave"], *, floor: float | None = None
    ) -> "CorrelationWhitening":
        """For cubes with a correlation between spaxels and a variance of voxels. On concrete arrays.

        The time is that of the eigenvalues of all spaxels: once for every set of them that has a variance.

        Args:
            correlation: Between spaxels.
            variance: STAT; not a number where voxels are not to count.
            floor: The least variance of any combination of spaxels, over that of independent ones of its length. Those
                that have less, or less than none, are given it.

        Raises:
            InputError: without a floor, some combination has no variance; or no voxel has any.
        """
        if correlation.shape != variance.shape[:2]:
            raise InputError(
                f"CorrelationWhitening: the correlation is between {correlation.shape} spaxels, the cube has "
                f"{variance.shape[:2]}."
            )
        if floor is not None and floor <= 0:
            raise InputError(f"CorrelationWhitening: a floor must be greater than zero, got {floor:g}.")
        whole, counts = correlation.dense(), ~np.isnan(variance).reshape(-1, variance.shape[-1])
        if not counts.any():
            raise InputError("CorrelationWhitening: no voxel has a variance.")
        patterns, of_channel = np.unique(counts.T, axis=0, return_inverse=True)
        factors, added = np.zeros((len(patterns), *whole.shape)), np.zeros(len(patterns))
        for place, pattern in enumerate(patterns):
            block = np.ix_(pattern, pattern)
            values, axes = np.linalg.eigh(whole[block])
            if floor is None and pattern.any() and values[0] < ZERO * values[-1]:
                raise InputError(
                    f"CorrelationWhitening: combinations of spaxels have a variance down to {values[0]:.2g}, and noise "
                    f"has more than none: state a floor, of {abs(values[0]):.2g} or more, or take an ElementWhitening."
                )
            raised = values if floor is None else np.maximum(values, floor)
            factors[(place, *block)] = (axes / np.sqrt(raised)) @ axes.T
            added[place] = (raised - values).sum() / max(values.size, 1)
        good = counts.reshape(variance.shape)
        return CorrelationWhitening(
            jnp.asarray(np.where(good, 1, np.nan), variance.dtype),
            jnp.asarray(np.where(good, 1 / np.sqrt(np.where(good, variance, 1)), 0), variance.dtype),
            jnp.asarray(factors, variance.dtype),
            tuple(tuple(np.flatnonzero(of_channel == place).tolist()) for place in range(len(patterns))),
            float(np.average(added, weights=patterns.sum(axis=1) * np.bincount(of_channel))),
        )

    def __call__(self, cube: Float[Array, "y x wave"]) -> Float[Array, "row place wave"]:
        """The numbers of spaxels, each mostly of the one at its place."""
        flat = (jnp.where(self.scale > 0, cube, 0) * self.scale).reshape(-1, cube.shape[-1])
        for factor, channels in zip(self.factors, self.channels, strict=True):
            at = np.asarray(channels)
            flat = flat.at[:, at].set(jnp.matmul(factor, flat[:, at], precision=HIGHEST))
        return flat.reshape(cube.shape)

    def data(self, cube: Float[Array, "y x wave"]) -> Float[Array, "row place wave"]:
        """The numbers of the voxels that have a variance.

        Raises:
            InputError: some of these are not a number.
        """
        lacking = int(jnp.sum(jnp.isnan(cube) & (self.scale > 0)))
        if lacking:
            raise InputError(
                f"CorrelationWhitening.data: {lacking} voxels have a variance and are not a number: make it none there."
            )
        return jnp.where(jnp.isnan(self.variance), jnp.nan, self(cube))
