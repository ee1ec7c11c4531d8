"""From a configuration to a cube: files are opened, modules built, light observed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int32, Shaped

from ifux import config, instruments
from ifux.checks import beyond_counting, coarse_channels, coarse_library, held_widths, look, lost_light, unseen_width
from ifux.compute import CHUNK, Choices
from ifux.config.build import call, check_keys, check_type, choose
from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.files.cube import MISSING, SATURATED, Cube
from ifux.io.libraries.embedded import embedded_library
from ifux.library import SSPLibrary
from ifux.maps import UNITS, means
from ifux.noise import AbstractExposure, NoNoise
from ifux.particles import particles_of
from ifux.plan import Plan, plan
from ifux.programs import deposit, expose, nothing
from ifux.telescope import Telescope
from ifux.typing import decimal

Report = Callable[..., AbstractContextManager[Callable[[], object]]]
"""Is told a step and the number of its parts while it is done, and gives back what to call after each part."""


def silent(step: str, parts: int = 1) -> AbstractContextManager[Callable[[], object]]:
    """Tells nobody."""
    return nullcontext(lambda: None)


@dataclass(frozen=True)
class Session:
    """A galaxy before a telescope, ready to be observed."""

    telescope: Telescope
    galaxy: Galaxy
    notes: tuple[str, ...]
    """What a careful user should know; written into the cube."""
    seed: int
    """What noise is drawn with."""
    choices: Choices = field(default_factory=Choices)
    """How it is to be computed."""
    configuration: dict = field(default_factory=dict)
    """Resolved: it makes the same session again. Empty for a telescope that was made without one."""

    def noisy(self, noiseless: bool = False) -> bool:
        """Whether noise is drawn, if it may be."""
        return not (noiseless or isinstance(self.telescope.noise, NoNoise))


def prepare(description: dict, *, report: Report = silent) -> Session:
    """Everything that a configuration names, opened, checked and built.

    Raises:
        InputError: in one sentence, what cannot be used, where it stands and what would do.
    """
    description, changed = config.converted(description)
    configuration = config.resolved(description)
    with report("checking the configuration"):
        stages, _ = config.parts(configuration["telescope"])
    with report("reading the galaxy"):
        galaxy = open_galaxy(configuration["galaxy"], float(stages["target"].redshift))
    with report("reading the stellar library"):
        configuration["library"] = pinned(configuration["library"])
        library = open_library(configuration["library"])
    with report("building the telescope"):
        telescope = config.telescope(configuration["telescope"], library, galaxy.stars)
        notes = [*changed, *galaxy.notes, *assumptions(description["telescope"])]
        if library.illustrative:
            notes.append(f"the stellar library {library.name!r} is illustrative: do not use it for science")
        notes += shortcomings(telescope, accept_coarse=configuration["telescope"]["accept_coarse_library"])
    with report("looking at the galaxy"):
        notes += lost_light(look(telescope, galaxy.stars))
    kinematics = telescope.kinematics
    configuration["telescope"]["kinematics"] |= {"reach": kinematics.reach, "spacing": kinematics.spacing}
    if kinematics.beyond:
        configuration["telescope"]["kinematics"]["beyond"] = [[*pair] for pair in kinematics.beyond]
    choices = Choices(**configuration["compute"])
    return Session(telescope, galaxy, tuple(notes), configuration["seed"], choices, configuration)


def assumptions(description: dict) -> list[str]:
    """Which numbers of an instrument nobody has published, where they decide what a cube looks like."""
    if "instrument" not in description:
        return []
    preset = instruments.load(description["instrument"])
    own = {family for family in ("psf", "lsf", "noise") if family not in description}
    found = [path for path in preset.get("assumed", []) if path.split(".")[1] in own]
    return [f"of {preset['name']} there are assumed, not published: {', '.join(found)}"] if found else []


def shortcomings(telescope: Telescope, *, accept_coarse: bool) -> list[str]:
    """What a telescope does not do as well as was asked, one sentence each.

    Raises:
        InputError: its weights cannot be counted, or its library is too coarse and that is not accepted.
    """
    if sentence := beyond_counting(telescope):
        raise InputError(f"telescope: {sentence}")
    if (sentence := coarse_library(telescope)) and not accept_coarse:
        raise InputError(
            f'telescope.lsf: {sentence}; take a wider one, or set "accept_coarse_library": true to keep the library\'s '
            "own resolution there"
        )
    told = sentence, held_widths(telescope), coarse_channels(telescope), unseen_width(telescope)
    return [found for found in told if found]


def open_galaxy(description: dict, redshift: float) -> Galaxy:
    """The galaxy of a description: from a file, or from a parametric model, which stands at the target's redshift."""
    if description["kind"] != "file":
        stars = particles_of(config.galaxy_model(description))
        return Galaxy(stars, redshift, source=description["kind"], format="parametric")
    from ifux.io.snapshots.read import GALAXY_FORMATS, galaxy_options, read_galaxy
    from ifux.io.snapshots.stream import stream_galaxy

    options = {key: value for key, value in description.items() if key != "kind"}
    check_keys(options, [*galaxy_options(), "stream"], "galaxy", "a galaxy from a file")
    if "format" in options:
        choose(options["format"], [*GALAXY_FORMATS], "galaxy.format")
    check_type(stream := options.pop("stream", False), bool, "galaxy.stream")
    if stream and [*options] != ["path"]:
        raise InputError(
            f"galaxy.stream: stars are taken from their file as they are, without {sorted({*options} - {'path'})}"
        )
    galaxy = call(stream_galaxy if stream else read_galaxy, options, "galaxy")
    if stream and next(galaxy.stars.blocks(CHUNK), None) is None:
        raise InputError(f"{galaxy.source}: no star particle is left ({galaxy.dropped}): select another galaxy.")
    return galaxy


def pinned(description: dict) -> dict:
    """The description of a library; a stored one with the checksum under which it is stored, if it has none."""
    if description["kind"] != "stored" or "sha256" in description:
        return description
    from ifux.io.libraries.store import record

    try:
        return {**description, "sha256": record(description["name"]).sha256}
    except InputError as error:
        raise InputError(f"library.name: {error}") from error


def open_library(description: dict) -> SSPLibrary:
    """The stellar library of a description: the embedded one, from the user's store, or from a file."""
    options = {key: value for key, value in description.items() if key != "kind"}
    if description["kind"] == "embedded":
        check_keys(options, [], "library", "the embedded library")
        return embedded_library()
    from ifux.io.libraries.options import LIBRARY_OPTIONS
    from ifux.io.libraries.read import LIBRARY_FORMATS, read_ssp
    from ifux.io.libraries.store import stored_ssp

    if description["kind"] == "stored":
        return call(stored_ssp, options, "library")
    for key, value in options.items():
        check_type(value, LIBRARY_OPTIONS.get(key, str), f"library.{key}")
    if "format" in options:
        choose(options["format"], [*LIBRARY_FORMATS], "library.format")
    return call(read_ssp, options, "library")


def planned(session: Session, *, noiseless: bool = False) -> Plan:
    """What the observation of a session will do and need. Its programs are compiled, and ready to be used."""
    return plan(session.telescope, session.galaxy.stars, session.choices, noisy=session.noisy(noiseless))


def observe(session: Session, *, noiseless: bool = False, report: Report = silent) -> Cube:
    """The data cube of a session, with its variance and true maps.

    Raises:
        InputError: it does not fit into memory, or holds numbers that are not finite.
    """
    telescope, stars, choices = session.telescope, session.galaxy.stars, session.choices
    configuration, seed, noisy = session.configuration, session.seed, session.noisy(noiseless)
    if noiseless and configuration:
        configuration = {**configuration, "telescope": {**configuration["telescope"], "noise": {"kind": "none"}}}
    with report("planning"):
        foreseen = planned(session, noiseless=noiseless)
    if not foreseen.fits:
        raise InputError(foreseen.sentence())
    size = min(choices.chunk, stars.count)
    with report("observing", -(-stars.count // size) + 1) as advance:
        sums = None
        for block in stars.blocks(size):
            # While the last block is deposited, this one was read.
            jax.block_until_ready(sums)
            # Nothing else may hold what was summed before: it is as large as the weights.
            sums = nothing(telescope, block) if sums is None else sums
            sums = deposit(telescope, block.filled(size), sums, choices)
            advance()
        weights, light = jax.block_until_ready(sums)
        flux, variance = expose(telescope, weights, stars.count, jax.random.key(seed) if noisy else None, choices)
        quality = flags(telescope, flux, noisy=noisy)
        flux = wavelengths_first(flux)
        if not np.isfinite(flux).all(where=~telescope.wavelengths.missing()[:, None, None]):
            raise InputError("the cube holds numbers that are not finite: a number in the configuration is too extreme")
        variance = None if variance is None else wavelengths_first(variance)
    with report("drawing true maps"):
        images = eqx.filter_jit(means)(telescope, light)
        maps = {name: (np.asarray(images[name], np.float32), *words) for name, words in UNITS.items()}
    return Cube(
        flux=flux,
        wavelengths=telescope.wavelengths,
        pitch=telescope.spaxels.known_sides,
        position_angle=decimal(telescope.spaxels.position_angle),
        variance=variance,
        maps=maps,
        history=configuration,
        seed=seed if noisy else None,
        title=session.galaxy.source,
        notes=(*session.notes, *full_pixels(quality)),
        quality=quality,
    )


def flags(telescope: Telescope, flux: Float[Array, "y x wave"], *, noisy: bool) -> Int32[np.ndarray, "wave y x"] | None:
    """Flags of Euro3D for the voxels that lie in a gap, or are full in an exposure; none where no voxel can be."""
    noise, missing = telescope.noise, telescope.wavelengths.missing()
    full = noise.saturated if noisy and isinstance(noise, AbstractExposure) and noise.can_saturate else None
    if full is None and not missing.any():
        return None
    y, x, wave = flux.shape
    found = np.broadcast_to(np.where(missing, np.int32(MISSING), np.int32(0))[:, None, None], (wave, y, x))
    if full is None:
        return found
    return np.where(wavelengths_first(eqx.filter_jit(full)(flux)), np.int32(SATURATED), found)


def full_pixels(quality: Int32[np.ndarray, "wave y x"] | None) -> list[str]:
    """That pixels of the detector are full, in a sentence, if any are."""
    full = 0 if quality is None else np.count_nonzero(quality == SATURATED)
    if quality is None or not full:
        return []
    return [f"{full} of {quality.size} voxels have a full pixel of the detector: see DQ"]


def wavelengths_first(cube: Shaped[Array, "y x wave"]) -> Shaped[np.ndarray, "wave y x"]:
    """The cube in the order of FITS, on the host."""
    return np.ascontiguousarray(np.asarray(cube).transpose(2, 0, 1))
