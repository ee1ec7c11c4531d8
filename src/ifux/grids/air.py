"""The step between air and vacuum."""

from typing import Literal

import numpy as np
from jaxtyping import Float

Medium = Literal["air", "vacuum"]


def refractivity(vacuum):
    r"""Refractive index of standard air minus one at a vacuum wavelength [angstrom], for NumPy and JAX alike.

    $$n - 1 = \frac{0.05792105}{238.0185 - \sigma^2} + \frac{0.00167917}{57.362 - \sigma^2}, \quad
    \sigma = 10^4\,\text{Å}/\lambda$$

    References: Ciddor (1996), Applied Optics 35, 1566, eq. 1; meant for wavelengths above 2000 angstrom.
    """
    square = (1e4 / vacuum) ** 2
    return 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square)


def to_air(vacuum: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Wavelength in standard air of a vacuum wavelength [angstrom]."""
    return vacuum / (1 + refractivity(vacuum))


def to_vacuum(air: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Vacuum wavelength of a wavelength in standard air [angstrom]: the inverse of `to_air` to 1e-13."""
    vacuum = np.asarray(air, dtype=np.float64)
    for _ in range(5):
        vacuum = air * (1 + refractivity(vacuum))
    return vacuum
