"""The principal axes of a galaxy."""

import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from ifux.particles import Particles


def half_mass_radius(radius: Float[np.ndarray, " particle"], mass: Float[np.ndarray, " particle"]) -> float:
    """The radius that holds half of the mass, in the unit of the radii."""
    order = np.argsort(radius)
    cumulative = np.cumsum(mass[order])
    return float(radius[order][np.searchsorted(cumulative, cumulative[-1] / 2)])


def principal_axes(particles: Particles) -> Float[np.ndarray, "3 3"]:
    """Rows: major axis, intermediate axis and spin side of the minor axis, right-handed.

    Those of the second moments of mass inside the half-mass radius, in double precision on the host; the angular
    momentum of the same stars chooses between the two ends of the minor axis. Zero-mass particles count for nothing.
    """
    if isinstance(particles.mass, Tracer):
        raise TypeError(
            "principal_axes needs concrete particles: align the orientation before you jit or differentiate."
        )
    position, velocity, mass = (
        np.asarray(leaf, np.float64) for leaf in (particles.position, particles.velocity, particles.mass)
    )
    radius = np.linalg.norm(position, axis=1)
    inside = radius <= half_mass_radius(radius, mass)
    position, velocity, mass = position[inside], velocity[inside], mass[inside]
    _, axes = np.linalg.eigh(np.einsum("p,pi,pj->ij", mass, position, position))
    minor, major = axes[:, 0], axes[:, 2]
    spin = np.einsum("p,pi->i", mass, np.cross(position, velocity))
    if minor @ spin < 0:
        minor = -minor
    return np.stack([major, np.cross(minor, major), minor])
