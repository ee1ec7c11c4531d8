"""The libraries of pyPipe3D, one FITS image of all models, such as `MaStar_CB19.slog_1_5.fits.gz`.

    NAXIS1                 wavelengths: CRVAL1, CDELT1, CRPIX1, linear [angstrom]
    NAXIS2                 models, counted from 0
    NAME<i>                `spec_ssp_1.0000Gyr_z0004.spec`: the age, and the digits of the mass fraction after "0."
    NORM<i>                what the model was divided by: flux = data x NORM [solar luminosity/angstrom/solar mass]
    WAVENORM               where the models are one [angstrom]; not needed

NORM is the luminosity density of one solar mass at WAVENORM: pyPipe3D takes its inverse as the ratio of mass to light.
The header says nothing of medium, resolution and IMF: they are asked for.

References: Lacerda et al. (2022), New Astronomy 97, 101895; Sanchez et al. (2022), ApJS 262, 36 (MaStar_CB19).
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ifux.errors import InputError
from ifux.io.files.fits import opened_fits
from ifux.io.files.format import Format
from ifux.io.libraries.fits_image import Image, read_image
from ifux.io.libraries.grid import gridded
from ifux.io.libraries.options import USUAL, ask, assembled, positive
from ifux.library import SSPLibrary

NAME = re.compile(r"spec_ssp_(?P<age>\d+(?:\.\d+)?)(?P<unit>[GM]yr)?_z(?P<metals>\d+)(?:\.spec)?")


def recognises(path: Path) -> bool:
    """FITS that names and norms its models."""
    try:
        with opened_fits(path) as file:
            return isinstance(file[0].header.get("NAME0"), str) and "NORM0" in file[0].header
    except InputError:
        return False


def read(path: Path, **stated: Any) -> SSPLibrary:
    """The library."""
    ask(path, stated)
    image = read_image(path)
    if image.data.ndim != 2:
        raise InputError(f"{path}: the image has shape {image.data.shape}, but it must be models by wavelengths.")
    models = {f"NAME{row}": place(image, row) for row in range(len(image.data))}
    (metallicity, age), found = gridded(path, models, ("metallicity", "age"))
    norm = np.array([positive(path, f"NORM{row}", image.value(f"NORM{row}")) for row in range(len(image.data))])
    rows = np.array([[int(found[z, t][4:]) for t in range(len(age))] for z in range(len(metallicity))])
    return assembled(
        path,
        name=path.name.split(".fits")[0],
        metallicity=np.array(metallicity),
        age=np.array(age),
        wavelength=image.wavelength(),
        flux=image.data[rows] * norm[rows][..., None],
        **stated,
    )


def place(image: Image, row: int) -> tuple[float, float]:
    """Mass fraction and age [Gyr] of a model, from its name."""
    name = image.value(f"NAME{row}")
    if not isinstance(name, str) or not (match := NAME.fullmatch(name.strip())):
        raise InputError(
            f"{image.path}: NAME{row} is {name!r} and must say age and metals as 'spec_ssp_1.0000Gyr_z0004.spec' does."
        )
    return float(f"0.{match['metals']}"), float(match["age"]) * (1e-3 if match["unit"] == "Myr" else 1.0)


PYPIPE3D = Format("pypipe3d", recognises, read, USUAL)
