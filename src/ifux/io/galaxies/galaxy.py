"""From the stars of a file to a galaxy that is centred and at rest."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy import units

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.galaxies.centre import densest, distances, gathered, unwrapped
from ifux.io.galaxies.quantity import in_unit
from ifux.io.galaxies.stars import Stars
from ifux.orientation.alignment import half_mass_radius
from ifux.particles import Particles

Centre = str | Sequence | np.ndarray | units.Quantity
"""How a galaxy is centred: "shrinking-sphere", "as-is" (not at all), or three coordinates [kpc]."""


def settled(
    stars: Stars, centre: Centre, radius: float | int | None = None, velocity_radius: float | int | None = None
) -> Galaxy[Particles]:
    """The galaxy that stars make up, by the rules that `read_galaxy` states. Lengths in kpc."""
    for name, length in (("radius", radius), ("velocity_radius", velocity_radius)):
        if length is not None and not (isinstance(length, int | float) and length > 0):
            raise InputError(f"{stars.source}: {name} must be a positive length in kpc, got {length!r}.")
    resting = isinstance(centre, str) and centre == "as-is"
    stars = stars.sane()
    some_left(stars)
    if not resting:
        stars = centred(stars, centre)
    if radius is not None:
        outside = distances(stars.position) > radius
        stars = stars.without({f"farther than {radius:g} kpc from the centre": outside})
        some_left(stars)
    if not resting or velocity_radius is not None:
        stars = at_rest(stars, velocity_radius)
    return Galaxy(
        Particles(stars.position, stars.velocity, stars.mass, stars.age, stars.metallicity),
        stars.redshift,
        source=stars.source,
        format=stars.format,
        dropped=stars.dropped,
        changed=stars.changed,
        notes=stars.notes,
    )


def centred(stars: Stars, centre: Centre) -> Stars:
    """Stars relative to the centre of their galaxy, the periodic box undone."""
    if isinstance(centre, str):
        if centre != "shrinking-sphere":
            raise InputError(
                f"{stars.source}: centre must be 'shrinking-sphere', 'as-is' or three coordinates in kpc, "
                f"got {centre!r}."
            )
        stars = gathered(stars)
        origin, how = densest(stars.position, stars.mass)
    else:
        origin, how = point(centre, stars.source), "as given"
    stars = unwrapped(stars, origin)
    note = f"the centre is at {triple(origin, 3)} kpc of the snapshot, {how}"
    return replace(stars, position=stars.position - origin, notes=(*stars.notes, note))


def at_rest(stars: Stars, radius: float | int | None) -> Stars:
    """Stars relative to the mean velocity, weighted by mass, of those inside a radius [kpc]."""
    distance = distances(stars.position)
    half = half_mass_radius(distance, stars.mass)
    radius = half if radius is None else radius
    near = distance <= radius
    if not near.any():
        raise InputError(
            f"{stars.source}: no star lies inside velocity_radius = {radius:g} kpc of the centre; the nearest is at "
            f"{distance.min():.3g} kpc and half of the mass lies inside {half:.3g} kpc."
        )
    bulk = stars.mass[near] @ stars.velocity[near] / stars.mass[near].sum()
    notes = (
        f"half of the formed mass lies inside {half:.4g} kpc of the centre",
        f"the {int(near.sum())} stars inside {radius:.4g} kpc move at {triple(bulk, 2)} km/s in the snapshot",
    )
    return replace(stars, velocity=stars.velocity - bulk, notes=stars.notes + notes)


def triple(values: np.ndarray, digits: int) -> str:
    """Three coordinates for a sentence."""
    return f"({', '.join(f'{value:.{digits}f}' for value in values)})"


def some_left(stars: Stars):
    """Raises an error that says where the stars went, if there are none."""
    if not stars.count:
        went = "; ".join(f"{count}: {reason}" for reason, count in stars.dropped.items()) or "it has none"
        raise InputError(f"{stars.source}: no star particle is left ({went}): select another galaxy or a wider radius.")


def point(centre: Sequence | np.ndarray | units.Quantity, source: str) -> np.ndarray:
    """Three coordinates [kpc]."""
    values = in_unit(centre, "kpc", "centre")
    if values.shape != (3,) or not np.all(np.isfinite(values)):
        raise InputError(f"{source}: a centre has three finite coordinates in kpc of the snapshot, got {values}.")
    return values
