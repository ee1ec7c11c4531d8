"""Snapshots of hydrodynamical simulations in HDF5, by their layouts."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from ifux.io.files.format import Format
from ifux.io.files.hdf5 import attribute, find, members, number, require_dataset, require_group, text
from ifux.io.snapshots.centre import periodic
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.elements import abundances, alpha_enhancement
from ifux.io.snapshots.expansion import Expansion
from ifux.io.snapshots.gas import gas_of
from ifux.io.snapshots.layout import GAS, KPC, STARS, Layout
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.particle_group import ParticleGroup, particle_groups
from ifux.io.snapshots.snapshot import OF_GAS, Snapshot
from ifux.io.snapshots.stars import PRESENT, YOUNGEST, Stars
from ifux.io.snapshots.stated import FACTS, Facts

SPECIES = 4
"""Place of the stars in the header's counts."""

LABELS = ("SimulationName", "RunLabel", "RunName")
"""Header entries that name the simulation, the best first."""

ROUNDING = 1e-6
"""Relative excess of a formation time over the time of the snapshot that is single precision, not a mistake."""


def hydro_format(
    layout: Layout, recognises: Callable[[h5py.File], bool], read: Callable[..., Snapshot] | None = None
) -> Format[Snapshot]:
    """The format of a layout."""
    return snapshot_format(layout.name, recognises, partial(read or read_snapshot, layout=layout), FACTS)


def read_snapshot(file: h5py.File, layout: Layout, **stated: object) -> Snapshot:
    """The stars and the gas of a snapshot or of a cut-out of one, in physical units at its own time.

    `stated` holds what `ifux.io.snapshots.stated` says.
    """
    names = {name for group in particle_groups(file) for name in members(group)}
    facts = Facts.of(file.filename, names, **stated)
    header = require_group(file, "Header", "a snapshot states its scale factor and its cosmology there")
    expansion = Expansion.of(header, find(file, "Cosmology"), facts)
    snapshot = Snapshot(
        no_stars(),
        cosmology=expansion.cosmology,
        redshift=1 / expansion.scale - 1,
        source=source(file, header),
        format=layout.name,
        notes=(*facts.notes(), *expansion.notes),
    )
    files = number(header, "NumFilesPerSnapshot")
    if find(file, STARS) is not None or files is None or files <= 1:
        group = require_group(file, STARS, f"stars of {layout.name} are in {STARS}; ask for a cut-out that holds them")
        snapshot = with_stars(snapshot, header, ParticleGroup(group, "stars", layout, expansion, facts))
    if isinstance(group := find(file, GAS), h5py.Group):
        snapshot = with_gas(snapshot, ParticleGroup(group, "gas", layout, expansion, facts))
    if files is not None and files > 1:
        snapshot = snapshot.noted(f"the header speaks of a snapshot of {files:.12g} files: only this one was read")
    return snapshot


def with_stars(snapshot: Snapshot, header: h5py.Group, table: ParticleGroup) -> Snapshot:
    """A snapshot with the stars of a file, and with its box."""
    names, expansion, where = table.layout.stars, table.expansion, table.group.file.filename
    present = names.present_mass is not None and not table.has("mass")
    if present:
        table.notes.append(PRESENT)
    columns = {role: table.read(role) for role in ("position", "velocity")}
    columns["mass"] = mass = table.read("present_mass" if present else "mass")
    columns |= {"metallicity": table.metallicity(mass), "formation": table.read("formation")}
    ids, potential = table.ids("ParticleIDs"), table.maybe("potential")
    alpha, which = alpha_enhancement(abundances(table, mass))
    check_shapes(where, {**columns, "ids": ids, "potential": potential, "abundance of elements": alpha})
    if alpha is not None:
        table.notes.append(f"[alpha/Fe] of the stars is their {which}, with the Sun of Asplund et al. (2009)")
    formation = columns.pop("formation")
    born = np.isfinite(formation) & (formation > 0)
    age = expansion.now() - expansion.time(np.where(born, formation, 1.0))
    subhalo = table.subhalo(table.layout.subhalo, formation.size)
    table.notes += count_notes(header, formation.size)
    box, remarks = periodic(periods(header, table), columns["position"])
    table.notes += remarks
    stars = Stars(**columns, age=np.maximum(age, YOUNGEST), ids=ids, potential=potential, alpha=alpha, subhalo=subhalo)
    return replace(snapshot.noted(*table.notes), stars=stars, box=box).without(
        {
            names.unborn: formation <= 0,
            "formation is not a finite number": ~np.isfinite(formation),
            "formed after the snapshot": formation > expansion.scale * (1 + ROUNDING),
        }
    )


def with_gas(snapshot: Snapshot, table: ParticleGroup) -> Snapshot:
    """A snapshot with the gas of a file; gas that lacks a column is left out and counted."""
    names = table.layout.gas
    warm = table.has("temperature") or names.internal_energy is None
    direct = ("position", "velocity", "mass", "density", "star_formation_rate")
    needed = (*direct, "metallicity", "temperature" if warm else "internal_energy")
    missing = [column.name for role in needed if not table.has(role) and (column := table.column(role)) is not None]
    if missing:
        first = find(table.group, table.layout.position.name)
        count = first.shape[0] if isinstance(first, h5py.Dataset) and first.shape else 0
        reason = f"{OF_GAS}left out, because {table.group.name} has no {' and no '.join(missing)}"
        return replace(snapshot, dropped=snapshot.dropped | {reason: count})
    columns = {role: table.read(role) for role in direct}
    mass = columns["mass"]
    columns |= {"metallicity": table.metallicity(mass), "ids": table.ids("ParticleIDs")}
    optional = ("temperature" if warm else "internal_energy", "smoothing_length", "electron_abundance")
    columns |= {role: table.maybe(role) for role in optional}
    subhalo = table.subhalo(table.layout.subhalo, mass.size)
    gas, notes = gas_of(table.where, columns, abundances(table, mass), subhalo)
    table.notes += notes
    if table.has("smoothing_length"):
        table.notes.append(f"smoothing lengths of the gas are {names.kernel}")
    if names.effective and (forming := int(np.sum(gas.star_formation_rate > 0))):
        table.notes.append(
            f"the temperature of {forming} star-forming gas particles is that of an effective equation of state"
        )
    return replace(snapshot.noted(*table.notes), gas=gas)


def no_stars() -> Stars:
    """Stars of a file that holds none of its snapshot's."""
    vector, scalar = np.zeros((0, 3)), np.zeros(0)
    return Stars(vector, vector, scalar, scalar, scalar)


def periods(header: h5py.Group, table: ParticleGroup) -> Float[np.ndarray, "3"] | None:
    """Period of the box along each axis [kpc], in the unit of the positions; None where the header states none."""
    size = attribute(header, "BoxSize")
    if size is None or size.dtype.kind not in "iuf" or size.size not in (1, 3):
        return None
    column = table.layout.box
    if column is not None and column.cgs is not None:
        unit = column.cgs * table.expansion.scale**column.a * table.expansion.hubble**column.h
    else:
        column = table.layout.position
        dataset = require_dataset(table.group, table.name(column) or column.name, "")
        unit = replace(table, notes=[]).conversion(dataset, column, KPC)
    box = np.broadcast_to(np.asarray(size, dtype=np.float64).ravel() * (unit / KPC.cgs), (3,))
    return box if np.all(np.isfinite(box) & (box > 0)) else None


def count_notes(header: h5py.Group, count: int) -> list[str]:
    """Remarks where the header counts other stars than there are, as it does in cut-outs."""
    counts = attribute(header, "NumPart_ThisFile")
    if counts is None or counts.dtype.kind not in "iuf" or counts.size <= SPECIES or counts.flat[SPECIES] == count:
        return []
    said = f"{counts.flat[SPECIES]:.6g}" if counts.dtype.kind == "f" else f"{counts.flat[SPECIES]}"
    return [f"the header counts {said} stars in this file, which holds {count}: all of these were read"]


def source(file: h5py.File, header: h5py.Group) -> str:
    """Name of the file and of what it says it is a part of."""
    label = next((found for name in LABELS if (found := text(header, name))), "")
    snapshot = number(header, "SnapshotNumber")
    parts = [label] if label else []
    if snapshot is not None:
        parts.append(f"snapshot {snapshot:.0f}")
    name = Path(file.filename).name
    return f"{name} ({', '.join(parts)})" if parts else name
