"""A group of particles in an open file, and its columns in physical units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import h5py
import numpy as np
from jaxtyping import Float, Int

from ifux.errors import InputError
from ifux.io.files.hdf5 import find, members, number, numbers, require_dataset, whole
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.expansion import Expansion
from ifux.io.snapshots.layout import GAS, MSUN, STARS, UNITS, Column, Layout, Unit
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.stated import Facts, asking


@dataclass
class ParticleGroup:
    """The columns of a group, and what is remarkable about them."""

    group: h5py.Group
    kind: Literal["stars", "gas"]
    """What is in the group."""
    layout: Layout
    expansion: Expansion
    facts: Facts
    notes: list[str] = field(default_factory=list)

    def column(self, role: str) -> Column | None:
        """Where the layout has a column, by the name of its field; None where it has none."""
        return getattr(getattr(self.layout, self.kind), role, None) or getattr(self.layout, role, None)

    def name(self, column: Column | None) -> str | None:
        """The name under which the group has a column; None where it has none."""
        names = () if column is None else (column.name, *column.also)
        return next((name for name in names if find(self.group, name) is not None), None)

    def has(self, role: str) -> bool:
        """Whether the group has a column."""
        return self.name(self.column(role)) is not None

    def read(self, role: str, unit: Unit | None = None) -> Float[np.ndarray, "..."]:
        """A column that must be there, in our unit of it."""
        column, unit = self.column(role), unit or UNITS[role]
        assert column is not None
        words = f"the {role.replace('_', ' ')} of the {self.kind} of {self.layout.name}"
        remedy = f"{words} is read from there; ask for a complete file"
        dataset = require_dataset(self.group, self.name(column) or column.name, remedy)
        factor = self.conversion(dataset, column, unit) / unit.cgs
        return np.asarray(parted(dataset, numbers(dataset), column) * factor)

    def maybe(self, role: str) -> Float[np.ndarray, "..."] | None:
        """A column, or None where it is absent."""
        return self.read(role) if self.has(role) else None

    def metallicity(self, mass: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Metallicities, be they kept as masses of metals, which are then divided by those of the particles."""
        if not self.layout.metallicity.share:
            return self.facts.fractions(self.read("metallicity"))
        metals = self.read("metallicity", MSUN)
        check_shapes(self.where, {"mass": mass, "metallicity": metals})
        with np.errstate(divide="ignore", invalid="ignore"):
            return metals / mass

    @property
    def where(self) -> str:
        """File and group, for sentences."""
        return f"{self.group.file.filename}: {self.group.name}"

    def conversion(self, dataset: h5py.Dataset, column: Column, unit: Unit) -> float:
        """What raw numbers are multiplied by [CGS]; notes where the file contradicts the published units.

        A CGS factor of zero is how TNG writes that there is none.
        """
        scale, hubble = self.expansion.scale, self.expansion.hubble
        published = None if column.cgs is None else column.cgs * scale**column.a * hubble**column.h
        names, where = self.layout.attributes, f"{dataset.file.filename}: {dataset.name}"
        cgs, a, h = (None, None, None) if not names else (number(dataset, name) for name in names)
        told = None
        if not cgs or len(unit.powers) == 1:
            told = self.facts.cgs(str(dataset.name).rsplit("/", 1)[-1], unit, self.layout.base)
        if not cgs and told is None:
            if published is None:
                name = next(iter(unit.powers), dataset.name.rsplit("/", 1)[-1])  # pyright: ignore[reportOptionalMemberAccess]
                example = asking("units", f'{{"{name}": "{unit.word}"}}')
                raise InputError(
                    f"{where} states no unit in its attribute {next(iter(names), '')!r}, and {self.layout.name} has "
                    f"none of its own: add it, or {example}."
                )
            if names and column.cgs != 1:
                self.notes.append(f"{dataset.name} states no unit, so the published one was taken")
            return published
        if self.layout.physical is not None and number(dataset, self.layout.physical) == 1:
            a = 0.0
        try:
            stated = (cgs if told is None else told) * scale ** (column.a if a is None else a)  # pyright: ignore[reportOperatorIssue]
            stated *= hubble ** (column.h if h is None else h)
        except OverflowError:
            stated = math.inf
        if not 0 < stated < math.inf:
            said = ", ".join(f"{name} = {number(dataset, name)}" for name in names)
            raise InputError(
                f"{where} states {said}, which makes a unit of {stated:g}: units are positive; correct it, or take "
                "these attributes out."
            )
        if told is not None or published is None or abs(stated / published - 1) < 0.01:
            return stated
        believed = "but the published one was taken" if column.certain else "and was believed"
        self.notes.append(f"{dataset.name} states a unit {stated / published:.4g} times the published one, {believed}")
        return published if column.certain else stated

    def ids(self, name: str) -> Int[np.ndarray, " particle"] | None:
        """Identifiers; None where there are none, or none that can be trusted."""
        if not isinstance(find(self.group, name), h5py.Dataset):
            return None
        dataset = require_dataset(self.group, name, "identifiers are whole numbers")
        if dataset.dtype.kind == "f":
            values = numbers(dataset)
            if not np.all(np.abs(values) < 2.0**53):
                self.notes.append(
                    f"{dataset.name} are rounded or no numbers, so no {self.kind} can be selected by them"
                )
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
                    raise InputError(f"{self.where}/{names[0]} must have a number for each of {count} {self.kind}.")
                return np.stack(columns, axis=1)
        return None


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


def particle_groups(file: h5py.File) -> list[h5py.Group]:
    """The groups of the stars and of the gas, as far as they are there."""
    return [group for name in (STARS, GAS) if isinstance(group := find(file, name), h5py.Group)]


CGS = "Conversion factor to CGS (not including cosmological corrections)"
"""How SWIFT states units."""

STATING = ("to_cgs", "a_scaling", "CGSConversionFactor", "aexp-scale-exponent", "a-scale exponent", CGS)
"""Attributes of datasets by which simulations state units."""


def stating(group: h5py.Group, names: Sequence[str] = STATING) -> bool:
    """Whether the datasets of a group state units, by one of these attributes on any of them."""
    nodes = [node for name in members(group) if isinstance(node := find(group, name), h5py.Dataset)]
    return any(name in node.attrs for node in nodes for name in names)
