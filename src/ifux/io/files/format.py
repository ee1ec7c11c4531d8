"""Formats: how each is recognised by its content, and how it is read; and the one that a file is of."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import h5py

from ifux.errors import InputError
from ifux.io.files.hdf5 import beginning, is_hdf5, members, opened

T = TypeVar("T")


@dataclass(frozen=True)
class Format(Generic[T]):
    """A layout of files or folders."""

    name: str
    recognises: Callable[[Path], bool]
    read: Callable[..., T]
    """`read(path, **options)`."""
    options: tuple[str, ...] = ()
    """Keyword arguments of `read` besides the path: what a file of this format leaves open."""


def hdf5_format(
    name: str,
    recognises: Callable[[h5py.File], bool],
    read: Callable[..., T],
    options: tuple[str, ...] = (),
) -> Format[T]:
    """A format inside HDF5, from functions of an open file."""

    def recognises_path(path: Path) -> bool:
        if not is_hdf5(path):
            return False
        with opened(path) as file:
            return recognises(file)

    def read_path(path: Path, **stated) -> T:
        with opened(path) as file:
            return read(file, **stated)

    return Format(name, recognises_path, read_path, options)


def recognised(path: Path, formats: Mapping[str, Format[T]]) -> Format[T] | None:
    """The first format that recognises a file or a folder."""
    return next((entry for entry in formats.values() if entry.recognises(path)), None)


def chosen(
    path: Path, formats: Mapping[str, Format[T]], name: str | None, options: Iterable[str], what: str
) -> Format[T] | None:
    """The format of a name or, without one, that which recognises a file, if it takes the options that are given.

    Raises:
        InputError: there is none of that name, or it does not take the options; `what` says a format of what.
    """
    if name is not None and name not in formats:
        raise InputError(f"{name!r} is no {what} format: ifux knows {', '.join(formats)}.")
    entry = recognised(path, formats) if name is None else formats[name]
    if entry is not None and (unknown := sorted({*options} - {*entry.options})):
        takes = f"takes the options {[*entry.options]}" if entry.options else "takes no options of its own"
        raise InputError(f"{path}: a {what} of format {entry.name} {takes}, not {unknown}.")
    return entry


def unrecognised(path: Path, formats: Mapping[str, Format[T]], what: str) -> str:
    """What is wrong with a file that no format recognises."""
    known = f"a {what} in any known format (known are {', '.join(formats)})"
    if path.is_dir():
        names = sorted(file.name for file in path.iterdir())
        some = f"{names[:5]}{' and more' * (len(names) > 5)}"
        return f"{path} is a folder, but not {known}: it holds {some}."
    if not is_hdf5(path):
        return f"{path} is not {known}: {beginning(path)}, so it is not HDF5."
    with opened(path) as file:
        return f"{path} is HDF5 but not {known}: it holds {members(file)}."
