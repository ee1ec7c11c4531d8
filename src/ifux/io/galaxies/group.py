"""A group of particles in an open file, and its columns in physical units."""

from dataclasses import dataclass, field

import h5py
import numpy as np
from jaxtyping import Float, Int

from ifux.errors import InputError
from ifux.io.galaxies.expansion import Expansion
from ifux.io.galaxies.layout import Column, Layout
from ifux.io.galaxies.selection import signed
from ifux.io.hdf5 import decoding, find, number, numbers, require_dataset, whole


@dataclass
class ParticleGroup:
    """The columns of a group, and what is remarkable about them."""

    group: h5py.Group
    kind: str
    """What is in the group, for sentences."""
    layout: Layout
    expansion: Expansion
    notes: list[str] = field(default_factory=list)

    def name(self, column: Column | None) -> str | None:
        """The name under which the group has a column; None where it has none."""
        names = () if column is None else (column.name, *column.also)
        return next((name for name in names if find(self.group, name) is not None), None)

    def read(self, column: Column, unit: float, role: str) -> Float[np.ndarray, "..."]:
        """A column that must be there, in a unit of so much CGS."""
        remedy = f"the {role} of the {self.kind} of {self.layout.name} is read from there; ask for a complete file"
        dataset = require_dataset(self.group, self.name(column) or column.name, remedy)
        factor = self.conversion(dataset, column) / unit
        return np.asarray(parted(dataset, numbers(dataset), column) * factor)

    def maybe(self, column: Column | None, unit: float, role: str) -> Float[np.ndarray, "..."] | None:
        """A column, or None where it is absent."""
        return None if column is None or self.name(column) is None else self.read(column, unit, role)

    def conversion(self, dataset: h5py.Dataset, column: Column) -> float:
        """What raw numbers are multiplied by [CGS]; notes where the file contradicts the published units.

        A CGS factor of zero is how TNG writes that there is none.
        """
        scale, hubble = self.expansion.scale, self.expansion.hubble
        published = None if column.cgs is None else column.cgs * scale**column.a * hubble**column.h
        names = self.layout.attributes
        cgs, a, h = (None, None, None) if names is None else (number(dataset, name) for name in names)
        if not cgs:
            if published is None:
                raise InputError(
                    f"{dataset.file.filename}: {dataset.name} states no unit in its attribute {names and names[0]!r}, "
                    f"and {self.layout.name} has none of its own: add it."
                )
            if names is not None and column.cgs != 1:
                self.note(f"{dataset.name} states no unit, so the published one was taken")
            return published
        if self.layout.physical is not None and number(dataset, self.layout.physical) == 1:
            a = 0.0
        with decoding(str(dataset.name)):
            stated = cgs * scale ** (column.a if a is None else a) * hubble ** (column.h if h is None else h)
        if published is None or abs(stated / published - 1) < 0.01:
            return stated
        believed = "but the published one was taken" if column.certain else "and was believed"
        self.note(f"{dataset.name} states a unit {stated / published:.4g} times the published one, {believed}")
        return published if column.certain else stated

    def ids(self, name: str) -> Int[np.ndarray, " particle"] | None:
        """Identifiers; None where there are none, or none that can be trusted."""
        if not isinstance(find(self.group, name), h5py.Dataset):
            return None
        dataset = require_dataset(self.group, name, "identifiers are whole numbers")
        if dataset.dtype.kind == "f":
            values = numbers(dataset)
            if not np.all(np.abs(values) < 2.0**53):
                self.note(f"{dataset.name} are rounded or no numbers, so no {self.kind} can be selected by them")
                return None
            return values.ravel().astype(np.int64)
        values = whole(dataset)
        return signed(values, str(dataset.name)) if values.size else np.zeros(0, np.int64)

    def subhalo(self, choices: tuple[tuple[str, ...], ...], count: int) -> Int[np.ndarray, "particle level"] | None:
        """Numbers of halos; None where the file does not tell them."""
        for names in choices:
            columns = [column for name in names if (column := self.ids(name)) is not None]
            if len(columns) == len(names):
                if any(column.size != count for column in columns):
                    raise InputError(
                        f"{self.group.file.filename}: {self.group.name}/{names[0]} must have a number for each of "
                        f"{count} {self.kind}."
                    )
                return np.stack(columns, axis=1)
        return None

    def note(self, sentence: str):
        """Keeps a remark."""
        self.notes.append(sentence)


def parted(dataset: h5py.Dataset, values: Float[np.ndarray, "..."], column: Column) -> Float[np.ndarray, "..."]:
    """The columns of a dataset that are meant."""
    if column.part is None or (values.ndim == 1 and column.part == 0):
        return values
    width = column.part + 1 if isinstance(column.part, int) else column.part.start + 1
    if values.ndim != 2 or values.shape[1] < width:
        raise InputError(
            f"{dataset.file.filename}: {dataset.name} has shape {values.shape}, but it must have two axes and at least "
            f"{width} columns."
        )
    return values[:, column.part] if isinstance(column.part, int) else values[:, column.part].sum(axis=1)
