"""The libraries of pPXF, `spectra_*.npz`.

    templates  (wave, age, metallicity)   [solar luminosity/angstrom/solar mass formed]
    lam        (wave,)                    [angstrom]
    ages       (age,)                     [Gyr]
    metals     (metallicity,)             [M/H] [dex]
    fwhm       (wave,), or one number     resolution [angstrom]; asked for where it is absent
    masses     (age, metallicity)         living stars and remnants; not needed

The medium of the wavelengths, the IMF and the mass fraction that [M/H] = 0 stands for are asked for. Arrays are read
one by one, no larger than the archive says they are, and never by pickle.

References: Cappellari (2023), MNRAS 526, 3273, whose `sps_util` describes the layout.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.format import Format
from ifux.io.libraries.options import ASKED, USUAL, ask, assembled, mass_fractions
from ifux.library import SSPLibrary

NAMES = ("templates", "lam", "ages", "metals")
LIMIT = 2**27
"""Numbers of an array: an archive can promise a thousand times its own size, and keep the promise."""


def recognises(path: Path) -> bool:
    """An archive with arrays of these names."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in NAMES} <= set(archive.namelist())
    except Exception:  # zipfile and NumPy raise exceptions of many kinds over damaged bytes
        return False


def array(archive: zipfile.ZipFile, name: str) -> Float[np.ndarray, "..."]:
    """An array of numbers, after its promises are compared with the size that the archive gives it."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} of the array {name}")
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = header(file, max_header_size=4096)
    if kind.hasobject or kind.kind not in "iuf":
        raise ValueError(f"{name} has type {kind}, which is no array of numbers")
    if math.prod(shape) > LIMIT or math.prod(shape) * kind.itemsize > entry.file_size:
        raise ValueError(f"{name} promises the shape {shape} in {entry.file_size} bytes")
    with archive.open(entry) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False), np.float64)


def read(path: Path, **stated: Any) -> SSPLibrary:
    """The library."""
    try:
        with zipfile.ZipFile(path) as archive:
            widths = None
            if "fwhm" not in stated and "fwhm.npy" in archive.namelist():
                widths = array(archive, "fwhm")
            flux, wavelength, age, labels = (array(archive, name) for name in NAMES)
    except Exception as error:  # as above
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no library of pPXF, or is truncated or damaged: {reason}.") from error
    if flux.ndim != 3:
        raise InputError(f"{path}: templates has shape {flux.shape}, but its axes are wavelength, age and metallicity.")
    if widths is not None:
        if widths.shape not in ((), wavelength.shape):
            raise InputError(f"{path}: fwhm has shape {widths.shape}, but there are {wavelength.size} wavelengths.")
        stated["fwhm"] = np.broadcast_to(widths, wavelength.shape)
    ask(path, stated, ASKED)
    return assembled(
        path,
        name=path.stem,
        metallicity=mass_fractions(path, labels, stated["solar_metallicity"]),
        age=age,
        wavelength=wavelength,
        flux=np.ascontiguousarray(flux.transpose(2, 1, 0)),
        **stated,
    )


PPXF = Format("ppxf", recognises, read, (*USUAL, "solar_metallicity"))
