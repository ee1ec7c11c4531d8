"""Grids of Cloudy models of `synthesizer`.

    /                       attribute axes: names of the axes in their order
    /axes/<name>            (axis,)   ages [yr], metallicities, ionisation_parameters, hydrogen_densities [cm^-3]
    /lines/id               (line,)   "O 3 5006.84A"
    /lines/wavelength       (line,)   [angstrom]
    /lines/luminosity       (axes..., line)   [erg/s] of one solar mass of stars

Stars of one age stand for all: the one at which an H II region shines, a million years if nothing is said. A grid whose
ionisation follows from its stars has no axis of it, and is refused.

References: Lovell et al. (2025), arXiv:2508.03888; https://synthesizer-project.org.
"""

import h5py
import numpy as np

from ifux.emission.table import LineTable
from ifux.errors import InputError
from ifux.io.files.hdf5 import find, numbers, require_dataset, require_group, texts, whole
from ifux.io.lines.identified import assembled, identified

REMEDY = "a grid of synthesizer with lines has axes, lines/id, lines/wavelength and lines/luminosity"
NAMES = {"metallicit": "metallicity", "ionisation_param": "ionisation", "hydrogen_dens": "density", "age": "age"}


def recognises(file: h5py.File) -> bool:
    """Axes by name, and lines."""
    return bool(texts(file, "axes")) and isinstance(find(file, "lines/luminosity"), h5py.Dataset)


def read(file: h5py.File, age: float = 1e-3) -> LineTable:
    """The table of stars of the nearest age [Gyr]."""
    group = require_group(file, "axes", REMEDY)
    order, axes = [], {}
    for name in texts(file, "axes"):
        role = next((role for start, role in NAMES.items() if start in name), None)
        if role is None:
            raise InputError(f"{file.filename}: its axis {name!r} is none of metals, ionisation, density and age.")
        nodes = numbers(require_dataset(group, name, REMEDY))
        order.append(role)
        axes[role] = 10**nodes if name.startswith("log10") else nodes
    if "metallicity" not in axes or "ionisation" not in axes:
        raise InputError(f"{file.filename} has the axes {order}: a table of lines has metallicity and ionisation.")
    light = numbers(require_dataset(file, "lines/luminosity", REMEDY))
    if light.shape[:-1] != tuple(axes[role].size for role in order):
        raise InputError(f"{file.filename}: lines/luminosity has shape {light.shape}, which its axes have not.")
    if "age" in order:
        nearest = int(np.abs(axes["age"] - 1e9 * age).argmin())
        light = light.take(nearest, axis=order.index("age"))
        order.remove("age")
    if "density" not in order:
        light, axes["density"] = light[..., None, :], np.array([100.0])
        order.append("density")
    light = light.transpose(-1, *(order.index(role) for role in ("metallicity", "ionisation", "density")))
    names = [one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in identifiers(file)]
    wave = numbers(require_dataset(file, "lines/wavelength", REMEDY))
    return assembled(file.filename, identified(wave, [" ".join(name.split()[:-1]) for name in names]), light, axes)


def identifiers(file: h5py.File) -> np.ndarray:
    """Names of the lines as the file has them."""
    node = find(file, "lines/id")
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"{file.filename} has no lines/id: {REMEDY}.")
    return np.ravel(whole(node))
