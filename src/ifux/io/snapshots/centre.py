"""Where a galaxy is, how large it is and how it moves: in double precision, before anything is cast to single.

A position in a box of 300 Mpc is rounded to 30 pc in single precision; relative to its galaxy it is not.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ifux.io.snapshots.snapshot import Snapshot
from ifux.orientation.alignment import half_mass_radius

KEPT = 0.9
"""Share of the stars that stays in the sphere at each step."""

CORE = 0.1
"""Share of the stars whose centre of mass is the result."""

EDGE = 1.001
"""Of a box, by which positions may be rounded over it."""

FEWEST = 100
"""Stars in the result, where there are as many: fewer make the centre of a flat core a matter of luck."""


def moved(
    snapshot: Snapshot, name: str, rule: Callable[[Float[np.ndarray, "particle 3"]], Float[np.ndarray, "particle 3"]]
) -> Snapshot:
    """A snapshot whose positions or velocities, of stars and of gas, are changed by a rule."""
    stars = replace(snapshot.stars, **{name: rule(getattr(snapshot.stars, name))})
    gas = snapshot.gas and replace(snapshot.gas, **{name: rule(getattr(snapshot.gas, name))})
    return replace(snapshot, stars=stars, gas=gas)


def periodic(
    box: Float[np.ndarray, "3"] | None, position: Float[np.ndarray, "particle 3"]
) -> tuple[Float[np.ndarray, "3"] | None, list[str]]:
    """The period [kpc] of positions that fit into one, wherever they are counted from; else None, and why.

    An isolated galaxy lies on both sides of the corner of its box, and a BoxSize may be in another unit.
    """
    if box is None:
        return None, []
    inside = np.all(np.abs(position) <= EDGE * box, axis=1)
    if np.mean(inside | ~np.isfinite(position).all(axis=1)) > 0.99 or not position.size:
        spread = np.ptp(position[inside], axis=0) if inside.any() else np.zeros(3)
        if np.all(spread <= EDGE * box):
            return box, []
    return None, [f"positions lie outside the box of {box.max():.6g} kpc, so it was not taken for periodic"]


def unwrapped(snapshot: Snapshot, about: Float[np.ndarray, "3"]) -> Snapshot:
    """Particles of a periodic box, each as its image nearest to a point [kpc]."""
    if (box := snapshot.box) is None:
        return snapshot
    return moved(snapshot, "position", lambda position: position - box * np.round((position - about) / box))


def gathered(snapshot: Snapshot) -> Snapshot:
    """Particles of a periodic box, each as its image nearest to the circular mean of the stars, which knows no edge."""
    if snapshot.box is None:
        return snapshot
    phase = np.exp(2j * np.pi * snapshot.stars.position / snapshot.box)
    snapshot = unwrapped(snapshot, np.angle(snapshot.stars.mass @ phase) / (2 * np.pi) % 1 * snapshot.box)
    spread = np.max(np.ptp(snapshot.stars.position, axis=0) / snapshot.box)
    if spread < 0.5:
        return snapshot
    return snapshot.noted(
        f"the stars fill {spread:.0%} of the periodic box, so which side of it they are on is a guess: give a centre "
        "and a radius"
    )


def densest(
    position: Float[np.ndarray, "particle 3"], mass: Float[np.ndarray, " particle"]
) -> tuple[Float[np.ndarray, "3"], str]:
    """Centre of the clump that the mass gathers about, or of the mass if that has half of it nearer; and which [kpc].

    Shells, stellar haloes and flat cores have dense spots too, by chance.
    """
    clump, centre = shrinking_sphere(position, mass), mass @ position / mass.sum()
    reach, alternative = (half_mass_radius(distances(position - place), mass) for place in (clump, centre))
    if reach <= alternative:
        return clump, "by a shrinking sphere"
    return centre, (
        f"the centre of mass, which has half of the mass inside {alternative:.4g} kpc where the densest clump has it "
        f"inside {reach:.4g} kpc"
    )


def shrinking_sphere(
    position: Float[np.ndarray, "particle 3"], mass: Float[np.ndarray, " particle"]
) -> Float[np.ndarray, "3"]:
    """Centre of the densest clump that holds much of the mass [kpc].

    Each step keeps the nine tenths of the stars that are nearest to their own centre of mass, until one in ten (but a
    hundred of them) is left; the result is the centre of mass of these. Two galaxies of equal mass have no such
    centre: give one.

    References: Power et al. (2003), MNRAS 338, 14, who shrink the radius rather than the number.
    """
    few = max(int(CORE * mass.size), FEWEST)
    while True:
        centre = mass @ position / mass.sum()
        keep = int(KEPT * mass.size)
        if keep < few:
            return centre
        near = np.argpartition(distances(position - centre), keep - 1)[:keep]
        position, mass = position[near], mass[near]


def distances(position: Float[np.ndarray, "particle 3"]) -> Float[np.ndarray, " particle"]:
    """Lengths of vectors."""
    return np.sqrt(np.einsum("ij,ij->i", position, position))
