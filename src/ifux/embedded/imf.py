"""How many stars of each mass are born."""

import numpy as np
from jaxtyping import Float

LIGHTEST, HEAVIEST = 0.1, 100.0
"""The range of masses [solar mass]."""

_BREAK = 0.5
_SLOPES = (1.3, 2.3)


def _integral(mass: Float[np.ndarray, " mass"], power: float) -> Float[np.ndarray, " mass"]:
    """Integral of m**power times the unnormalised function, from the lightest star to `mass`."""
    low, high = (power + 1 - slope for slope in _SLOPES)
    below = (np.minimum(mass, _BREAK) ** low - LIGHTEST**low) / low
    above = _BREAK ** (_SLOPES[1] - _SLOPES[0]) * (np.maximum(mass, _BREAK) ** high - _BREAK**high) / high
    return below + above


def stars_below(mass: Float[np.ndarray, " mass"]) -> Float[np.ndarray, " mass"]:
    r"""Number of stars lighter than a mass, per solar mass formed.

    $$\xi(m) = \frac{dN}{dm} \propto m^{-1.3} \; (0.1 \le m < 0.5), \quad m^{-2.3} \; (0.5 \le m \le 100), \quad
    \int m\,\xi\,dm = 1$$

    References: Kroupa (2001), MNRAS 322, 231, eq. 2.
    """
    total = _integral(np.array([HEAVIEST]), 1.0)
    return _integral(np.clip(mass, LIGHTEST, HEAVIEST), 0.0) / total


def mass_below(mass: Float[np.ndarray, " mass"]) -> Float[np.ndarray, " mass"]:
    """Mass in stars lighter than a mass, as a fraction of the mass formed."""
    return _integral(np.clip(mass, LIGHTEST, HEAVIEST), 1.0) / _integral(np.array([HEAVIEST]), 1.0)
