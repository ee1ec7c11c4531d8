"""A galaxy from arrays in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from jaxtyping import ArrayLike

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.galaxy import Centre, settled
from ifux.io.snapshots.gas import FURTHER, Gas, gas_of
from ifux.io.snapshots.gas import UNITS as GAS
from ifux.io.snapshots.quantity import in_unit
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import UNITS, Stars
from ifux.particles import Particles


def galaxy_from_arrays(
    *,
    position: ArrayLike | Sequence | units.Quantity,
    velocity: ArrayLike | Sequence | units.Quantity,
    mass: ArrayLike | Sequence | units.Quantity,
    age: ArrayLike | Sequence | units.Quantity,
    metallicity: ArrayLike | Sequence | units.Quantity,
    gas: Mapping[str, Any] | None = None,
    potential: ArrayLike | Sequence | units.Quantity | None = None,
    particle_ids: Sequence | np.ndarray | None = None,
    redshift: float = 0.0,
    source: str = "arrays",
    centre: Centre = "shrinking-sphere",
    radius: float | int | None = None,
    velocity_radius: float | int | None = None,
    ids: Sequence | np.ndarray | str | Path | None = None,
) -> Galaxy[Particles]:
    """A galaxy from arrays with astropy units, or of bare numbers in ifux's own.

    Args:
        position: (particle, 3), physical [kpc].
        velocity: (particle, 3) [km/s].
        mass: As formed [solar mass].
        age: At the time of the snapshot [Gyr].
        metallicity: Mass fraction.
        gas: Columns of the gas by the names of `ifux.particles.Gas`, in the frame of the stars. In place of temperature
            [K] internal_energy [(km/s)^2] will do, with electron_abundance (electrons per hydrogen nucleus) where it is
            known. What may be left out: star_formation_rate, which is then zero; smoothing_length, then the radius of a
            ball of mass / density; electron_abundance; elements, mass fractions by chemical symbol; particle_ids.
        potential: Of the stars [(km/s)^2], for the centre "most-bound".
        particle_ids: Identifiers of the stars, whole numbers, for the selection by `ids`.
        redshift: Redshift of the snapshot.
        source: Name for reports.
        centre: As in `read_galaxy`; "as-is" for stars that are centred and at rest.
        radius: As in `read_galaxy` [kpc].
        velocity_radius: As in `read_galaxy` [kpc].
        ids: As in `read_galaxy`.
    """
    given = {"position": position, "velocity": velocity, "mass": mass, "age": age, "metallicity": metallicity}
    columns = {name: in_unit(values, UNITS[name], name) for name, values in given.items()}
    depth = None if potential is None else in_unit(potential, "km2/s2", "potential")
    names = None if particle_ids is None else signed(np.asarray(particle_ids), f"{source}: particle_ids")
    check_shapes(source, {**columns, "potential": depth, "ids": names})
    cells, notes = (None, []) if gas is None else gas_from_arrays(gas, source)
    snapshot = Snapshot(
        Stars(**columns, potential=depth, ids=names), cells, redshift=redshift, source=source, notes=(*notes,)
    )
    return settled(snapshot, centre, radius, velocity_radius, ids=ids)


def gas_from_arrays(given: Mapping[str, Any], source: str) -> tuple[Gas, list[str]]:
    """Gas from arrays, and notes on it, by the rules that `galaxy_from_arrays` states."""
    units, known = GAS | FURTHER, (*GAS, *FURTHER, "elements", "particle_ids")
    if unknown := [name for name in given if name not in known]:
        raise InputError(f"{source}: gas has no column {unknown[0]!r}: it has {', '.join(known)}.")
    there = [name for name in units if given.get(name) is not None]
    columns = {name: in_unit(given[name], units[name], f"gas {name}") for name in there}
    elements = {name: in_unit(values, "", f"gas {name}") for name, values in dict(given.get("elements") or {}).items()}
    needed = [name for name in GAS if name not in ("star_formation_rate", "smoothing_length")]
    enough = {*there, "temperature"} if "internal_energy" in there else {*there}
    missing = [name for name in needed if name not in enough]
    if missing:
        raise InputError(f"{source}: gas lacks {', '.join(missing)}; of all gas its {', '.join(needed)} must be known.")
    if given.get("particle_ids") is not None:
        columns["ids"] = signed(np.asarray(given["particle_ids"]), f"{source}: gas particle_ids")
    return gas_of(f"{source}: gas", columns, elements)
