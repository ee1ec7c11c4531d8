"""The layout of DSPS, which is written from FSPS or by hand.

    ssp_lgmet       (metallicity,)              log10 of the mass fraction of metals
    ssp_lg_age_gyr  (age,)                      log10 of the age in Gyr
    ssp_wave        (wave,)                     [angstrom]
    ssp_flux        (metallicity, age, wave)    [solar luminosity/Hz/solar mass formed]

Some who write it count metallicity in units of the sun: give `solar_metallicity`, the mass fraction of the sun, if so.
Metallicities above a mass fraction of 0.1 are a sign of it, and it is asked for. Emission lines (`ssp_emlines`) are
not read. The file says nothing of medium, resolution and IMF: they are asked for (FSPS writes wavelengths in vacuum
unless told otherwise).

References: Hearin et al. (2023), MNRAS 521, 1741; Conroy, Gunn & White (2009), ApJ 699, 486; Conroy & Gunn (2010),
ApJ 712, 833.
"""

from pathlib import Path
from typing import Any

import h5py

from ifux.io.files.format import hdf5_format
from ifux.io.files.hdf5 import find
from ifux.io.libraries.options import USUAL, arrays, ask, assembled, positive
from ifux.io.libraries.rubix import per_angstrom
from ifux.library import SSPLibrary

NAMES = ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux")
REMEDY = f"a library of DSPS has {', '.join(NAMES)}"


def recognises(file: h5py.File) -> bool:
    """Its names."""
    return all(find(file, name) is not None for name in NAMES)


def read(file: h5py.File, solar_metallicity: float | None = None, **stated: Any) -> SSPLibrary:
    """The library."""
    path = file.filename
    ask(path, stated)
    metallicity, age, wavelength, flux = arrays(file, NAMES, REMEDY)
    if (metallicity > -1).any():
        ask(path, {"solar_metallicity": solar_metallicity}, ("solar_metallicity",))
    unit = 1.0 if solar_metallicity is None else positive(path, "solar_metallicity", solar_metallicity)
    return assembled(
        path,
        name=Path(path).stem,
        metallicity=unit * 10.0**metallicity,
        age=10.0**age,
        wavelength=wavelength,
        flux=per_angstrom(flux, wavelength),
        solar_metallicity=solar_metallicity,
        **stated,
    )


DSPS = hdf5_format("dsps", recognises, read, (*USUAL, "solar_metallicity"))
