"""Snapshots that are spread over many files, such as snap_099.0.hdf5, snap_099.1.hdf5 and so on."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np

from ifux.errors import InputError
from ifux.io.files.format import Format, hdf5_format
from ifux.io.files.hdf5 import find, is_hdf5, number, opened
from ifux.io.snapshots.columns import mapped
from ifux.io.snapshots.gas import Gas
from ifux.io.snapshots.snapshot import Snapshot, added
from ifux.io.snapshots.stars import Stars

NAME = re.compile(r"(?P<stem>.+)\.(?P<index>\d+)(?P<suffix>\.hdf5|\.h5)")

MOST = 100_000
"""Files of a snapshot beyond which the header is not believed."""

T = TypeVar("T", Stars, Gas)


def snapshot_format(
    name: str,
    recognises: Callable[[h5py.File], bool],
    read: Callable[..., Snapshot],
    options: tuple[str, ...] = (),
) -> Format[Snapshot]:
    """A format inside HDF5, from functions of an open file. Snapshots of many files are put together."""
    single = hdf5_format(name, recognises, read, options)
    return replace(
        single,
        recognises=lambda path: single.recognises(first_chunk(path)),
        read=lambda path, **stated: joined([single.read(chunk, **stated) for chunk in chunks(path)]),
    )


def first_chunk(path: Path) -> Path:
    """The file with number zero in a folder; the folder itself where it holds none or several; any file as it is."""
    if not path.is_dir():
        return path
    try:
        found = [file for file in path.iterdir() if (match := NAME.fullmatch(file.name)) and int(match["index"]) == 0]
    except OSError:
        return path
    return found[0] if len(found) == 1 else path


def chunks(path: Path) -> list[Path]:
    """All files of the snapshot that a folder, or its file with number zero, stands for; else the file alone."""
    first = first_chunk(path)
    if first.is_dir():
        raise InputError(f"{path} is a folder without a snapshot: one file whose name ends in .0.hdf5 must be in it.")
    match = NAME.fullmatch(first.name)
    if match is None or int(match["index"]) or not is_hdf5(first):
        return [first]
    with opened(first) as file:
        header = find(file, "Header")
        total = None if header is None else number(header, "NumFilesPerSnapshot")
    if total is None or total < 2:
        return [first]
    return siblings(first, f"{match['stem']}.", match["suffix"], int(total), alone=first == path)


def siblings(path: Path, before: str, after: str, total: int, *, alone: bool = True) -> list[Path]:
    """The files of a snapshot of so many, beside one of them, by what stands before and after their numbers.

    That one alone, where none of the others is there.
    """
    if total > MOST:
        raise InputError(f"{path}: the header speaks of a snapshot of {total} files: the file is damaged or renamed.")
    files = [path.with_name(f"{before}{index}{after}") for index in range(total)]
    missing = [index for index, file in enumerate(files) if not file.is_file()]
    if len(missing) == total - 1 and alone:
        return [path]
    if missing:
        raise InputError(
            f"{path} is one of {total} files of its snapshot, of which {total - len(missing)} are in {path.parent}: "
            f"number {missing[0]} is missing; fetch it, or move one file away from the others to read it alone."
        )
    return files


def joined(parts: list[Snapshot]) -> Snapshot:
    """One snapshot of those of its files."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    gas = [part.gas for part in parts if part.gas is not None]
    dropped, changed = {}, {}
    for part in parts:
        dropped, changed = added(dropped, part.dropped), added(changed, part.changed)
    ours = [part.notes for part in parts]
    notes = [note for note in dict.fromkeys(note for notes in ours for note in notes) if "only this one" not in note]
    return replace(
        first,
        stars=concatenated([part.stars for part in parts]),
        gas=concatenated(gas) if gas else None,
        box=next((part.box for part in parts if part.box is not None), None),
        source=f"{first.source} and {len(parts) - 1} more files",
        dropped=dropped,
        changed=changed,
        notes=tuple(notes),
    )


def concatenated(tables: list[T]) -> T:
    """One table of several, with the columns that all with particles in them have."""
    return mapped(lambda *columns: np.concatenate(columns), *([table for table in tables if table.count] or tables[:1]))
