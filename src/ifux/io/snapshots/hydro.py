"""Snapshots of hydrodynamical simulations in HDF5, by their layouts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from ifux.io.files.hdf5 import attribute, find, members, number, require_dataset, require_group, text
from ifux.io.snapshots import gas as gases
from ifux.io.snapshots.centre import periodic
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.elements import abundances, alpha_enhancement
from ifux.io.snapshots.expansion import Expansion
from ifux.io.snapshots.gas import Gas, cell_radius
from ifux.io.snapshots.layout import DENSITY, ENERGY, KMS, KPC, MSUN, NUMBER, RATE, Column, Layout
from ifux.io.snapshots.particle_group import ParticleGroup
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import PRESENT, Stars
from ifux.io.snapshots.stated import Facts

ROUNDING = 1e-6
"""Relative excess of a formation time over the time of the snapshot that is single precision, not a mistake."""

YOUNGEST = 1e-6
"""Age of a star that formed in the very step of the snapshot [Gyr]: its logarithm is taken later."""


def read_snapshot(file: h5py.File, layout: Layout, **stated: object) -> Snapshot:
    """The stars and the gas of a snapshot or of a cut-out of one, in physical units at its own time.

    `stated` holds what `ifux.io.snapshots.stated` says.
    """
    groups = [find(file, name) for name in (layout.stars.group, layout.gas.group)]
    names = {name for group in groups if isinstance(group, h5py.Group) for name in members(group)}
    facts = Facts.of(file.filename, names, **stated)
    header = require_group(file, "Header", "a snapshot states its scale factor and its cosmology there")
    expansion = Expansion.of(header, find(file, "Cosmology"), facts)
    snapshot = Snapshot(
        no_stars(),
        cosmology=expansion.cosmology,
        redshift=1 / expansion.scale - 1,
        source=source(file, header, layout.labels),
        format=layout.name,
        notes=(*facts.notes(), *expansion.notes),
    )
    files = number(header, "NumFilesPerSnapshot")
    if find(file, layout.stars.group) is not None or files is None or files <= 1:
        snapshot = with_stars(snapshot, file, header, layout, expansion, facts)
    if isinstance(group := find(file, layout.gas.group), h5py.Group):
        snapshot = with_gas(snapshot, ParticleGroup(group, "gas", layout, expansion, facts))
    if files is not None and files > 1:
        snapshot = snapshot.noted(f"the header speaks of a snapshot of {files:.12g} files: only this one was read")
    return snapshot


def with_stars(
    snapshot: Snapshot, file: h5py.File, header: h5py.Group, layout: Layout, expansion: Expansion, facts: Facts
) -> Snapshot:
    """A snapshot with the stars of a file, and with its box."""
    names = layout.stars
    group = require_group(
        file, names.group, f"stars of {layout.name} are in {names.group}; ask for a cut-out that holds them"
    )
    table = ParticleGroup(group, "stars", layout, expansion, facts)
    mass = names.mass
    if table.name(mass) is None and names.present is not None:
        mass = names.present
        table.note(PRESENT)
    columns = {
        "position": table.read(names.position, KPC, "position"),
        "velocity": table.read(names.velocity, KMS, "velocity"),
        "mass": table.read(mass, MSUN, "mass"),
        "metallicity": table.metallicity(names.metallicity),
        "formation": table.read(names.formation, NUMBER, "formation"),
    }
    ids, potential = table.ids(names.ids), table.maybe(names.potential, ENERGY, "potential")
    optional = {"ids": ids, "potential": potential}
    check_shapes(file.filename, columns | {name: values for name, values in optional.items() if values is not None})
    with np.errstate(divide="ignore", invalid="ignore"):
        if names.metallicity.share:
            columns["metallicity"] = columns["metallicity"] / columns["mass"]
    alpha, which = alpha_enhancement(abundances(table, names.elements, columns["mass"] * MSUN.cgs))
    if alpha is not None:
        check_shapes(file.filename, {"mass": columns["mass"], "abundance of elements": alpha})
        table.note(f"[alpha/Fe] of the stars is their {which}, with the Sun of Asplund et al. (2009)")
    formation = columns.pop("formation")
    born = np.isfinite(formation) & (formation > 0)
    age = expansion.now() - expansion.time(np.where(born, formation, 1.0))
    subhalo = table.subhalo(names.subhalo, formation.size)
    table.notes += count_notes(header, names.species, formation.size)
    box, remarks = periodic(periods(header, layout.box, table, expansion), columns["position"])
    table.notes += remarks
    stars = Stars(**columns, age=np.maximum(age, YOUNGEST), ids=ids, potential=potential, alpha=alpha, subhalo=subhalo)
    return replace(
        snapshot.noted(*table.notes),
        stars=stars,
        box=box,
    ).without(
        {
            names.unborn: formation <= 0,
            "formation is not a finite number": ~np.isfinite(formation),
            "formed after the snapshot": formation > expansion.scale * (1 + ROUNDING),
        }
    )


def with_gas(snapshot: Snapshot, table: ParticleGroup) -> Snapshot:
    """A snapshot with the gas of a file; gas that lacks a column is left out and counted."""
    names = table.layout.gas
    needed = {
        name: getattr(names, name)
        for name in ("position", "velocity", "mass", "density", "metallicity", "star_formation_rate")
    }
    if table.name(names.temperature) is None:
        if names.energy is None:
            needed["temperature"] = names.temperature
        else:
            needed["internal energy"] = names.energy
    missing = [column.name for column in needed.values() if table.name(column) is None]
    if missing:
        first = find(table.group, names.position.name)
        count = first.shape[0] if isinstance(first, h5py.Dataset) and first.shape else 0
        reason = f"gas: left out, because {table.group.name} has no {' and no '.join(missing)}"
        return replace(snapshot, dropped=snapshot.dropped | {reason: count})
    columns = {
        "position": table.read(names.position, KPC, "position"),
        "velocity": table.read(names.velocity, KMS, "velocity"),
        "mass": table.read(names.mass, MSUN, "mass"),
        "density": table.read(names.density, DENSITY, "density"),
        "metallicity": table.metallicity(names.metallicity),
        "star_formation_rate": table.read(names.star_formation_rate, RATE, "star-formation rate"),
    }
    electrons = table.maybe(names.electron_abundance, NUMBER, "electron abundance")
    heat = table.maybe(names.temperature, NUMBER, "temperature")
    energy = None if heat is not None or names.energy is None else table.read(names.energy, ENERGY, "internal energy")
    given = {"electron_abundance": electrons, "temperature": heat, "internal energy": energy}
    size = table.maybe(names.smoothing_length, KPC, "smoothing length")
    ids, subhalo = table.ids(names.ids), table.subhalo(names.subhalo, columns["mass"].size)
    where = f"{table.group.file.filename}: {table.group.name}"
    optional = {name: values for name, values in (given | {"size": size, "ids": ids}).items() if values is not None}
    check_shapes(where, columns | optional)
    if names.metallicity.share:
        with np.errstate(divide="ignore", invalid="ignore"):
            columns["metallicity"] = columns["metallicity"] / columns["mass"]
    elements = abundances(table, names.elements, columns["mass"] * MSUN.cgs)
    check_shapes(where, {"mass": columns["mass"]} | elements)
    if energy is not None:
        heat = gases.temperature(energy, electrons)
        if electrons is None:
            table.note("electrons of the gas are not counted: above 1e4 K it was taken to be ionised, below neutral")
    if size is None:
        size = cell_radius(columns["mass"], columns["density"])
        table.note("smoothing lengths of the gas are radii of balls of its cells' volumes, mass over density")
    else:
        table.note(f"smoothing lengths of the gas are {names.kernel}")
    if names.effective and (forming := int(np.sum(columns["star_formation_rate"] > 0))):
        table.note(f"the temperature of {forming} star-forming gas particles is that of an effective equation of state")
    assert heat is not None
    gas = Gas(
        **columns,
        temperature=heat,
        smoothing_length=size,
        electron_abundance=electrons,
        elements=elements,
        ids=ids,
        subhalo=subhalo,
    )
    return replace(snapshot.noted(*table.notes), gas=gas)


def no_stars() -> Stars:
    """Stars of a file that holds none of its snapshot's."""
    vector, scalar = np.zeros((0, 3)), np.zeros(0)
    return Stars(vector, vector, scalar, scalar, scalar)


def periods(
    header: h5py.Group, column: Column | None, table: ParticleGroup, expansion: Expansion
) -> Float[np.ndarray, "3"] | None:
    """Period of the box along each axis [kpc], in the unit of the positions; None where the header states none."""
    size = attribute(header, "BoxSize")
    if size is None or size.dtype.kind not in "iuf" or size.size not in (1, 3):
        return None
    if column is not None and column.cgs is not None:
        unit = column.cgs * expansion.scale**column.a * expansion.hubble**column.h
    else:
        column = table.layout.stars.position
        dataset = require_dataset(table.group, table.name(column) or column.name, "")
        unit = replace(table, notes=[]).conversion(dataset, column, KPC)
    box = np.broadcast_to(np.asarray(size, dtype=np.float64).ravel() * (unit / KPC.cgs), (3,))
    return box if np.all(np.isfinite(box) & (box > 0)) else None


def count_notes(header: h5py.Group, species: int, count: int) -> list[str]:
    """Remarks where the header counts other stars than there are, as it does in cut-outs."""
    notes = []
    counts = attribute(header, "NumPart_ThisFile")
    if counts is not None and counts.dtype.kind in "iuf" and counts.size > species and counts.flat[species] != count:
        said = f"{counts.flat[species]:.6g}" if counts.dtype.kind == "f" else f"{counts.flat[species]}"
        notes.append(f"the header counts {said} stars in this file, which holds {count}: all of these were read")
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
