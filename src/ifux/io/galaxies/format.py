"""What the table of galaxy formats holds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py

from ifux.io.galaxies.stars import Stars
from ifux.io.hdf5 import is_hdf5, opened


@dataclass(frozen=True)
class GalaxyFormat:
    """A layout of galaxy files: how it is recognised by content, and how its stars are read."""

    name: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Stars]
    default_centre: Literal["shrinking-sphere", "as-is"] = "shrinking-sphere"
    """ "as-is" where galaxies are centred and at rest as they come."""


def hdf5_format(
    name: str,
    recognises: Callable[[h5py.File], bool],
    read: Callable[[h5py.File], Stars],
    *,
    default_centre: Literal["shrinking-sphere", "as-is"] = "shrinking-sphere",
) -> GalaxyFormat:
    """A format inside HDF5, from functions of an open file."""

    def recognises_path(path: Path) -> bool:
        if not is_hdf5(path):
            return False
        with opened(path) as file:
            return recognises(file)

    def read_path(path: Path) -> Stars:
        with opened(path) as file:
            return read(file)

    return GalaxyFormat(name, recognises_path, read_path, default_centre)
