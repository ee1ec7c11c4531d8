"""What a caller states of a snapshot that it does not say itself, or says wrongly.

    cosmology   of a flat universe: a name of astropy's, such as "Planck15", or {"H0": 67.7, "Om0": 0.31}
    redshift    of the snapshot
    units       of the numbers as they stand, short of h and a: {"length": "Mpc", "velocity": "km/s",
                "mass": "1e10 Msun"}, or of one dataset by its name. {"metallicity": 0.0127} is for metallicities in
                units of a solar one, {"metallicity": "dex(0.0127)"} for their logarithm

What is stated goes before what the file says.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.galaxy import Cosmology
from ifux.io.files.hdf5 import column, find, number, numbers, require_dataset
from ifux.io.snapshots.layout import KMS, KPC, MSUN, Unit
from ifux.io.snapshots.quantity import converted, factor

FACTS = ("cosmology", "redshift", "units")

DIMENSIONS = {"length": KPC, "velocity": KMS, "mass": MSUN}
"""What units are stated of, and ours of them."""

LENGTHS = ("position", "coords", "center", "smoothing_length")
"""Datasets that are lengths, in files that state a unit of each."""

HEADER = {
    "length": (("UnitLength_In_CGS", "UnitLength_in_cm"), "cm"),
    "velocity": (("UnitVelocity_In_CGS", "UnitVelocity_in_cm_per_s"), "cm/s"),
    "mass": (("UnitMass_In_CGS", "UnitMass_in_g"), "g"),
}
"""Entries of the headers of GIZMO and Gadget-4 that state units, and theirs."""


@dataclass(frozen=True)
class Facts:
    """What is stated."""

    where: str = ""
    """File, for sentences."""
    cosmology: Cosmology | None = None
    redshift: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        where: str,
        datasets: Collection[str] = (),
        /,
        *,
        cosmology: object = None,
        redshift: object = None,
        units: object = None,
    ) -> "Facts":
        """Facts from their description.

        Args:
            where: File, for sentences.
            datasets: Names that may be stated a unit of, besides the dimensions.
            cosmology: Name, table of numbers, or astropy's.
            redshift: Number.
            units: Table of words.
        """
        known = {*DIMENSIONS, "metallicity", *datasets}
        table = {} if units is None else units
        if not isinstance(table, Mapping) or any(key not in known for key in table):
            raise InputError(
                f'{where}: units is a table such as {{"length": "kpc"}} of {[*DIMENSIONS, "metallicity"]}'
                f"{' or of datasets' * bool(datasets)}, got {units!r}."
            )
        return cls(
            where,
            None if cosmology is None else universe(cosmology, where),
            None if redshift is None else checked_redshift(redshift, where),
            {key: str(value) for key, value in table.items()},
        )

    def unit(self, key: str, target: str) -> float | None:
        """How many of a unit the stated one is; None where none is stated."""
        return factor(self.units[key], target, f"{self.where}: units.{key}") if key in self.units else None

    def fractions(self, metallicity: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Mass fractions of metallicities, which may be stated to be in a unit."""
        if "metallicity" not in self.units:
            return metallicity
        return converted(metallicity, self.units["metallicity"], "", f"{self.where}: units.metallicity")

    def column(
        self, group: h5py.Group, name: str, unit: str, remedy: str, rows: slice = slice(None), usual: str | None = None
    ) -> Float[np.ndarray, "..."]:
        """Some rows of a dataset, or all, from the unit that is stated of it, else from that of its attribute `unit`.

        Without either it is an error, or in the `usual` unit.
        """
        key = "length" if name in LENGTHS and name not in self.units else name
        if key in self.units:
            values = numbers(require_dataset(group, name, remedy), rows)
            return converted(values, self.units[key], unit, f"{self.where}: units.{key}")
        return column(group, name, unit, remedy, rows, usual=usual, otherwise=f", or as units.{name}")

    def cgs(self, name: str, unit: Unit, base: Mapping[str, float | None]) -> float | None:
        """CGS factor of a dataset by what is stated of it, or of its dimensions; None where that says too little.

        `base` holds the published CGS factors of the dimensions, for those that are not stated.
        """
        if name in self.units:
            return (self.unit(name, unit.word) or 1.0) * unit.cgs
        if not any(key in self.units for key in unit.powers):
            return None
        product = 1.0
        for key, power in unit.powers.items():
            stated, own = self.unit(key, DIMENSIONS[key].word), base.get(key)
            if stated is None and own is None:
                return None
            product *= (own if stated is None else stated * DIMENSIONS[key].cgs) ** power  # pyright: ignore[reportOptionalOperand]
        return product

    def notes(self) -> list[str]:
        """What was stated, in words."""
        words = [f"{key} in {value}" for key, value in self.units.items()]
        words += [] if self.redshift is None else [f"redshift {self.redshift:g}"]
        if (universe := self.cosmology) is not None:
            words.append(f"cosmology of H0 {100 * universe.hubble:g} km/s/Mpc and matter {universe.matter:g}")
        return [f"as stated: {', '.join(words)}"] if words else []


WHERE = "(--option on the command line, a key of the galaxy in a configuration)"


def asking(option: str, *examples: str) -> str:
    """The words that tell how to state a fact."""
    ways = " or ".join(f"{option}={example}" for example in examples)
    return f"state {ways} {WHERE}"


COSMOLOGY = asking("cosmology", '"Planck15"', '{"H0": 67.7, "Om0": 0.31}')


def universe(given: object, where: str) -> Cosmology:
    """A flat universe from its description."""
    from astropy import cosmology

    values: Any = given
    if isinstance(given, str):
        if given not in cosmology.available:
            raise InputError(f"{where}: cosmology: {given!r} is not one of astropy's {', '.join(cosmology.available)}.")
        values = getattr(cosmology, given)
    if isinstance(values, cosmology.FLRW):
        values = {"H0": float(values.H0.value), "Om0": float(values.Om0)}  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(values, Mapping) or {*values} != {"H0", "Om0"}:
        raise InputError(
            f'{where}: cosmology is a name of astropy\'s, or a table {{"H0": 67.7, "Om0": 0.31}}, got {given!r}.'
        )
    ends = {"H0": (10, 300), "Om0": (1e-3, 1)}
    for name, (low, high) in ends.items():
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(f"{where}: cosmology.{name}: {value!r} is no number from {low:g} to {high:g}.")
    return Cosmology(values["H0"] / 100, float(values["Om0"]))


def checked_redshift(value: object, where: str) -> float:
    """A redshift that a snapshot can have."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not (isfinite(value) and -0.999 < value < 1000):
        raise InputError(f"{where}: the redshift must be a number above -1, got {value!r}.")
    return float(value)


def header_units(file: h5py.File, usual: Mapping[str, float]) -> dict[str, str]:
    """Units that the header states, as far as they are not the usual ones [CGS] to one in a hundred."""
    holders = [found for name in ("Header", "Parameters") if isinstance(found := find(file, name), h5py.Group)]
    stated = {}
    for key, (names, word) in HEADER.items():
        found = next((value for holder in holders for name in names if (value := number(holder, name))), None)
        if found is not None and abs(found / usual[key] - 1) > 0.01:
            stated[key] = f"{found!r} {word}"
    return stated
