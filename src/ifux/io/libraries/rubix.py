"""The layout of RUBIX: four datasets and not a word about them.

    age          (age,)
    metallicity  (metallicity,)
    wavelength   (wave,)
    flux         (metallicity, age, wave)   per solar mass formed

What the numbers mean stands in the configuration of RUBIX, not in the file. Two conventions are known:

- `BC03lr.h5`: ages are log10 of years, the first of them 0 (which RUBIX takes for Gyr as they stand), metallicities are
  mass fractions, fluxes are solar luminosities per angstrom. The spectra at its first two ages, 1 year and 126 000
  years, are the same. These are the low-resolution models of Bruzual & Charlot (2003) as SimSpin and ProSpect hand them
  on.
- what RUBIX makes with python-fsps: ages are log10 of Gyr and metallicities log10 of mass fractions, known by their
  being negative; whether the fluxes are per angstrom or per hertz depends on the version of RUBIX, and is asked for.

`age_unit` and `flux_unit` say it for any other file. The medium of the wavelengths, the resolution and the IMF are
asked for.

References: Bruzual & Charlot (2003), MNRAS 344, 1000; Cakir et al. (2024), arXiv:2412.08265; Harborne et al. (2020),
PASA 37, e016; Robotham et al. (2020), MNRAS 495, 905.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.format import hdf5_format
from ifux.io.files.hdf5 import find
from ifux.io.libraries.options import USUAL, arrays, ask, assembled
from ifux.library import SSPLibrary
from ifux.units import SPEED_OF_LIGHT

NAMES = ("age", "metallicity", "wavelength", "flux")
REMEDY = f"a library of RUBIX has {', '.join(NAMES)}"
AGE_UNITS = {"Gyr": 1.0, "Myr": 1e-3, "yr": 1e-9, "log Gyr": 1.0, "log yr": 1e-9}
FLUX_UNITS = ("Lsun/angstrom", "Lsun/Hz")


def recognises(file: h5py.File) -> bool:
    """The four datasets."""
    return all(isinstance(find(file, name), h5py.Dataset) for name in NAMES)


def read(file: h5py.File, age_unit: str | None = None, flux_unit: str | None = None, **stated: Any) -> SSPLibrary:
    """The library."""
    path = file.filename
    age, metallicity, wavelength, flux = arrays(file, NAMES, REMEDY)
    logarithmic = bool(metallicity.size and (metallicity < 0).all())
    if logarithmic:
        metallicity = 10.0**metallicity
    age = ages(path, age, "log Gyr" if logarithmic and age_unit is None else age_unit)
    flux_unit = flux_unit or (None if logarithmic else FLUX_UNITS[0])
    ask(path, stated)
    if flux_unit not in FLUX_UNITS:
        raise InputError(f"{path} does not say what its fluxes are per: give flux_unit=..., one of {[*FLUX_UNITS]}.")
    return assembled(
        path,
        name=Path(path).stem,
        metallicity=metallicity,
        age=age,
        wavelength=wavelength,
        flux=per_angstrom(flux, wavelength) if flux_unit == "Lsun/Hz" else flux,
        **stated,
    )


def ages(path: str, age: Float[np.ndarray, "..."], unit: str | None) -> Float[np.ndarray, "..."]:
    """Ages [Gyr]. Without a unit they must look like log10 of years: all between 4 and 11 but for a first 0."""
    flat = age.ravel()
    later = flat[1:] if flat.size and flat[0] == 0 else flat
    if unit is None and later.size and ((later > 4) & (later < 11)).all():
        unit = "log yr"
    if unit not in AGE_UNITS:
        found = f"from {age.min():g} to {age.max():g}" if age.size else "of no length"
        raise InputError(
            f"{path} does not say what its ages {found} are counted in: give age_unit=..., one of {[*AGE_UNITS]}."
        )
    with np.errstate(over="ignore"):
        return (10.0**age if unit.startswith("log") else age) * AGE_UNITS[unit]


def per_angstrom(flux: Float[np.ndarray, "..."], wavelength: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """A flux per hertz as one per angstrom: times c / wavelength^2. Shapes that do not fit are left to be found."""
    if flux.shape[-1:] != wavelength.shape:
        return flux
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return flux * (1e13 * SPEED_OF_LIGHT / wavelength**2)


RUBIX = hdf5_format("rubix", recognises, read, (*USUAL, "age_unit", "flux_unit"))
