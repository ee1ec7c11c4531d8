"""Tables of particles: dataclasses whose fields are arrays with the particles along the first axis."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool

from ifux.errors import InputError

LARGEST, SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
"""Numbers of single precision; those that are smaller may vanish."""

T = TypeVar("T")


def mapped(rule: Callable[..., np.ndarray], *tables: T) -> T:
    """A table of what a rule makes of each column of one or several; a column that any of them lacks is left out."""
    columns = {}
    for entry in fields(tables[0]):  # pyright: ignore[reportArgumentType]
        values = [getattr(table, entry.name) for table in tables]
        if isinstance(values[0], dict):
            names = [name for name in values[0] if all(name in value for value in values)]
            columns[entry.name] = {name: rule(*(value[name] for value in values)) for name in names}
        else:
            columns[entry.name] = None if any(value is None for value in values) else rule(*values)
    return replace(tables[0], **columns)  # pyright: ignore[reportCallIssue,reportArgumentType]


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
