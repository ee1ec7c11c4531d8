"""From Python as from the command line: a telescope by the name of its instrument, and a cube with all checks.

telescope = ifux.instrument("muse-wfm", redshift=0.02, spaxels={"size": [100, 100]}, noise=TargetSNRNoise(60.0))
cube = ifux.observe(telescope, galaxy, seed=1)
ifux.io.write_cube("cube.fits", cube)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, overload

import equinox as eqx

from ifux import config, run
from ifux.checks import look, lost_light
from ifux.compute import Choices
from ifux.config.arms import OWN, resolved_arm, seed_of, with_common_cells
from ifux.config.build import check_keys, check_seed, module
from ifux.config.cells import read_from, with_cells
from ifux.config.document import FAMILIES
from ifux.config.observed import stages_of
from ifux.data import Data
from ifux.errors import InputError
from ifux.exposure import masked
from ifux.focal_plane import FibreBundle
from ifux.galaxy import Galaxy
from ifux.instruments import overlaid
from ifux.io import embedded_library
from ifux.io.files.cube import Cube
from ifux.library import SSPLibrary
from ifux.noise import RecordedNoise
from ifux.particles import AbstractGalaxy, Stars, cells_of, particles_of
from ifux.spectrograph import Spectrograph
from ifux.telescope import Telescope

ROOM = 1500.0
"""Speed of stars for which a telescope without a galaxy keeps the library, if that reaches so far [km/s]."""

CHANGES = [*FAMILIES, "wavelengths", "trim"]
"""What may be changed of an instrument."""


@overload
def instrument(name: str, *, redshift: float, library: SSPLibrary | None = None, **changes: Any) -> Telescope: ...


@overload
def instrument(
    name: Mapping[str, str | Mapping[str, Any]], *, redshift: float, library: SSPLibrary | None = None, **changes: Any
) -> Spectrograph: ...


def instrument(
    name: str | Mapping[str, str | Mapping[str, Any]],
    *,
    redshift: float,
    library: SSPLibrary | None = None,
    **changes: Any,
) -> Telescope | Spectrograph:
    """The telescope of an instrument at a redshift; stages that nobody names are those of a configuration.

    Args:
        name: Of a preset, as `ifux instruments` lists them, or the path of a JSON file like one. Of a spectrograph,
            that of each arm: `{"blue": "sami-blue", "red": "sami-red"}`. One that is not quite its preset says in what,
            as `{"instrument": "sami-red", "psf": {"fwhm": 2.0}}`.
        redshift: Of the target, in the standard cosmology; `target` takes its place.
        library: By default the embedded one, which is an illustration.
        changes: Stages by their family, each a module or what JSON would hold: `spaxels={"size": [100, 100]}` changes
            one line of the preset, another `kind` the stage. `trim=True` observes what the library covers.

    Raises:
        InputError: a name is not known, a value cannot be used, or the library does not cover the wavelengths.
    """
    check_keys(changes, CHANGES, "instrument", "an instrument")
    asked = {"": {"instrument": name} | changes} if isinstance(name, str) else of_arms(name, changes)
    telescopes = of_stages(asked, redshift, library)
    return telescopes[""] if isinstance(name, str) else Spectrograph.of(telescopes)


def telescope_of(
    data: Data, *, redshift: float | None = None, library: SSPLibrary | None = None, **changes: Any
) -> Telescope:
    """The telescope that took some data: its cubes are of their very spaxels and channels, one subtraction away.

    Its noise is that of the variances of the file; `fitting` takes `data.measured()` as it is. The object is in the
    middle of the field, unless `spaxels={"centre": [east, north]}` says where else.

    Args:
        data: As `ifux.io.read_observation` read them.
        redshift: Of the object, in the standard cosmology, where the file does not state it.
        library: By default the embedded one, which is an illustration.
        changes: Stages by their family, as `instrument` takes them: `psf` and `lsf` where the file states none.

    Raises:
        InputError: what the file does not state is not given, or the library does not cover the wavelengths.
    """
    redshift = data.redshift if redshift is None else redshift
    if redshift is None and "target" not in changes:
        raise InputError("telescope_of: the data do not state their redshift: give redshift, or target.")
    check_keys(changes, FAMILIES, "telescope_of", "a telescope of data")
    stages = stages_of(data)
    if data.variance is not None:
        stages["noise"] = RecordedNoise(data.measured()[1])
    for family, what in (("psf", "PSF"), ("lsf", "width of lines")):
        if family not in {*stages, *changes}:
            raise InputError(f"telescope_of: the data do not state their {what}: give {family}.")
    return of_stages({"": overlaid(stages, changes)}, redshift or 0.0, library)[""]


def of_stages(
    asked: Mapping[str, Mapping[str, Any]], redshift: float, library: SSPLibrary | None
) -> dict[str, Telescope]:
    """The telescope of every arm, of the stages that are asked for in it."""
    target = {"target": {"kind": "cosmological", "redshift": redshift}}
    given, modules = {}, {}
    for arm, stages in asked.items():
        modules[arm] = {family: stage for family, stage in stages.items() if isinstance(stage, eqx.Module)}
        telescope = target | {family: stage for family, stage in stages.items() if family not in modules[arm]}
        given[arm] = {"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "embedded"}, "telescope": telescope}
    described = {arm: resolved_arm(arm, one)["telescope"] for arm, one in with_common_cells(given).items()}
    library = embedded_library() if library is None else library
    roomy = {arm: {**one, "kinematics": {**one["kinematics"], "reach": ROOM}} for arm, one in described.items()}
    try:
        built = config.telescopes(roomy, library)
    except InputError:
        built = config.telescopes(described, library)
    telescopes = {}
    for arm, (telescope, _) in built.items():
        reach = module("kinematics", described[arm]["kinematics"], "telescope.kinematics").reach
        kinematics = dataclasses.replace(telescope.kinematics, reach=reach)
        telescope = dataclasses.replace(telescope, **{"kinematics": kinematics} | modules[arm])
        if "noise" in modules[arm]:
            telescope = dataclasses.replace(telescope, wavelengths=masked(telescope.wavelengths, telescope.noise))
        said = given[arm]["telescope"].get("spaxels", {})
        if "psf" in modules[arm] and "spaxels" not in modules[arm] and "oversampling" not in said:
            spaxels = with_cells(telescope.spaxels, telescope.psf, telescope.focal_plane, asked=said.get("degree"))
            telescope = eqx.tree_at(lambda t: t.spaxels, telescope, spaxels)
        if {"psf", "spaxels"} & modules[arm].keys() and "focal_plane" not in modules[arm]:
            plane = dataclasses.replace(telescope.focal_plane, **read_from(telescope.focal_plane, telescope.spaxels))
            plane = plane.suited_to(telescope.spaxels.scene) if isinstance(plane, FibreBundle) else plane
            telescope = dataclasses.replace(telescope, focal_plane=plane)
        telescopes[arm] = telescope
    return telescopes


def of_arms(arms: Mapping[str, str | Mapping[str, Any]], changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The stages that are asked for in every arm: those of all, and over them its own."""
    found = {}
    for arm, asked in arms.items():
        own = {"instrument": asked} if isinstance(asked, str) else dict(asked)
        check_keys(own, OWN, f"instrument.{arm}", "an arm, whose other stages are those of all,")
        described = [
            {family: stage for family, stage in stages.items() if not isinstance(stage, eqx.Module)}
            for stages in (changes, own)
        ]
        found[arm] = dict(changes) | overlaid(*described)
        found[arm] |= {family: stage for family, stage in own.items() if isinstance(stage, eqx.Module)}
    return found


@overload
def observe(
    telescope: Telescope,
    galaxy: Galaxy | AbstractGalaxy | Stars,
    *,
    seed: int = 0,
    noiseless: bool = False,
    accept_coarse_library: bool = False,
    choices: Choices | None = None,
    report: run.Report = run.silent,
) -> Cube: ...


@overload
def observe(
    telescope: Spectrograph,
    galaxy: Galaxy | AbstractGalaxy | Stars,
    *,
    seed: int = 0,
    noiseless: bool = False,
    accept_coarse_library: bool = False,
    choices: Choices | None = None,
    report: run.Report = run.silent,
) -> dict[str, Cube]: ...


def observe(
    telescope: Telescope | Spectrograph,
    galaxy: Galaxy | AbstractGalaxy | Stars,
    *,
    seed: int = 0,
    noiseless: bool = False,
    accept_coarse_library: bool = False,
    choices: Choices | None = None,
    report: run.Report = run.silent,
) -> Cube | dict[str, Cube]:
    """The cube of a galaxy, as `ifux observe` makes it: checked, planned, in pieces, with its variance and true maps.

    The orientation is counted from the axes of the galaxy, and the velocity channels reach as far as its stars. For a
    traced cube call the telescope. A spectrograph has a cube for each arm, by its name, with a seed of its own.

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
    if not isinstance(galaxy, Galaxy):
        galaxy = made(galaxy, float(telescope.target.redshift))
    telescope = telescope.aligned_to(galaxy.stars).spanning(galaxy.stars)
    if isinstance(telescope, Spectrograph):
        arms = {name: (telescope[name], seed_of(name, seed)) for name in telescope.arms}
    else:
        arms = {"": (telescope, seed)}
    sessions = {}
    for name, (one, own) in arms.items():
        notes = [*galaxy.notes, *run.shortcomings(one, accept_coarse=accept_coarse_library)]
        with report("looking at the galaxy"):
            notes += lost_light(look(one, galaxy.stars))
        sessions[name] = run.Session(one, galaxy, tuple(notes), own, choices or Choices())
    cubes = dict(run.observe_arms(sessions, noiseless=noiseless, report=report))
    return cubes if isinstance(telescope, Spectrograph) else cubes[""]


def made(galaxy: AbstractGalaxy | Stars, redshift: float) -> Galaxy:
    """The galaxy of particles, in memory or in a file, or of a model with the gas that it has."""
    if not isinstance(galaxy, AbstractGalaxy):
        return Galaxy(galaxy, redshift)
    return Galaxy(particles_of(galaxy), redshift, gas=cells_of(galaxy))
