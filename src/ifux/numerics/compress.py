"""Many rows as mixtures of a few vectors, without loss of their sums."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

FIRST = 64
"""Random mixtures of rows that are tried first."""


@dataclass(frozen=True)
class Compressed:
    """Rows as mixtures of a few vectors, and what they are off by."""

    coefficients: Float[np.ndarray, "row rank"]
    vectors: Float[np.ndarray, "rank column"]
    """Orthonormal."""
    error: float
    """The largest root mean square over columns, relative to that of the row, of the rows that count."""
    worst: float
    """The same of all rows."""


def compress(
    rows: Float[np.ndarray, "row column"], widths: Float[np.ndarray, " column"], tolerance: float, share: float = 0.95
) -> Compressed:
    """Rows as mixtures of as few orthonormal vectors as bring those that hold a share of the light below a tolerance.

    The sum over all rows, and the sum of every row over columns of some widths, are kept to rounding: the vectors span
    them, and a projection loses nothing along what it projects on. The other vectors are the principal ones of what is
    left, of rows over the root of their size: the mean of the squared relative error, weighted by size, is the least.
    They are found among random mixtures of rows, twice as many until they are enough.

    References: Halko, Martinsson & Tropp (2011), SIAM Review 53, 217, algorithm 4.1.
    """
    kept = np.linalg.qr(np.stack([rows.sum(axis=0), widths], axis=1))[0].T
    left = rows - (rows @ kept.T) @ kept
    size = np.sqrt(np.mean(rows**2, axis=1))
    # A row of zeros is told exactly by any vectors.
    scale = np.where(size > 0, size, 1)
    brightest = np.argsort(-size)
    counted = brightest[: int(np.searchsorted(np.cumsum(size[brightest]), share * size.sum())) + 1]
    weighted, power = left / np.sqrt(scale)[:, None], np.mean(left**2, axis=1)
    rng, most, tried = np.random.default_rng(0), min(left.shape), FIRST
    while True:
        mixed = rng.normal(size=(min(tried, most), rows.shape[0])) @ weighted
        span = np.linalg.qr(mixed.T)[0].T
        vectors = np.linalg.svd(weighted @ span.T, full_matrices=False)[2] @ span
        explained = np.cumsum((left @ vectors.T) ** 2, axis=1) / rows.shape[1]
        missing = power[:, None] - np.pad(explained, ((0, 0), (1, 0)))
        errors = np.sqrt(np.maximum(missing, 0)) / scale[:, None]
        enough = errors[counted].max(axis=0) <= tolerance
        if enough.any() or tried >= most:
            break
        tried *= 2
    rank = int(np.argmax(enough)) if enough.any() else enough.size - 1
    vectors = np.concatenate([kept, vectors[:rank]])
    return Compressed(rows @ vectors.T, vectors, float(errors[counted, rank].max()), float(errors[:, rank].max()))
