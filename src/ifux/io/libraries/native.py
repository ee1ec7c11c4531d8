"""ifux's own library file, simple enough to be written by any other program.

    /             attributes: format = "ifux library", version = 1, name, medium = "air" or "vacuum", imf, citation,
                  solar_luminosity [erg/s]; optional: solar_metallicity (mass fraction), illustrative (0 or 1),
                  ifux (version that wrote the file)
    /metallicity  (metallicity,)             attribute unit = ""          mass fraction, increasing
    /age          (age,)                     attribute unit = "Gyr"       increasing
    /wavelength   (wave,)                    attribute unit = "angstrom"  centres of the pixels, increasing
    /fwhm         (wave,)                    attribute unit = "angstrom"  resolution
    /flux         (metallicity, age, wave)   attribute unit = "Lsun / (Msun angstrom)"  per solar mass formed

Version 2 is written where a library has further axes; without them it is version 1.

    /imf_slope    (imf_slope,)               attribute unit = ""          slope of the IMF, increasing
    /alpha        (alpha,)                   attribute unit = "dex"       [alpha/Fe], increasing
    /flux         ([imf_slope], [alpha], metallicity, age, wave)          its first axes, in this order, are those there

The unit attributes are obligatory, and any unit that astropy can convert will do. One Lsun of the flux is the solar
luminosity that the file states.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Literal

import h5py

from ifux.errors import InputError
from ifux.io.files.format import hdf5_format
from ifux.io.files.hdf5 import column, find, fixed, number, require_dataset, text
from ifux.io.files.writing import PACKED, replacing
from ifux.io.libraries.options import assembled, check_size
from ifux.library import SSPLibrary

FORMAT = "ifux library"
VERSIONS = (1, 2)
UNITS = {
    "metallicity": "",
    "age": "Gyr",
    "wavelength": "angstrom",
    "fwhm": "angstrom",
    "flux": "Lsun / (Msun angstrom)",
}
FURTHER = {"imf_slope": "", "alpha": "dex"}
REMEDY = f"the docstring of {__name__} shows the layout"


def recognises(file: h5py.File) -> bool:
    """The file says what it is."""
    return text(file, "format") == FORMAT


def read(file: h5py.File) -> SSPLibrary:
    """The library."""
    if (found := number(file, "version")) not in VERSIONS:
        raise InputError(f"{file.filename}: version {found} of the {FORMAT} file is not in {VERSIONS}: update ifux.")
    check_size(file.filename, require_dataset(file, "flux", REMEDY).shape)
    further = {name: unit for name, unit in FURTHER.items() if found == 2 and find(file, name) is not None}
    columns = {name: column(file, name, unit, REMEDY) for name, unit in (UNITS | further).items()}
    return assembled(
        file.filename,
        name=text(file, "name", Path(file.filename).name),
        **columns,
        medium=text(file, "medium"),
        imf=text(file, "imf", "not stated"),
        citation=text(file, "citation", "not stated"),
        solar_luminosity=number(file, "solar_luminosity"),
        solar_metallicity=number(file, "solar_metallicity"),
        illustrative=bool(number(file, "illustrative")),
    )


def write_ssp(
    path: str | Path,
    library: SSPLibrary,
    *,
    overwrite: bool = False,
    precision: Literal["float32", "float64"] = "float64",
    packed: bool = True,
):
    """Writes a library in ifux's own layout, whole or not at all, its fluxes in single or in double precision.

    One that is not `packed` is half as large again, and read several times faster.
    """
    packing = {"compression_opts": 1, **PACKED} if packed else {"fletcher32": True}
    with replacing(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        further = {name: unit for name, unit in FURTHER.items() if getattr(library, name) is not None}
        file.attrs.update(version=VERSIONS[bool(further)], solar_luminosity=library.solar_luminosity)
        file.attrs.update(illustrative=int(library.illustrative))
        words = {"format": FORMAT, "ifux": version("ifux")}
        words |= {name: getattr(library, name) for name in ("name", "medium", "imf", "citation")}
        file.attrs.update({name: fixed(word) for name, word in words.items()})
        if library.solar_metallicity is not None:
            file.attrs["solar_metallicity"] = library.solar_metallicity
        for name, unit in (UNITS | further).items():
            values = getattr(library, name)
            if name == "flux":
                values = values.astype(precision)
            chunks = (*(1 for _ in values.shape[:-2]), *values.shape[-2:]) if name == "flux" else values.shape
            dataset = file.create_dataset(name, data=values, chunks=chunks, **packing)
            dataset.attrs["unit"] = fixed(unit)


IFUX = hdf5_format("ifux", recognises, read)
