"""The spectrum of a nucleus in a table with units: ECSV, FITS, VOTable, whatever astropy reads."""

from pathlib import Path
from typing import Annotated

import numpy as np

from ifux.errors import InputError
from ifux.grids import Wavelengths
from ifux.grids.air import Medium
from ifux.kinematics import RestingKinematics
from ifux.sources import TabulatedContinuum
from ifux.typing import Limits

DENSITY = "L_sun / angstrom"
"""Of a luminosity by wavelength."""
MOST = 200_000
"""Pixels that a table may be resampled to."""


def read_continuum(
    path: str,
    fwhm: Annotated[float, Limits(above=0)],
    medium: Medium = "vacuum",
    factor: Annotated[float, Limits(least=0)] = 1.0,
) -> TabulatedContinuum:
    """The spectrum of a table: its columns `wavelength` and `luminosity`, with units, at rest.

    It is interpolated onto even pixels as wide as the least step of the table.

    Args:
        path: Of the table.
        fwhm: Full width at half maximum of a line in it [angstrom].
        medium: Whether its wavelengths are in air.
        factor: What it is multiplied with.

    Raises:
        InputError: it is no such table, has no units, or its wavelengths do not increase.
    """
    from astropy.table import Table
    from astropy.units import Quantity

    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; give the path of a table with the spectrum.")
    try:
        table = Table.read(path)
    except Exception as error:  # astropy raises exceptions of a dozen kinds over what is no table
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is no table that astropy reads ({reason}).") from error
    columns = {}
    for name, unit in (("wavelength", "angstrom"), ("luminosity", DENSITY)):
        if name not in table.colnames:
            raise InputError(f"{path}: column {name} is missing; it has {table.colnames}.")
        if table[name].unit is None:
            raise InputError(f"{path}: column {name} has no unit; give it one like {unit}.")
        try:
            columns[name] = np.asarray(Quantity(table[name], table[name].unit).to_value(unit), np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: column {name} is in {table[name].unit}, and not like {unit}.") from error
    wave, light = columns["wavelength"], columns["luminosity"]
    if wave.size < 2 or not (np.all(np.diff(wave) > 0) and wave[0] > 0 and np.isfinite(light).all()):
        raise InputError(f"{path}: it needs two wavelengths or more that increase, and luminosities that are numbers.")
    step = float(np.diff(wave).min())
    size = int((wave[-1] - wave[0]) / step * (1 + 1e-9)) + 1
    if size > MOST:
        raise InputError(f"{path}: its steps, {step:.3g} angstrom at least, make {size} pixels: bin it first.")
    rest = Wavelengths(start=float(wave[0]), step=step, size=size, medium=medium)
    still = RestingKinematics()  # pyright: ignore[reportCallIssue]
    return TabulatedContinuum(
        np.interp(rest.centres(), wave, light),
        np.full(size, float(fwhm)),
        rest,
        still,
        factor,  # pyright: ignore[reportArgumentType]
    )
