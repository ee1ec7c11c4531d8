"""What the table of library formats holds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.hdf5 import is_hdf5, opened
from ifux.library import SSPLibrary

LIMIT = 2**30
"""Fluxes of a library: ten times those of the largest that is known."""


@dataclass(frozen=True)
class LibraryFormat:
    """A layout of library files or folders: how it is recognised, by content where it has one, and how it is read."""

    name: str
    recognises: Callable[[Path], bool]
    read: Callable[..., SSPLibrary]
    options: tuple[str, ...] = ()
    """Keyword arguments of `read` besides the path."""


def hdf5_format(
    name: str,
    recognises: Callable[[h5py.File], bool],
    read: Callable[..., SSPLibrary],
    options: tuple[str, ...] = (),
) -> LibraryFormat:
    """A format inside HDF5, from functions of an open file."""

    def recognises_path(path: Path) -> bool:
        if not is_hdf5(path):
            return False
        with opened(path) as file:
            return recognises(file)

    def read_path(path: Path, **chosen) -> SSPLibrary:
        with opened(path) as file:
            return read(file, **chosen)

    return LibraryFormat(name, recognises_path, read_path, options)


def listed(path: str | Path, name: str, values: np.ndarray) -> Float[np.ndarray, " node"]:
    """The nodes of an axis, which are a list of finite numbers."""
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise InputError(f"{path}: {name} of shape {values.shape} must be a list of finite numbers.")
    return values


def check_axes(
    path: str,
    *,
    metallicity: np.ndarray,
    age: np.ndarray,
    wavelength: np.ndarray,
    fwhm: np.ndarray,
    flux: np.ndarray,
    further: Mapping[str, np.ndarray | None] | None = None,
):
    """Raises an error unless the arrays of a library fit together and its resolution is one.

    Its further axes are `imf_slope` and `alpha`, None or absent where the library has not got them.
    """
    names = ("imf_slope", "alpha")
    more = {name: axis for name in names if (axis := (further or {}).get(name)) is not None}
    axes = more | {"metallicity": metallicity, "age": age, "wavelength": wavelength}
    for name, axis in axes.items():
        if axis.ndim != 1 or axis.size < 2:
            raise InputError(f"{path}: {name} has shape {axis.shape}, but it must be a list of two values or more.")
    shape = tuple(axis.size for axis in axes.values())
    if flux.shape != shape:
        raise InputError(f"{path}: flux has shape {flux.shape}, but {', '.join(axes)} make it {shape}.")
    if fwhm.shape != wavelength.shape or not np.all(np.isfinite(fwhm) & (fwhm > 0)):
        raise InputError(f"{path}: fwhm must be a positive width for each of {wavelength.size} wavelengths.")


def check_size(path: str, shape: tuple[int, ...]):
    """Raises an error before so many fluxes are read that no library has them."""
    if math.prod(shape) > LIMIT:
        raise InputError(f"{path}: it promises fluxes of shape {shape}, more than any library has: it is damaged.")
