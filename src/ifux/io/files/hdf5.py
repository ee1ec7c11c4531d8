"""HDF5 files from strangers: what cannot be read is said in one sentence, and no link leads out of the file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from astropy import units
from jaxtyping import Float

from ifux.errors import InputError

LINKS = 32
"""Soft links followed in a row before they count as a circle."""


def regular(path: str | Path) -> Path:
    """A file that is there and may be read."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: check the name and the folder.")
    if not path.is_file():
        raise InputError(f"{path} is not a file: name a file inside it.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror}.") from error
    return path


def is_hdf5(path: Path) -> bool:
    """Whether the content of a file begins as HDF5 does."""
    return bool(h5py.is_hdf5(path))


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read. Whatever HDF5 trips over, then or later, becomes an `InputError` that names the file."""
    if not is_hdf5(path):
        raise InputError(f"{path} is not an HDF5 file: {beginning(path)}.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} is truncated, damaged, locked, or compressed by a filter that is not installed ({reason}): "
            "copy or download it again."
        ) from error


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """What h5py raises over damaged bytes, as the error that `opened` explains."""
    try:
        yield
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise OSError(f"{what}: {error}") from error


def beginning(path: Path) -> str:
    """How a file begins, for a sentence about what it is not."""
    with path.open("rb") as file:
        start = file.read(24)
    return f"it begins with {start!r}" if start else "it is empty"


def find(group: h5py.Group, name: str, links: int = LINKS) -> h5py.Group | h5py.Dataset | None:
    """The object of that name, or None. Soft links are followed inside the file; external links are refused."""
    node = group
    for part in name.strip("/").split("/"):
        if not isinstance(node, h5py.Group):
            return None
        with decoding(name):
            link = node.get(part, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InputError(
                f"{group.file.filename}: {part} in {node.name} is a link to the file {link.filename}, "
                "which is not followed: copy the data into one file."
            )
        if isinstance(link, h5py.SoftLink):
            start = node.file if link.path.startswith("/") else node
            node = find(start, link.path, links - 1) if links else None
        else:
            with decoding(name):
                node = node[part] if link is not None else None
    return node if isinstance(node, h5py.Group | h5py.Dataset) else None


def members(group: h5py.Group) -> list[str]:
    """Names in a group, for a sentence about what is there."""
    return sorted(str(name) for name in group)


def require_group(file: h5py.File, name: str, remedy: str) -> h5py.Group:
    """A group that must be there."""
    node = find(file, name)
    if not isinstance(node, h5py.Group):
        raise InputError(f"{file.filename} has no group {name!r} among {members(file)}: {remedy}.")
    return node


def require_dataset(group: h5py.Group, name: str, remedy: str) -> h5py.Dataset:
    """A dataset of numbers that must be there, inside the file itself."""
    node = find(group, name)
    where = f"{group.file.filename}: {group.name}"
    if not isinstance(node, h5py.Dataset):
        raise InputError(f"{where} has no dataset {name!r} among {members(group)}: {remedy}.")
    with decoding(name):
        elsewhere, kind = node.is_virtual or bool(node.external), node.dtype.kind
    if elsewhere:
        raise InputError(f"{where}: {name!r} lies in other files, which are not opened: copy the data into one file.")
    if kind not in "iuf" or node.shape is None:
        raise InputError(f"{where}: {name!r} has type {node.dtype}, which is no array of numbers: {remedy}.")
    return node


def numbers(dataset: h5py.Dataset, rows: slice = slice(None)) -> Float[np.ndarray, "..."]:
    """Some rows of a dataset, or all, in double precision."""
    with decoding(str(dataset.name)), np.errstate(invalid="ignore"):
        return whole(dataset, rows).astype(np.float64, copy=False)


def whole(dataset: h5py.Dataset, rows: slice = slice(None)) -> np.ndarray:
    """Some rows of a dataset, or all, in its own type; what its shape claims is held against the memory first."""
    there = memory()
    claimed = f"{dataset.file.filename}: {dataset.name} of shape {dataset.shape} does not fit into"
    if rows == slice(None) and there is not None and 8 * int(dataset.size or 0) > there:
        raise InputError(f"{claimed} the memory of {there // 10**9} GB: it is damaged, or needs a larger machine.")
    try:
        with decoding(str(dataset.name)):
            return np.asarray(dataset[rows] if dataset.shape else dataset[()])
    except MemoryError as error:
        raise InputError(f"{claimed} memory.") from error


def memory() -> int | None:
    """Memory of the machine [byte]; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def number(holder: h5py.HLObject, name: str) -> float | None:
    """The first number of an attribute; None where it is absent or no finite number."""
    values = attribute(holder, name)
    if values is None or values.dtype.kind not in "iufb" or not values.size or not np.isfinite(values.flat[0]):
        return None
    return float(values.flat[0])


def text(holder: h5py.HLObject, name: str, default: str = "") -> str:
    """The text of an attribute."""
    return next(iter(texts(holder, name)), default)


def texts(holder: h5py.HLObject, name: str) -> tuple[str, ...]:
    """The texts of an attribute, none where it is absent."""
    values = attribute(holder, name)
    if values is None:
        return ()
    return tuple(value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values.flat)


def attribute(holder: h5py.HLObject, name: str) -> np.ndarray | None:
    """An attribute as an array; None where it is absent or empty."""
    with decoding(name):
        value = holder.attrs.get(name)
    return None if value is None or isinstance(value, h5py.Empty) else np.asarray(value)


def column(
    group: h5py.Group,
    name: str,
    unit: str,
    remedy: str,
    rows: slice = slice(None),
    *,
    usual: str | None = None,
    otherwise: str = "",
) -> Float[np.ndarray, "..."]:
    """Some rows of a dataset that must be there, or all, converted from the unit that its attribute `unit` states.

    Without one it is an error, or in the `usual` unit. `otherwise` says where else a unit can be stated.
    """
    dataset = require_dataset(group, name, remedy)
    stated = text(dataset, "unit", "none") if usual is None else text(dataset, "unit") or usual
    try:
        factor = units.Unit(stated).to(units.Unit(unit))
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{dataset.file.filename}: {dataset.name} has the unit {stated!r}, which does not convert to {unit!r}: "
            f"state one in its attribute `unit`{otherwise}."
        ) from error
    return np.asarray(numbers(dataset, rows) * factor)


def fixed(text: str | tuple[str, ...]) -> np.ndarray:
    """A text, or several, for an attribute: UTF-8 of fixed length, because damage to the other kind can crash HDF5."""
    codes = np.char.encode(np.array(text, dtype=str), "utf-8")
    return codes.astype(h5py.string_dtype("utf-8", max(codes.itemsize, 1)))
