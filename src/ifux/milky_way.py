"""The dust of the Milky Way in front of observed data."""

from dataclasses import replace

import numpy as np
from astropy import units

from ifux.data import Data
from ifux.errors import InputError
from ifux.grids import to_vacuum

LAWS = ("CCM89", "O94", "F99", "F04", "M14", "G23")
"""Of extinction, in the words of `dust_extinction`, each a curve by R_V."""


def dereddened(data: Data, reddening: float | None = None, law: str = "F99", rv: float = 3.1) -> Data:
    r"""The data as they would be without it: flux times $10^{0.4 A(\lambda)}$, and its variance times the square.

    Args:
        data: Not corrected yet.
        reddening: E(B-V) [mag]; by default what the file states.
        law: Of extinction: one of `LAWS`, computed by the package `dust_extinction`.
        rv: Total over selective extinction.

    Raises:
        InputError: the file states no reddening and none is given, the law is not known or does not reach the
            wavelengths, or the package is not there.

    References: Fitzpatrick (1999), PASP 111, 63; Cardelli, Clayton & Mathis (1989), ApJ 345, 245; Gordon (2024),
    JOSS 9, 7023 (the package).
    """
    known = data.reddening if reddening is None else reddening
    if known is None:
        raise InputError("dereddened: the data do not state their reddening: give reddening, E(B-V) in magnitudes.")
    if law not in LAWS:
        raise InputError(f"dereddened: law: {law!r} is not one of {[*LAWS]}")
    try:
        from dust_extinction import parameter_averages
    except ImportError as error:
        raise InputError("dereddened: it needs the package dust_extinction: pip install dust_extinction.") from error
    centres = data.wavelengths.centres()
    vacuum = to_vacuum(centres) if data.wavelengths.medium == "air" else centres
    try:
        curve = np.asarray(getattr(parameter_averages, law)(Rv=rv)(units.Quantity(vacuum, "angstrom")))
    except ValueError as error:
        raise InputError(f"dereddened: {law} with R_V = {rv} does not reach these data: {error}.") from error
    factor = 10 ** (0.4 * known * rv * curve)[:, None, None]
    return replace(
        data,
        flux=(data.flux * factor).astype(data.flux.dtype),
        variance=None if data.variance is None else (data.variance * factor**2).astype(data.variance.dtype),
        reddening=0.0,
        notes=(*data.notes, f"corrected for the dust of the Milky Way, E(B-V) = {known:.4g}, {law}, R_V = {rv:.4g}"),
    )
