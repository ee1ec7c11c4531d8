"""What a careful observer looks at before trusting a cube. On concrete values: nothing here can be traced."""

import numpy as np

from ifux.particles import Particles
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
        findings.append(f"{lost:.1%} of the formed mass lies outside the library's ages or metallicities: held at its edge")
    return findings
