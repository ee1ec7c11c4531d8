"""A group of particles in an open file, and its columns in physical units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np
from jaxtyping import Float, Int

from ifux.errors import InputError
from ifux.io.files.hdf5 import find, members, number, numbers, require_dataset, whole
from ifux.io.snapshots.expansion import Expansion
from ifux.io.snapshots.layout import MSUN, NUMBER, Column, Layout, Unit
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.stated import Facts, asking


@dataclass
class ParticleGroup:
    """The columns of a group, and what is remarkable about them."""

    group: h5py.Group
    kind: str
    """What is in the group, for sentences."""
    layout: Layout
    expansion: Expansion
    facts: Facts = field(default_factory=Facts)
    notes: list[str] = field(default_factory=list)

    def name(self, column: Column | None) -> str | None:
        """The name under which the group has a column; None where it has none."""
        names = () if column is None else (column.name, *column.also)
        return next((name for name in names if find(self.group, name) is not None), None)

    def read(self, column: Column, unit: Unit, role: str) -> Float[np.ndarray, "..."]:
        """A column that must be there, in a unit."""
        remedy = f"the {role} of the {self.kind} of {self.layout.name} is read from there; ask for a complete file"
        dataset = require_dataset(self.group, self.name(column) or column.name, remedy)
        factor = self.conversion(dataset, column, unit) / unit.cgs
        return np.asarray(parted(dataset, numbers(dataset), column) * factor)

    def maybe(self, column: Column | None, unit: Unit, role: str) -> Float[np.ndarray, "..."] | None:
        """A column, or None where it is absent."""
        return None if column is None or self.name(column) is None else self.read(column, unit, role)

    def metallicity(self, column: Column) -> Float[np.ndarray, "..."]:
        """Metallicities, or masses of metals [solar mass] where the column holds these."""
        values = self.read(column, MSUN if column.share else NUMBER, "metallicity")
        return values if column.share else self.facts.fractions(values)

    def conversion(self, dataset: h5py.Dataset, column: Column, unit: Unit) -> float:
        """What raw numbers are multiplied by [CGS]; notes where the file contradicts the published units.

        A CGS factor of zero is how TNG writes that there is none.
        """
        scale, hubble = self.expansion.scale, self.expansion.hubble
        published = None if column.cgs is None else column.cgs * scale**column.a * hubble**column.h
        names, where = self.layout.attributes, f"{dataset.file.filename}: {dataset.name}"
        cgs, a, h = (None, None, None) if names is None else (number(dataset, name) for name in names)
        told = None
        if not cgs or len(unit.powers) == 1:
            told = self.facts.cgs(str(dataset.name).rsplit("/", 1)[-1], unit, self.layout.base)
        if not cgs and told is None:
            if published is None:
                name = next(iter(unit.powers), dataset.name.rsplit("/", 1)[-1])  # pyright: ignore[reportOptionalMemberAccess]
                example = asking("units", f'{{"{name}": "{unit.word}"}}')
                raise InputError(
                    f"{where} states no unit in its attribute {names and names[0]!r}, and {self.layout.name} has none "
                    f"of its own: add it, or {example}."
                )
            if names is not None and column.cgs != 1:
                self.note(f"{dataset.name} states no unit, so the published one was taken")
            return published
        if self.layout.physical is not None and number(dataset, self.layout.physical) == 1:
            a = 0.0
        try:
            stated = (cgs if told is None else told) * scale ** (column.a if a is None else a)  # pyright: ignore[reportOperatorIssue]
            stated *= hubble ** (column.h if h is None else h)
        except OverflowError:
            stated = math.inf
        if not 0 < stated < math.inf:
            said = ", ".join(f"{name} = {number(dataset, name)}" for name in names or ())
            raise InputError(
                f"{where} states {said}, which makes a unit of {stated:g}: units are positive; correct it, or take "
                "these attributes out."
            )
        if told is not None or published is None or abs(stated / published - 1) < 0.01:
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


CGS = "Conversion factor to CGS (not including cosmological corrections)"
"""How SWIFT states units."""

STATING = ("to_cgs", "a_scaling", "CGSConversionFactor", "aexp-scale-exponent", "a-scale exponent", CGS)
"""Attributes of datasets by which simulations state units."""


def marked(group: h5py.Group, names: Sequence[str]) -> bool:
    """Whether a dataset of a group has one of these attributes."""
    nodes = [node for name in members(group) if isinstance(node := find(group, name), h5py.Dataset)]
    return any(name in node.attrs for node in nodes for name in names)


def stating(group: h5py.Group) -> bool:
    """Whether the datasets of a group state units."""
    return marked(group, STATING)
