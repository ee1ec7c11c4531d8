"""From the particles of a file to a galaxy that is centred and at rest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy import units

from ifux.errors import InputError
from ifux.galaxy import Galaxy, S
from ifux.io.snapshots import gas, stars
from ifux.io.snapshots.centre import densest, distances, gathered, moved, unwrapped
from ifux.io.snapshots.columns import LARGEST
from ifux.io.snapshots.plausible import check_galaxy, check_metallicity
from ifux.io.snapshots.quantity import in_unit
from ifux.io.snapshots.selection import of_ids, of_subhalo, without
from ifux.io.snapshots.snapshot import OF_GAS, Snapshot
from ifux.orientation.alignment import half_mass_radius
from ifux.particles import Cells, Gas, Particles

Centre = str | Sequence | np.ndarray | units.Quantity
"""How a galaxy is centred: "shrinking-sphere", "most-bound", "as-is" (not at all), or three coordinates [kpc]."""

CENTRES = ("shrinking-sphere", "most-bound", "as-is")


def settled(
    snapshot: Snapshot,
    centre: Centre,
    radius: float | int | None = None,
    velocity_radius: float | int | None = None,
    subhalo: int | Sequence | np.ndarray | None = None,
    ids: Sequence | np.ndarray | str | Path | None = None,
    options: tuple[str, ...] | None = None,
) -> Galaxy[Particles]:
    """The galaxy that particles make up, by the rules that `read_galaxy` states. Lengths in kpc.

    With the options of its format, which its sentences speak of, it is asked whether it can be one.
    """
    for name, length in (("radius", radius), ("velocity_radius", velocity_radius)):
        if length is not None and not (isinstance(length, int | float) and length > 0):
            raise InputError(f"{snapshot.source}: {name} must be a positive length in kpc, got {length!r}.")
    resting = isinstance(centre, str) and centre == "as-is"
    if subhalo is not None:
        snapshot = of_subhalo(snapshot, subhalo)
    if ids is not None:
        snapshot = of_ids(snapshot, ids)
    if options is not None:
        check_metallicity(snapshot, options)
    snapshot = snapshot.sane()
    some_left(snapshot)
    if not resting:
        snapshot = centred(snapshot, centre)
    if radius is not None:
        reason = f"farther than {radius:g} kpc from the centre"
        snapshot = without(snapshot, "position", reason, lambda position: distances(position) > radius)
        some_left(snapshot)
    if not resting or velocity_radius is not None:
        snapshot = at_rest(snapshot, velocity_radius)
    if options is not None and not resting:
        snapshot = check_galaxy(snapshot, options)
    elif options is not None:
        check_galaxy(at_rest(centred(snapshot, "shrinking-sphere"), None), options)
    if not (total := float(snapshot.stars.mass.sum())) < LARGEST:
        raise InputError(
            f"{snapshot.source}: the mass of the stars, {total:.4g} Msun, is no number in single precision."
        )
    gas = cells(snapshot.gas) if snapshot.gas is not None and snapshot.gas.count else None
    return galaxy_of(particles(snapshot.stars), gas, snapshot)


def galaxy_of(stars: S, gas: Cells | None, snapshot: Snapshot) -> Galaxy[S]:
    """A galaxy of stars and gas, with all else that a snapshot says."""
    return Galaxy(
        stars,
        snapshot.redshift,
        source=snapshot.source,
        format=snapshot.format,
        dropped=snapshot.dropped,
        changed=snapshot.changed,
        notes=snapshot.notes,
        gas=gas,
        cosmology=snapshot.cosmology,
    )


def particles(table: stars.Stars) -> Particles:
    """Stars as the telescope takes them."""
    return Particles(*(getattr(table, name) for name in stars.UNITS), alpha=table.alpha)


def cells(table: gas.Gas) -> Gas:
    """Gas as later stages take it."""
    columns = {name: getattr(table, name) for name in gas.UNITS}
    return Gas(**columns, electron_abundance=table.electron_abundance, elements=table.elements)


def centred(snapshot: Snapshot, centre: Centre) -> Snapshot:
    """Particles relative to the centre of their galaxy, the periodic box undone."""
    if not isinstance(centre, str):
        origin, how = in_unit(centre, "kpc", "centre"), "as given"
        if origin.shape != (3,) or not np.all(np.isfinite(origin)):
            raise InputError(
                f"{snapshot.source}: a centre has three finite coordinates in kpc of the snapshot, got {origin}."
            )
    elif centre == "most-bound":
        if snapshot.stars.potential is None or np.isnan(snapshot.stars.potential).all():
            raise InputError(
                f"{snapshot.source}: the file gives no potential of its stars, so which is most bound is unknown: take "
                "centre 'shrinking-sphere', or three coordinates in kpc."
            )
        lowest = int(np.nanargmin(snapshot.stars.potential))
        origin, how = snapshot.stars.position[lowest], "where the potential of a star is lowest"
    elif centre == "shrinking-sphere":
        snapshot = gathered(snapshot)
        origin, how = densest(snapshot.stars.position, snapshot.stars.mass)
    else:
        raise InputError(
            f"{snapshot.source}: centre must be 'shrinking-sphere', 'most-bound', 'as-is' or three coordinates in kpc, "
            f"got {centre!r}."
        )
    snapshot = moved(unwrapped(snapshot, origin), "position", lambda position: position - origin)
    return snapshot.noted(f"the centre is at {triple(origin, 3)} kpc of the snapshot, {how}")


def at_rest(snapshot: Snapshot, radius: float | int | None) -> Snapshot:
    """Particles relative to the mean velocity, weighted by mass, of the stars inside a radius [kpc]."""
    stars = snapshot.stars
    distance = distances(stars.position)
    half = half_mass_radius(distance, stars.mass)
    radius = half if radius is None else radius
    near = distance <= radius
    if not near.any():
        raise InputError(
            f"{snapshot.source}: no star lies inside velocity_radius = {radius:g} kpc of the centre; the nearest is at "
            f"{distance.min():.3g} kpc and half of the mass lies inside {half:.3g} kpc."
        )
    bulk = stars.mass[near] @ stars.velocity[near] / stars.mass[near].sum()
    return moved(snapshot, "velocity", lambda velocity: velocity - bulk).noted(
        f"half of the formed mass lies inside {half:.4g} kpc of the centre",
        f"the {int(near.sum())} stars inside {radius:.4g} kpc move at {triple(bulk, 2)} km/s in the snapshot",
    )


def triple(values: np.ndarray, digits: int) -> str:
    """Three coordinates for a sentence."""
    return f"({', '.join(f'{value:.{digits}f}' for value in values)})"


def some_left(snapshot: Snapshot):
    """Raises an error that says where the stars went, if there are none."""
    if not snapshot.stars.count:
        lost = {reason: count for reason, count in snapshot.dropped.items() if not reason.startswith(OF_GAS)}
        went = "; ".join(f"{count}: {reason}" for reason, count in lost.items()) or "it has none"
        raise InputError(
            f"{snapshot.source}: no star particle is left ({went}): select another galaxy or a wider radius."
        )
