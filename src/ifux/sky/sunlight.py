"""The colour of what shines by the sun: the moon, dust between the planets, and stars on the average."""

import numpy as np
from jaxtyping import Float

SUN = 5772.0
"""Temperature [K] of a black body that has it, nearly."""


def sunlight(wavelength: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """Energy for an angstrom at wavelengths [angstrom], in a unit of its own."""
    return wavelength**-5 / np.expm1(1.438777e8 / (wavelength * SUN))
