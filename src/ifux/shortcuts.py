"""From Python as from the command line: a telescope by the name of its instrument, and a cube with all checks.

telescope = ifux.instrument("muse-wfm", redshift=0.02, spaxels={"size": [100, 100]}, noise=TargetSNRNoise(60.0))
cube = ifux.observe(telescope, galaxy, seed=1)
ifux.io.write_cube("cube.fits", cube)
"""

import dataclasses
from typing import Any

import equinox as eqx

from ifux import config, run
from ifux.checks import look, lost_light
from ifux.compute import Choices
from ifux.config.build import check_keys, check_seed, module
from ifux.config.cells import with_cells
from ifux.config.document import FAMILIES
from ifux.errors import InputError
from ifux.exposure import masked
from ifux.galaxy import Galaxy
from ifux.io import embedded_library
from ifux.io.files.cube import Cube
from ifux.library import SSPLibrary
from ifux.particles import AbstractGalaxy, Stars, particles_of
from ifux.telescope import Telescope

ROOM = 1500.0
"""Speed of stars for which a telescope without a galaxy keeps the library, if that reaches so far [km/s]."""

CHANGES = [*FAMILIES, "wavelengths", "trim"]
"""What may be changed of an instrument."""


def instrument(name: str, *, redshift: float, library: SSPLibrary | None = None, **changes: Any) -> Telescope:
    """The telescope of an instrument at a redshift; stages that nobody names are those of a configuration.

    Args:
        name: Of a preset, as `ifux instruments` lists them, or the path of a JSON file like one.
        redshift: Of the target, in the standard cosmology; `target` takes its place.
        library: By default the embedded one, which is an illustration.
        changes: Stages by their family, each a module or what JSON would hold: `spaxels={"size": [100, 100]}` changes
            one line of the preset, another `kind` the stage. `trim=True` observes what the library covers.

    Raises:
        InputError: a name is not known, a value cannot be used, or the library does not cover the wavelengths.
    """
    check_keys(changes, CHANGES, "instrument", "an instrument")
    modules = {family: stage for family, stage in changes.items() if isinstance(stage, eqx.Module)}
    given = {family: stage for family, stage in changes.items() if family not in modules}
    target = {"target": {"kind": "cosmological", "redshift": redshift}} | given
    described = config.resolved(
        {"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "embedded"}, "telescope": {"instrument": name} | target}
    )["telescope"]
    library = embedded_library() if library is None else library
    kinematics = module("kinematics", described["kinematics"], "telescope.kinematics")
    try:
        telescope = config.telescope({**described, "kinematics": {**described["kinematics"], "reach": ROOM}}, library)
    except InputError:
        telescope = config.telescope(described, library)
    telescope = dataclasses.replace(telescope, **{"kinematics": kinematics} | modules)
    if "noise" in modules:
        telescope = dataclasses.replace(telescope, wavelengths=masked(telescope.wavelengths, telescope.noise))
    if "psf" in modules and "spaxels" not in modules and "oversampling" not in given.get("spaxels", {}):
        telescope = eqx.tree_at(lambda t: t.spaxels, telescope, with_cells(telescope.spaxels, telescope.psf))
    return telescope


def observe(
    telescope: Telescope,
    galaxy: Galaxy | AbstractGalaxy | Stars,
    *,
    seed: int = 0,
    noiseless: bool = False,
    accept_coarse_library: bool = False,
    choices: Choices | None = None,
    report: run.Report = run.silent,
) -> Cube:
    """The cube of a galaxy, as `ifux observe` makes it: checked, planned, in pieces, with its variance and true maps.

    The orientation is counted from the axes of the galaxy, and the velocity channels reach as far as its stars. For a
    traced cube call the telescope.

    Args:
        telescope: Of concrete numbers.
        galaxy: As it was read, its particles, or a model that makes them.
        seed: Of the noise.
        noiseless: Draw none.
        accept_coarse_library: Observe although the library is coarser than the telescope, at its resolution.
        choices: How it is computed.
        report: Told of the steps.

    Raises:
        InputError: in one sentence, what cannot be used and what would do.
    """
    check_seed(seed, "seed")
    if isinstance(galaxy, AbstractGalaxy):
        galaxy = particles_of(galaxy)
    if not isinstance(galaxy, Galaxy):
        galaxy = Galaxy(galaxy, float(telescope.target.redshift))
    telescope = telescope.aligned_to(galaxy.stars).spanning(galaxy.stars)
    notes = [*galaxy.notes, *run.shortcomings(telescope, accept_coarse=accept_coarse_library)]
    with report("looking at the galaxy"):
        notes += lost_light(look(telescope, galaxy.stars))
    session = run.Session(telescope, galaxy, tuple(notes), seed, choices or Choices())
    return run.observe(session, noiseless=noiseless, report=report)
