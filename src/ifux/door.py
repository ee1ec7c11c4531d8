"""What a careful observer looks at before trusting a cube. On concrete values: nothing here can be traced."""

import os
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ifux.grids import Wavelengths
from ifux.particles import Particles
from ifux.target import AbstractTarget
from ifux.telescope import Telescope
from ifux.units import SPEED_OF_LIGHT

NEGLIGIBLE = 1e-3
"""A fraction of the mass that is not worth a word."""


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


def lost_light(telescope: Telescope, particles: Particles) -> list[str]:
    """How much of the mass the telescope does not represent, one sentence for each reason that matters."""
    coverage = telescope.coverage(particles)
    findings = []
    if (lost := 1 - float(coverage.field)) > NEGLIGIBLE:
        findings.append(f"{lost:.1%} of the formed mass lies outside the field of view")
    if (lost := 1 - float(coverage.channels)) > NEGLIGIBLE:
        fastest = np.abs(np.asarray(telescope.project(particles).velocity)).max()
        findings.append(
            f"{lost:.1%} of the formed mass moves too fast for the velocity channels and is lost: "
            f"the fastest star has {min(fastest, SPEED_OF_LIGHT):.0f} km/s along the line of sight; "
            "raise telescope.kinematics.reach"
        )
    if (lost := 1 - float(coverage.library)) > NEGLIGIBLE:
        findings.append(
            f"{lost:.1%} of the formed mass lies outside the library's ages or metallicities: held at its edge"
        )
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
    try:
        memory = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
        memory = memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except AttributeError:  # not every system tells
        return None
    if 4 * numbers <= memory:
        return None
    return (
        f"it needs at least {4 * numbers // 10**9} GB of memory and there are {memory // 10**9}; take fewer particles, "
        "spaxels, channels or velocity nodes, or a PSF of shorter reach"
    )


def beyond_counting(telescope: Telescope, particles: Particles) -> str | None:
    """Why the weights cannot be counted in 32 bits, in a sentence; None where they can."""
    try:
        eqx.filter_eval_shape(telescope.weights, particles)
    except ValueError as error:
        return str(error)
    return None
