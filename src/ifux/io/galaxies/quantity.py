"""Numbers from a caller, with astropy units or without."""

from collections.abc import Sequence

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
