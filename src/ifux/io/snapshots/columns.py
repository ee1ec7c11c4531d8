"""Tables of particles: dataclasses whose fields are arrays with the particles along the first axis."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool

from ifux.errors import InputError

LARGEST, SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
"""Numbers of single precision; those that are smaller may vanish."""

T = TypeVar("T")


def selected(table: T, left: Bool[np.ndarray, " particle"]) -> T:
    """The particles of a table that a mask keeps."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: column[left] for name, column in value.items()}
        return None if value is None else value[left]

    return replace(table, **{entry.name: of(getattr(table, entry.name)) for entry in fields(table)})  # pyright: ignore[reportArgumentType,reportCallIssue]


def unusable(column: np.ndarray) -> Bool[np.ndarray, " particle"]:
    """Particles whose value, or one of whose coordinates, is not a finite number in single precision."""
    small = np.abs(column) < LARGEST
    return np.logical_not(np.all(small, axis=tuple(range(1, small.ndim))))


def check_shapes(where: str, columns: Mapping[str, np.ndarray | None]):
    """Raises an error unless all columns that are there speak of the same particles, three coordinates each."""
    there = {name: values for name, values in columns.items() if values is not None}
    count = there["mass"].size
    for name, values in there.items():
        shape = (count, 3) if name in ("position", "velocity") else (count,)
        if values.shape != shape:
            raise InputError(f"{where}: {name} has shape {values.shape}, but with {count} masses it must be {shape}.")
