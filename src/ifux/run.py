"""From a configuration to a cube: files are opened, modules built, light observed."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux import config
from ifux.checks import beyond_counting, coarse_channels, coarse_library, held_widths, look, lost_light
from ifux.compute import CHUNK, Choices
from ifux.config.build import call, check_keys, check_type, choose
from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io import GALAXY_FORMATS, LIBRARY_FORMATS, embedded_library, read_galaxy, read_ssp, stream_galaxy
from ifux.io.files.cube import Cube
from ifux.io.libraries.options import LIBRARY_OPTIONS
from ifux.io.libraries.store import record, stored_ssp
from ifux.io.snapshots.read import galaxy_options
from ifux.library import SSPLibrary
from ifux.maps import UNITS, means
from ifux.particles import particles_of
from ifux.plan import Plan, plan
from ifux.programs import deposit, expose, nothing
from ifux.telescope import Telescope

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
    configuration: dict
    """Resolved: it makes the same session again."""
    notes: tuple[str, ...]
    """What a careful user should know; written into the cube."""

    @property
    def choices(self) -> Choices:
        """How it is to be computed."""
        return Choices(**self.configuration["compute"])

    def noisy(self, noiseless: bool = False) -> bool:
        """Whether noise is drawn, if it may be."""
        return not (noiseless or self.configuration["telescope"]["noise"]["kind"] == "none")


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
        if sentence := beyond_counting(telescope):
            raise InputError(f"telescope: {sentence}")
        notes = [*changed, *galaxy.notes]
        if library.illustrative:
            notes.append(f"the stellar library {library.name!r} is illustrative: do not use it for science")
        if sentence := coarse_library(telescope):
            if not configuration["telescope"]["accept_coarse_library"]:
                raise InputError(
                    f'telescope.lsf: {sentence}; take a wider one, or set "accept_coarse_library": true to keep the '
                    "library's own resolution there"
                )
            notes.append(sentence)
        notes += [sentence for sentence in (held_widths(telescope), coarse_channels(telescope)) if sentence]
    with report("looking at the galaxy"):
        notes += lost_light(look(telescope, galaxy.stars))
    kinematics = telescope.kinematics
    configuration["telescope"]["kinematics"] |= {"reach": kinematics.reach, "spacing": kinematics.spacing}
    if kinematics.beyond:
        configuration["telescope"]["kinematics"]["beyond"] = [[*pair] for pair in kinematics.beyond]
    return Session(telescope, galaxy, configuration, tuple(notes))


def open_galaxy(description: dict, redshift: float) -> Galaxy:
    """The galaxy of a description: from a file, or from a parametric model, which stands at the target's redshift."""
    if description["kind"] != "file":
        stars = particles_of(config.galaxy_model(description))
        return Galaxy(stars, redshift, source=description["kind"], format="parametric")
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
    configuration, seed, noisy = session.configuration, session.configuration["seed"], session.noisy(noiseless)
    if noiseless:
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
            before = nothing(telescope, block) if sums is None else sums
            sums = deposit(telescope, block.filled(size), before, choices)
            advance()
        weights, light = jax.block_until_ready(sums)
        flux, variance = expose(telescope, weights, stars.count, jax.random.key(seed) if noisy else None, choices)
        if not jnp.isfinite(flux).all():
            raise InputError("the cube holds numbers that are not finite: a number in the configuration is too extreme")
        flux = wavelengths_first(flux)
        variance = None if variance is None else wavelengths_first(variance)
    with report("drawing true maps"):
        images = eqx.filter_jit(means)(light)
        maps = {name: (np.asarray(images[name], np.float32), *words) for name, words in UNITS.items()}
    return Cube(
        flux=flux,
        wavelengths=telescope.wavelengths,
        pitch=float(configuration["telescope"]["spaxels"]["pitch"]),
        variance=variance,
        maps=maps,
        history=configuration,
        seed=seed if noisy else None,
        title=session.galaxy.source,
        notes=session.notes,
    )


def wavelengths_first(cube: Float[Array, "y x wave"]) -> Float[np.ndarray, "wave y x"]:
    """The cube in the order of FITS, on the host."""
    return np.ascontiguousarray(np.asarray(cube).transpose(2, 0, 1))
