r"""Snapshots of cosmological simulations that state how each dataset becomes physical.

$$\text{physical} = \text{raw} \times \text{CGS} \times a^{\alpha} \times h^{\eta}$$

A new simulation is a `Layout`: the names of its datasets and header entries, and its published units. The attributes
of the file itself come first. Grams become solar masses of 1.98841e33 g (CODATA 2018 and IAU 2015), so that the
1.989e43 g of most codes are 1.0003e10 solar masses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from ifux.io.galaxies.columns import check_shapes
from ifux.io.galaxies.expansion import Expansion
from ifux.io.galaxies.snapshot import Snapshot
from ifux.io.galaxies.stars import Stars
from ifux.io.hdf5 import attribute, decoding, number, numbers, require_dataset, require_group, text
from ifux.units import MEGAPARSEC

KPC = MEGAPARSEC / 1e3
"""[cm]."""

KMS = 1e5
"""[cm/s]."""

MSUN = 1.988409870698051e33
"""[g], IAU 2015 resolution B3 with the constant of gravity of CODATA 2018."""

ROUNDING = 1e-6
"""Relative excess of a formation time over the time of the snapshot that is single precision, not a mistake."""

YOUNGEST = 1e-6
"""Age of a star that formed in the very step of the snapshot [Gyr]: its logarithm is taken later."""


@dataclass(frozen=True)
class Column:
    """A dataset and its published units: raw number 1 is `cgs` times a^`a` times h^`h`."""

    name: str
    cgs: float = 1.0
    a: float = 0.0
    h: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Where a simulation keeps its stars, and in which units."""

    name: str
    attributes: tuple[str, str, str]
    """Attributes of a dataset that hold its CGS factor and its exponents of a and of h."""
    position: Column
    velocity: Column
    mass: Column
    """Mass as formed."""
    metallicity: Column
    """Mass fraction."""
    formation: Column
    """Scale factor at formation; zero or below is a wind particle."""
    box: Column | None = None
    """BoxSize in the header, where its unit is not that of the positions."""
    labels: tuple[str, ...] = ("SimulationName", "RunLabel")
    """Header entries that name the simulation, the best first."""
    group: str = "PartType4"
    species: int = 4
    """Place of the stars in the header's counts."""


def read_snapshot(file: h5py.File, layout: Layout) -> Snapshot:
    """The stars of a snapshot or of a cut-out of one, in physical units at its own time."""
    header = require_group(file, "Header", "a snapshot states its scale factor and its cosmology there")
    group = require_group(
        file, layout.group, f"stars of {layout.name} are in {layout.group}; ask for a cut-out that holds them"
    )
    cosmology = Expansion.of(header)
    notes = list(cosmology.notes)
    raw: dict[str, np.ndarray] = {}
    factor: dict[str, float] = {}
    for role, unit in {"position": KPC, "velocity": KMS, "mass": MSUN, "metallicity": 1.0, "formation": 1.0}.items():
        column: Column = getattr(layout, role)
        dataset = require_dataset(
            group, column.name, f"the {role} of the stars of {layout.name} is read from there; ask for a complete file"
        )
        per_unit, remark = conversion(dataset, column, layout.attributes, cosmology)
        factor[role] = per_unit / unit
        notes += remark
        raw[role] = numbers(dataset)
    check_shapes(file.filename, raw)
    box = periods(header, layout.box, factor["position"], cosmology)
    notes += count_notes(header, layout.species, raw["mass"].size)

    formation = raw["formation"] * factor["formation"]
    born = np.isfinite(formation) & (formation > 0)
    age = cosmology.now() - cosmology.time(np.where(born, formation, 1.0))
    unborn = formation > cosmology.scale * (1 + ROUNDING)
    stars = Stars(
        position=raw["position"] * factor["position"],
        velocity=raw["velocity"] * factor["velocity"],
        mass=raw["mass"] * factor["mass"],
        age=np.maximum(age, YOUNGEST),
        metallicity=raw["metallicity"] * factor["metallicity"],
    )
    return Snapshot(
        stars,
        cosmology=cosmology.cosmology,
        redshift=1 / cosmology.scale - 1,
        box=box,
        source=source(file, header, layout.labels),
        format=layout.name,
        notes=tuple(notes),
    ).without(
        {
            "wind particle, not a star (formation time of zero or below)": formation <= 0,
            "formation is not a finite number": ~np.isfinite(formation),
            "formed after the snapshot": unborn,
        }
    )


def conversion(
    dataset: h5py.Dataset, column: Column, names: tuple[str, str, str], cosmology: Expansion
) -> tuple[float, list[str]]:
    """What raw numbers are multiplied by [CGS], and a remark where the file contradicts the published units.

    A CGS factor of zero is how TNG writes that there is none.
    """
    cgs, a, h = (number(dataset, name) for name in names)
    published = column.cgs * cosmology.scale**column.a * cosmology.hubble**column.h
    if not cgs and column.cgs != 1:
        return published, [f"{dataset.name} states no unit, so the published one was taken"]
    with decoding(str(dataset.name)):
        stated = (
            (cgs or 1.0)
            * cosmology.scale ** (column.a if a is None else a)
            * cosmology.hubble ** (column.h if h is None else h)
        )
    if abs(stated / published - 1) < 0.01:
        return stated, []
    return stated, [f"{dataset.name} states a unit {stated / published:.4g} times the published one, and was believed"]


def periods(
    header: h5py.Group, column: Column | None, position: float, cosmology: Expansion
) -> Float[np.ndarray, "3"] | None:
    """Period of the box along each axis [kpc]; None where the header states none."""
    size = attribute(header, "BoxSize")
    if size is None or size.dtype.kind not in "iuf" or size.size not in (1, 3):
        return None
    if column is not None:
        position = column.cgs * cosmology.scale**column.a * cosmology.hubble**column.h / KPC
    box = np.broadcast_to(np.asarray(size, dtype=np.float64).ravel() * position, (3,))
    return box if np.all(np.isfinite(box) & (box > 0)) else None


def count_notes(header: h5py.Group, species: int, count: int) -> list[str]:
    """Remarks where the header counts other stars than there are, as it does in cut-outs, or speaks of more files."""
    notes = []
    counts = attribute(header, "NumPart_ThisFile")
    if counts is not None and counts.dtype.kind in "iuf" and counts.size > species and counts[species] != count:
        notes.append(
            f"the header counts {counts[species]:.0f} stars in this file, which holds {count}: all of these were read"
        )
    files = number(header, "NumFilesPerSnapshot")
    if files is not None and files > 1:
        notes.append(f"the header speaks of a snapshot of {files:.0f} files: only this one was read")
    return notes


def source(file: h5py.File, header: h5py.Group, labels: Sequence[str]) -> str:
    """Name of the file and of what it says it is a part of."""
    label = next((found for name in labels if (found := text(header, name))), "")
    snapshot = number(header, "SnapshotNumber")
    parts = [label] if label else []
    if snapshot is not None:
        parts.append(f"snapshot {snapshot:.0f}")
    name = Path(file.filename).name
    return f"{name} ({', '.join(parts)})" if parts else name
