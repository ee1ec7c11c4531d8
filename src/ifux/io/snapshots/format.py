"""What the table of galaxy formats holds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py

from ifux.io.files.hdf5 import is_hdf5, opened
from ifux.io.snapshots.many_files import chunks, first_chunk, joined
from ifux.io.snapshots.snapshot import Snapshot


@dataclass(frozen=True)
class GalaxyFormat:
    """A layout of galaxy files: how it is recognised by content, and how it is read."""

    name: str
    recognises: Callable[[Path], bool]
    """Of a file or a folder."""
    read: Callable[..., Snapshot]
    """`read(path, **options)`."""
    default_centre: Literal["shrinking-sphere", "as-is"] = "shrinking-sphere"
    """ "as-is" where galaxies are centred and at rest as they come."""
    options: tuple[str, ...] = ()
    """Keyword arguments of `read` besides the path: what a file of this format leaves open."""


def hdf5_format(
    name: str,
    recognises: Callable[[h5py.File], bool],
    read: Callable[..., Snapshot],
    *,
    default_centre: Literal["shrinking-sphere", "as-is"] = "shrinking-sphere",
    options: tuple[str, ...] = (),
) -> GalaxyFormat:
    """A format inside HDF5, from functions of an open file. Snapshots of many files are put together."""

    def recognises_path(path: Path) -> bool:
        path = first_chunk(path)
        if not is_hdf5(path):
            return False
        with opened(path) as file:
            return recognises(file)

    def read_path(path: Path, **chosen) -> Snapshot:
        parts = []
        for chunk in chunks(path):
            with opened(chunk) as file:
                parts.append(read(file, **chosen))
        return joined(parts)

    return GalaxyFormat(name, recognises_path, read_path, default_centre, options)
