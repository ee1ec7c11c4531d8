"""The correlation between spaxels in one channel, as far as it is not zero."""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int

LEAST = 1e-14
"""Correlations up to which MaNGA leaves a pair out."""


@final
@dataclass(frozen=True)
class Correlation:
    """Pairs of spaxels whose noise is correlated, each once, and by how much; a spaxel with itself among them.

    On the host. Spaxels are counted row by row, x first: spaxel (y, x) of a field of n columns is the (n y + x)-th from
    zero. As MaNGA's files have it, a pair stands in the upper triangle of the matrix: no spaxel before its first.

    References: Law et al. (2016), AJ 152, 83.
    """

    shape: tuple[int, int]
    """Number of spaxels (y, x) of the field."""
    first: Int[np.ndarray, " pair"]
    """The spaxel of a pair that is counted first,"""
    second: Int[np.ndarray, " pair"]
    """and the other."""
    value: Float[np.ndarray, " pair"]
    """The correlation coefficient."""

    def __post_init__(self):
        if not self.first.shape == self.second.shape == self.value.shape:
            raise ValueError(
                f"Correlation.first, second and value have shapes {self.first.shape}, {self.second.shape} and "
                f"{self.value.shape}: give one of each for every pair."
            )
        last = math.prod(self.shape) - 1
        if self.first.size and not 0 <= self.first.min() <= max(self.first.max(), self.second.max()) <= last:
            raise ValueError(f"Correlation: spaxels of a field of {self.shape} are counted from zero to {last}.")

    @staticmethod
    def of(
        matrix: Float[np.ndarray, "y x *element"], variance: Float[np.ndarray, "*element"], least: float = LEAST
    ) -> "Correlation":
        """Between spaxels that take something of elements of a variance, where it is greater than the least.

        Most take nothing of most: nothing as large as spaxels x spaxels is made. Spaxels without noise have none.
        """
        from scipy import sparse

        y, x, *_ = matrix.shape
        deviations = sparse.diags_array(np.sqrt(variance.ravel().astype(np.float64)))
        scaled = sparse.csr_array(sparse.csr_array(matrix.reshape(y * x, -1)).astype(np.float64) @ deviations)
        scaled.eliminate_zeros()
        covariance = sparse.triu(scaled @ scaled.T).tocoo()
        scale = np.sqrt((scaled**2).sum(axis=1))
        first, second = (np.asarray(index, np.int64) for index in covariance.coords)
        value = covariance.data / (scale[first] * scale[second])
        order = np.lexsort((second, first))
        order = order[np.abs(value[order]) > least]
        return Correlation((y, x), first[order], second[order], value[order])

    @staticmethod
    def gaussian(shape: tuple[int, int], width: float, limit: float) -> "Correlation":
        r"""That which a survey states for all its cubes: $\rho = \exp(-d^2/2 w^2)$ up to a distance, zero beyond.

        Cut like this it may be that of no noise: combinations of spaxels would have a variance below zero.

        Args:
            shape: Number of spaxels (y, x) of the field.
            width: The standard deviation [spaxel]: 1.92 for MaNGA.
            limit: The largest distance [spaxel]: 3.2 for MaNGA.

        References: Westfall et al. (2019), AJ 158, 231.
        """
        tall, wide = shape
        reach, rows, columns = math.floor(limit), *np.indices(shape)
        pairs = []
        for up, across in np.ndindex(reach + 1, 2 * reach + 1):
            across -= reach
            if (up, across) < (0, 0) or math.hypot(up, across) > limit:
                continue
            there = (rows + up < tall) & (columns + across >= 0) & (columns + across < wide)
            at = np.flatnonzero(there)
            pairs.append((at, at + up * wide + across, np.full(at.size, math.exp(-(up**2 + across**2) / 2 / width**2))))
        return Correlation(shape, *(np.concatenate(part) for part in zip(*pairs, strict=True)))

    def dense(self) -> Float[np.ndarray, "spaxel spaxel"]:
        """The whole matrix. Spaxels without a pair have zeros, on the diagonal too."""
        matrix = np.zeros((math.prod(self.shape),) * 2)
        matrix[self.first, self.second] = self.value
        matrix[self.second, self.first] = self.value
        return matrix
