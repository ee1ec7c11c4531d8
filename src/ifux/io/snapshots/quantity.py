"""Numbers from a caller, with astropy units or without."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from astropy import units
from jaxtyping import ArrayLike

from ifux.errors import InputError


def in_unit(values: ArrayLike | Sequence | units.Quantity, unit: str, name: str) -> np.ndarray:
    """Values in double precision in a unit: converted if they have one, taken to be in it if they have none."""
    try:
        return np.asarray(values.to_value(unit) if isinstance(values, units.Quantity) else values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be plain numbers, or convert to {unit or 'a pure number'}: {error}.") from error


def factor(text: str, unit: str, where: str) -> float:
    """How many of a unit another is, which is given in words."""
    result = float(converted(np.ones(1), text, unit, where)[0])
    if not (isfinite(result) and result > 0):
        raise InputError(f"{where}: {text!r} is no unit that converts to {unit}.")
    return result


def converted(values: np.ndarray, text: str, unit: str, where: str) -> np.ndarray:
    """Values in a unit that is given in words, be it a logarithmic one, in another."""
    try:
        given: Any = units.Unit(text)
        return np.asarray(given.to(units.Unit(unit), values), dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{where}: {text!r} is no unit that converts to {unit or 'a pure number'}.") from error
