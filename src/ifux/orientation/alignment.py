"""The principal axes of a galaxy."""

import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from ifux.particles import Particles, Stars

BLOCK = 2**20
"""Particles held in double precision at a time."""

SHELLS = np.geomspace(1e-6, 1e6, 6001)
"""Radii between which mass is first counted [kpc]."""


def half_mass_radius(radius: Float[np.ndarray, " particle"], mass: Float[np.ndarray, " particle"]) -> float:
    """The radius that holds half of the mass, in the unit of the radii."""
    order = np.argsort(radius)
    cumulative = np.cumsum(mass[order])
    return float(radius[order][np.searchsorted(cumulative, cumulative[-1] / 2)])


def principal_axes(stars: Stars) -> Float[np.ndarray, "3 3"]:
    """Rows: major axis, intermediate axis and spin side of the minor axis, right-handed.

    Those of the second moments of mass inside the half-mass radius, in double precision on the host; the angular
    momentum of the same stars chooses between the two ends of the minor axis. Zero-mass particles count for nothing.

    Reads the stars twice, block by block: which shell of radii holds the half-mass radius, and what lies inside it.
    """
    if isinstance(stars, Particles) and isinstance(stars.mass, Tracer):
        raise TypeError(
            "principal_axes needs concrete particles: align the orientation before you jit or differentiate."
        )
    masses = np.zeros(SHELLS.size + 1)
    for _, _, mass, radius in phase_space(stars):
        masses += np.bincount(np.searchsorted(SHELLS, radius), mass, masses.size)
    cumulative = np.cumsum(masses)
    shell = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    within, spin, last = np.zeros((3, 3)), np.zeros(3), []
    for position, velocity, mass, radius in phase_space(stars):
        place = np.searchsorted(SHELLS, radius)
        second, angular = moments(*(leaf[place < shell] for leaf in (position, velocity, mass)))
        within, spin = within + second, spin + angular
        last.append([leaf[place == shell] for leaf in (position, velocity, mass, radius)])
    position, velocity, mass, radius = (np.concatenate(leaves) for leaves in zip(*last, strict=True))
    order = np.argsort(radius)
    enclosed = cumulative[shell] - masses[shell] + np.cumsum(mass[order])
    half = radius[order][min(np.searchsorted(enclosed, cumulative[-1] / 2), radius.size - 1)]
    second, angular = moments(*(leaf[radius <= half] for leaf in (position, velocity, mass)))
    _, axes = np.linalg.eigh(within + second)
    minor, major = axes[:, 0], axes[:, 2]
    if minor @ (spin + angular) < 0:
        minor = -minor
    return np.stack([major, np.cross(minor, major), minor])


def phase_space(stars: Stars):
    """Position, velocity, mass and radius of the stars in double precision, block by block."""
    for block in stars.blocks(BLOCK):
        position, velocity, mass = (
            np.asarray(leaf, np.float64) for leaf in (block.position, block.velocity, block.mass)
        )
        yield position, velocity, mass, np.linalg.norm(position, axis=1)


def moments(
    position: Float[np.ndarray, "particle 3"],
    velocity: Float[np.ndarray, "particle 3"],
    mass: Float[np.ndarray, " particle"],
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
    """Second moments of mass, and angular momentum."""
    return np.einsum("p,pi,pj->ij", mass, position, position), mass @ np.cross(position, velocity)
