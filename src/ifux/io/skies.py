"""Skies, throughputs and spectra from tables: FITS, ECSV, CSV, and columns of numbers between blanks.

The FITS of ESO's SkyCalc is known by its columns, `lam`, `flux` and `trans` [nanometre, in older files micrometre, in
vacuum; photon/s/m2/micrometre/arcsec2; share]. Of any other table the first column is the wavelength, the second what
is asked for and the third, of a sky, its transmission; their units stand in the file or are stated. Whether
wavelengths are those in air or in vacuum is always stated.

References: Noll et al. (2012), A&A 543, A92; Jones et al. (2013), A&A 560, A91 (SkyCalc).
"""

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.sky import Curve, Sky
from ifux.sky.curve import in_vacuum
from ifux.units import FLUX_UNIT

SKYCALC = {"lam", "flux", "trans"}
"""Columns of its table."""
FARTHEST = 35.0
"""Wavelength that SkyCalc does not reach [micrometre]: a larger number is one of nanometres."""
USUAL = {"wavelength": "Angstrom", "radiance": "erg s-1 cm-2 Angstrom-1 arcsec-2", "flux": "erg s-1 cm-2 Angstrom-1"}
"""Examples of units, for errors."""

Medium = Literal["air", "vacuum"]


def read_sky(path: str, medium: Medium | None = None, units: dict[str, str] | None = None) -> Sky:
    """A sky from a table: its radiance and, where the table has it, the transmission of the atmosphere.

    Args:
        path: Of the file.
        medium: Of its wavelengths, unless it is SkyCalc's.
        units: `wavelength` and `radiance`, where the file does not state them.

    Raises:
        InputError: it is no such table, or leaves open what its numbers mean.
    """
    where, table = Path(path), columns(path)
    if {*table.values} >= SKYCALC:
        micron = table.values["lam"] * (1.0 if np.max(table.values["lam"]) < FARTHEST else 1e-3)
        wavelength = 1e4 * np.asarray(micron, np.float64)
        radiance = energy(np.asarray(table.values["flux"], np.float64), "ph s-1 m-2 um-1 arcsec-2", wavelength, where)
        return Sky(curve(where, wavelength, radiance), curve(where, wavelength, table.values["trans"]))
    wavelength, radiance, *rest = numbers(table, where)
    wavelength = to_angstrom(wavelength, unit_of(table, 0, "wavelength", units, where), where)
    if medium is None:
        raise InputError(f'{where}: state whether its wavelengths are those in "air" or in "vacuum", as the medium.')
    wavelength = in_vacuum(wavelength, medium)
    radiance = energy(radiance, unit_of(table, 1, "radiance", units, where), wavelength, where)
    transmission = curve(where, wavelength, rest[0]) if rest else Curve.flat(str(where), 1.0)
    return Sky(curve(where, wavelength, radiance), transmission)


def read_throughput(path: str, medium: Medium, units: dict[str, str] | None = None) -> Curve:
    """A throughput from a table.

    Args:
        path: Of the file.
        medium: Of its wavelengths.
        units: Of the `wavelength`, where the file does not state it.

    Raises:
        InputError: it is no such table, or leaves open what its numbers mean.
    """
    where, table = Path(path), columns(path)
    wavelength, value, *_ = numbers(table, where)
    wavelength = to_angstrom(wavelength, unit_of(table, 0, "wavelength", units, where), where)
    return curve(where, in_vacuum(wavelength, medium), value)


def read_spectrum(path: str, medium: Medium, units: dict[str, str] | None = None) -> Curve:
    """The shape of a spectrum from a table, in flux for a wavelength: wavelength and flux, in units as above."""
    where, table = Path(path), columns(path)
    wavelength, flux, *_ = numbers(table, where)
    wavelength = to_angstrom(wavelength, unit_of(table, 0, "wavelength", units, where), where)
    wavelength = in_vacuum(wavelength, medium)
    return curve(where, wavelength, energy(flux, unit_of(table, 1, "flux", units, where), wavelength, where))


def columns(path: str) -> Any:
    """All columns of a table, as readers of snapshots have them, which take long to import."""
    from ifux.io.files.hdf5 import regular
    from ifux.io.snapshots.table_files import kind_of, numeric, read_columns, reading, with_names

    where = regular(path)
    if kind_of(where) not in (None, "text"):
        return read_columns(where)
    with reading(where, "as columns of numbers"), where.open(encoding="ascii") as file:
        lines = [line for line in file if line.strip() and line.strip()[0] not in "#%!"]
        names = lines[0].split() if lines else []
        named = not numeric(names)
        table = np.loadtxt(lines[named:], ndmin=2)
        return with_names({names[i] if named else f"col{i + 1}": table[:, i] for i in range(table.shape[1])})


def numbers(table: Any, where: Path) -> list[Float[np.ndarray, " row"]]:
    """The columns, of which there are two or more, as numbers in the order of the file."""
    found = [np.asarray(values) for values in table.values.values()]
    if len(found) < 2 or any(values.ndim != 1 or values.dtype.kind not in "iuf" for values in found[:3]):
        raise InputError(f"{where}: it must begin with columns of numbers: a wavelength, and what is there.")
    return [values.astype(np.float64) for values in found if values.dtype.kind in "iuf"]


def curve(where: Path, wavelength: np.ndarray, value: np.ndarray) -> Curve:
    """Of the rows of a file."""
    return Curve(str(where), np.asarray(wavelength, np.float64), np.asarray(value, np.float64))


def unit_of(table: Any, place: int, what: str, units: dict[str, str] | None, where: Path) -> str:
    """The unit of a column: as stated, else as in the file."""
    if units is not None and what in units:
        return units[what]
    name = [*table.values][place]
    if name not in table.units:
        raise InputError(
            f'{where}: the unit of its column {name!r} is not in the file: state it, as in units {{"{what}": '
            f'"{USUAL[what]}"}}.'
        )
    return table.units[name]


def quantity(values: np.ndarray, unit: str, where: Path) -> Any:
    """Numbers with a unit that astropy knows."""
    from astropy import units

    try:
        with warnings.catch_warnings(action="ignore"):
            return values * units.Unit(unit)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {unit!r} is no unit: {str(error).splitlines()[0]}") from error


def to_angstrom(values: np.ndarray, unit: str, where: Path) -> Float[np.ndarray, " row"]:
    """Wavelengths."""
    from astropy import units

    try:
        return np.asarray(quantity(values, unit, where).to_value(units.AA), np.float64)
    except units.UnitConversionError as error:
        raise InputError(f"{where}: {unit!r} is no unit of a wavelength.") from error


def energy(
    values: np.ndarray, unit: str, wavelength: Float[np.ndarray, " row"], where: Path
) -> Float[np.ndarray, " row"]:
    """Flux densities, for a square arcsecond or not, of energy or of photons [1e-20 erg/s/cm2/angstrom]."""
    from astropy import units

    given, density = quantity(values, unit, where), units.erg / units.s / units.cm**2 / units.AA
    at = units.spectral_density(wavelength * units.AA)
    for area in (1, units.arcsec**2):
        try:
            return np.asarray((given * area).decompose().to_value(density, equivalencies=at), np.float64) / FLUX_UNIT
        except units.UnitConversionError:
            continue
    raise InputError(f"{where}: {unit!r} is no unit of light for a wavelength, such as {USUAL['radiance']!r}.")
