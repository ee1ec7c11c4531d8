"""The MILES populations packed into one HDF5 file, made from the FITS files of the MILES web site.

    wavelength               (wave,)         [angstrom]
    age                      (age,)          [Gyr]
    metallicity              (metallicity,)  [M/H] as in the file names [dex]
    metallicity_Z_isochrone  (metallicity,)  mass fraction of the isochrones behind each name
    metallicity_Z            (metallicity,)  zsun_for_metallicity_Z times 10^[M/H]
    flux                     (metallicity, age, wave)  [solar luminosity/angstrom/solar mass formed]

with the attributes fwhm_angstrom, wavelength_medium, lsun_erg_s, imf, citation, terms.

The two columns of mass fractions differ: the population called [M/H] = +0.06 has isochrones of Z = 0.0198, but
0.0198 x 10^0.06 is 0.0227. A simulation counts grams of metals, as isochrones do, so "isochrone" is the default. The
other column, "label", is for comparison with codes that turn a mass fraction into [M/H] by one solar value.

References: Vazdekis et al. (2010), MNRAS 404, 1639; Vazdekis et al. (2015), MNRAS 449, 1177.
"""

import h5py
import numpy as np

from ifux.errors import InputError
from ifux.io.files.format import hdf5_format
from ifux.io.files.hdf5 import column, find, number, numbers, require_dataset, text
from ifux.io.libraries.options import assembled, check_size, positive
from ifux.library import SSPLibrary

COLUMN = {"isochrone": "metallicity_Z_isochrone", "label": "metallicity_Z"}
REMEDY = "a packed MILES library has it; pack the library again"


def recognises(file: h5py.File) -> bool:
    """A column of mass fractions beside that of [M/H]."""
    return all(
        find(file, name) is not None for name in ("wavelength", "age", "metallicity", "metallicity_Z_isochrone", "flux")
    )


def read(file: h5py.File, metallicity: str = "isochrone") -> SSPLibrary:
    """The library, its metallicities as mass fractions."""
    if metallicity not in COLUMN:
        raise InputError(f"metallicity must be one of {[*COLUMN]}, got {metallicity!r}.")
    wavelength = column(file, "wavelength", "angstrom", REMEDY)
    labels = column(file, "metallicity", "dex", REMEDY)
    fractions = numbers(require_dataset(file, COLUMN[metallicity], REMEDY))
    fwhm, sun, solar = (number(file, name) for name in ("fwhm_angstrom", "lsun_erg_s", "zsun_for_metallicity_Z"))
    if metallicity == "isochrone":
        solar = float(10 ** np.interp(0.0, labels, np.log10(fractions)))
    age = column(file, "age", "Gyr", REMEDY)
    check_size(file.filename, (dataset := require_dataset(file, "flux", REMEDY)).shape)
    return assembled(
        file.filename,
        name=f"MILES, {text(file, 'isochrones', 'isochrones not stated')}",
        metallicity=fractions,
        age=age,
        wavelength=wavelength,
        flux=numbers(dataset),
        fwhm=positive(file.filename, "fwhm_angstrom", fwhm),
        medium=text(file, "wavelength_medium"),
        imf=text(file, "imf", "not stated"),
        citation=text(file, "citation", "Vazdekis et al. 2010, MNRAS 404, 1639"),
        solar_luminosity=sun,
        solar_metallicity=solar,
    )


MILES = hdf5_format("miles", recognises, read, ("metallicity",))
