"""A few vectors that span many."""

import numpy as np
from jaxtyping import Float


def factor(
    rows: Float[np.ndarray, "row column"], tolerance: float
) -> tuple[Float[np.ndarray, "row rank"], Float[np.ndarray, "rank column"]]:
    """Coefficients and orthonormal vectors whose product differs from every row by no more than the tolerance.

    The measure is the root mean square over columns, relative to that of the row itself; the rank is the smallest
    for which the worst row passes. Zero tolerance keeps everything. A row of zeros stays one.
    """
    scale = np.sqrt(np.mean(rows**2, axis=1, keepdims=True))
    left, strength, right = np.linalg.svd(rows / np.where(scale > 0, scale, 1), full_matrices=False)
    coefficients = left * strength
    left_out = np.sqrt(np.cumsum((coefficients**2)[:, ::-1], axis=1)[:, ::-1] / rows.shape[1]).max(axis=0)
    rank = max(1, int(np.sum(left_out > tolerance)))
    return scale * coefficients[:, :rank], right[:rank]
