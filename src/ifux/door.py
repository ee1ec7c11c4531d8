"""What a careful observer looks at before trusting a cube. On concrete values: nothing here can be traced."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.numerics.stencil import Stencil
from ifux.orientation.base import AbstractOrientation
from ifux.particles import Particles, Projected, Stars
from ifux.target import AbstractTarget
from ifux.telescope import HIGHEST, Telescope
from ifux.units import SPEED_OF_LIGHT

NEGLIGIBLE = 1e-3
"""A fraction of the mass that is not worth a word."""

VISIBLE = 0.02
"""An error of a single star's spectrum, over its peak, that is worth one. Those of many stars average out."""

BLOCK = 2**20
"""Stars that are looked at together."""


def coarse_library(telescope: Telescope) -> str | None:
    """Where the library's resolution is worse than the telescope's, in a sentence; None where it is not."""
    ssp, redshift = telescope.ssp, telescope.target.redshift
    excess = np.asarray(telescope.lsf.excess(ssp.rest, ssp.fwhm, redshift), np.float64)
    observed = ssp.rest.centres() * (1 + float(redshift))
    edges = telescope.wavelengths.edges()
    coarse = (excess < 0) & (observed > edges[0]) & (observed < edges[-1])
    if not coarse.any():
        return None
    best = (np.asarray(ssp.fwhm, np.float64) * (1 + float(redshift)))[coarse].max()
    return (
        f"the library is coarser than the telescope's line spread function from {observed[coarse][0]:.0f} to "
        f"{observed[coarse][-1]:.0f} angstrom: the best FWHM it allows there at this redshift is {best:.3f} angstrom"
    )


def coarse_channels(telescope: Telescope) -> str | None:
    """That the velocity nodes are too far apart for the lines, in a sentence; None where they are not."""
    error = float(error_between_nodes(telescope.narrowed_to(telescope.kinematics.spacing)))
    if not error >= VISIBLE:
        return None
    return (
        f"the spectrum of a star whose velocity lies half-way between two nodes, {telescope.kinematics.spacing:g} km/s "
        f"apart, is wrong by up to {error:.0%} of its peak: lower telescope.kinematics.spacing"
    )


@eqx.filter_jit
def error_between_nodes(telescope: Telescope) -> Float[Array, ""]:
    """The largest error of a spectrum half-way between two velocity nodes, over its peak, of all in the library.

    A star that recedes is one at rest at a higher redshift, where it lies on a node.
    """
    ssp, kinematics, redshift = telescope.ssp, telescope.kinematics, telescope.target.redshift
    spectra = telescope.lsf.broaden(ssp.spectra(), ssp.rest, ssp.fwhm, redshift)
    metallicity, age = (axis.ravel() for axis in jnp.meshgrid(ssp.metallicity, ssp.age, indexing="ij"))
    sky = jnp.zeros((age.size, 2), age.dtype)
    shift = kinematics.spacing / 2 / SPEED_OF_LIGHT

    def seen(velocity: float, redshift: Float[Array, ""]) -> Float[Array, "population wave"]:
        stars = Projected(sky, sky[:, 0], sky[:, 0] + velocity, sky[:, 0] + 1, age, metallicity)
        place, mixture = kinematics.locate(stars), ssp.coefficients(stars)
        nodes = kinematics.respond(spectra, ssp.rest, telescope.wavelengths, redshift)
        basis = jnp.einsum("n,nbw->bw", place.weight[0], nodes[place.index[0]], precision=HIGHEST)
        return mixture.gather(basis) if isinstance(mixture, Stencil) else jnp.matmul(mixture, basis, precision=HIGHEST)

    found = seen(SPEED_OF_LIGHT * math.tanh(shift), redshift)
    truth = seen(0.0, (1 + redshift) * math.exp(shift) - 1)
    return jnp.max(jnp.abs(found - truth).max(axis=1) / truth.max(axis=1))


@dataclass(frozen=True)
class Sight:
    """What a telescope sees of a galaxy."""

    field: float
    """Fraction of the mass on the field of view."""
    channels: float
    """Fraction of the mass within the velocity channels."""
    library: float
    """Fraction of the mass within the grid of the library."""
    wavelengths: float
    """Fraction of the detector's channels that the library reaches at every velocity."""
    fastest: float
    """Largest speed along the line of sight [km/s]."""


def look(telescope: Telescope, stars: Stars) -> Sight:
    """A first look at all stars, block by block."""

    @eqx.filter_jit
    def see(telescope: Telescope, block: Particles):
        seen, mass = telescope.coverage(block), block.mass.sum()
        speed = jnp.abs(telescope.project(block).velocity).max()
        return jnp.stack([seen.field, seen.channels, seen.library]) * mass, mass, seen.wavelengths, speed

    sums, total, wavelengths, top = np.zeros(3), 0.0, 1.0, 0.0
    size = min(BLOCK, stars.count)
    for block in stars.blocks(size):
        part, mass, wavelengths, speed = see(telescope, block.filled(size))
        sums, total, top = sums + np.asarray(part, np.float64), total + float(mass), max(top, float(speed))
    field, channels, library = (sums / total).tolist()
    return Sight(field, channels, library, float(wavelengths), min(top, SPEED_OF_LIGHT))


def fastest(orientation: AbstractOrientation, target: AbstractTarget, stars: Stars) -> float:
    """The largest speed along the line of sight [km/s]."""
    project = eqx.filter_jit(lambda o, p, scale: jnp.abs(o(p, scale).velocity).max())
    scale, size = target.arcsec_per_kpc(), min(BLOCK, stars.count)
    speeds = [float(project(orientation, block.filled(size), scale)) for block in stars.blocks(size)]
    return min(max(speeds), SPEED_OF_LIGHT)


def lost_light(sight: Sight) -> list[str]:
    """What the telescope does not represent, one sentence for each reason that matters."""
    findings = []
    if (lost := 1 - sight.field) > NEGLIGIBLE:
        findings.append(f"{lost:.1%} of the formed mass lies outside the field of view")
    if (lost := 1 - sight.channels) > NEGLIGIBLE:
        findings.append(
            f"{lost:.1%} of the formed mass moves too fast for the velocity channels and is lost: "
            f"the fastest star has {sight.fastest:.0f} km/s along the line of sight; "
            "raise telescope.kinematics.reach"
        )
    if (lost := 1 - sight.library) > NEGLIGIBLE:
        findings.append(
            f"{lost:.1%} of the formed mass lies outside the library's grid of ages and metallicities: held at its edge"
        )
    if (lost := 1 - sight.wavelengths) > 0:
        findings.append(f"{lost:.1%} of the detector's channels lie where the library ends: they are not to be trusted")
    return findings


def out_of_sight(target: AbstractTarget) -> str | None:
    """Why a target cannot be observed, in a sentence; None where it can."""
    flux, scale = float(target.flux_per_luminosity()), float(target.arcsec_per_kpc())
    if 0 < flux < np.inf and 0 < scale < np.inf:
        return None
    return (
        f"at redshift {float(target.redshift):g} it is at a luminosity distance of "
        f"{float(target.luminosity_distance()):g} Mpc, where light and size are not finite numbers; "
        'give another redshift, or {"kind": "fixed"} with a distance in Mpc'
    )


def voxels(stages: Mapping[str, Any], wavelengths: Wavelengths, *, basis: int = 1) -> int:
    """Numbers that an observation holds at the very least: weights and cube twice, templates and axes once."""
    tall, wide = stages["spaxels"].shape(stages["psf"].margin)
    kinds = stages["kinematics"].size * stages["dust"].size * basis
    y, x = stages["spaxels"].shape(0)
    return 2 * tall * wide * kinds + (2 * y * x + kinds + 20) * wavelengths.size


def beyond_memory(numbers: int) -> str | None:
    """Why so many numbers in single precision cannot be held, in a sentence; None where they can."""
    there = memory()
    if there is None or 4 * numbers <= there:
        return None
    return (
        f"it needs at least {4 * numbers // 10**9} GB of memory and there are {there // 10**9}; take fewer particles, "
        "spaxels, channels or velocity nodes, a lower rank, or a PSF of shorter reach"
    )


def memory() -> int | None:
    """Memory of the device, or of the machine [byte]; None where the system does not tell."""
    try:
        limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
        return limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except AttributeError:
        return None


def beyond_counting(telescope: Telescope) -> str | None:
    """Why the weights cannot be counted in 32 bits, in a sentence; None where they can."""
    none = np.zeros(1, np.float32)
    try:
        eqx.filter_eval_shape(
            telescope.weights, Particles(none[:, None] * np.ones(3), none[:, None] * np.ones(3), none, none, none)
        )
    except ValueError as error:
        return str(error)
    return None
