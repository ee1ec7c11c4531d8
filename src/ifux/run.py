"""From a configuration to a cube: files are opened, modules built, light observed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int32, PRNGKeyArray, PyTree, Shaped

from ifux import config, instruments
from ifux.checks import (
    beyond_counting,
    coarse_channels,
    coarse_library,
    cut_blur,
    dark_gas,
    held_widths,
    look,
    lost_light,
    lost_lines,
    short_table,
    uneven_lines,
    unseen_width,
)
from ifux.compute import CHUNK, Choices
from ifux.config.arms import resolved_arm
from ifux.config.build import call, check_keys, check_type, choose, telling
from ifux.errors import InputError, of_arm
from ifux.exposure import exposures
from ifux.galaxy import Galaxy
from ifux.io.files.cube import BAD, COSMIC_RAY, DEAD, MISSING, SATURATED, TELLURIC, Cube
from ifux.io.files.manga import unfit
from ifux.io.files.spectra import Spectra
from ifux.io.libraries.embedded import embedded_library
from ifux.kinematics import AbstractKinematics, VelocityChannels
from ifux.library import SSPLibrary
from ifux.maps import UNITS
from ifux.noise import AbstractExposure, BadPixelNoise, NoNoise
from ifux.particles import cells_of, particles_of
from ifux.plan import Plan, plan
from ifux.programs import added, expose, nothing, rebuild, resolution, true_maps
from ifux.reconstructed import broken_of, reconstructions, sky_places, spaxel_flags
from ifux.source_cube import SourceCube
from ifux.sources import EmissionLines
from ifux.spectrograph import Spectrograph
from ifux.telescope import Telescope
from ifux.typing import decimal

LOST = MISSING | DEAD | COSMIC_RAY
"""Flags of voxels whose flux is not a number."""

WORDS = {
    "a full pixel of the detector": SATURATED,
    "a dead pixel of the detector": DEAD,
    "a cosmic ray": COSMIC_RAY,
}

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
    """Everything that a configuration of one telescope names, opened, checked and built.

    Raises:
        InputError: in one sentence, what cannot be used, where it stands and what would do.
    """
    return built({"": description}, report)[""]


def prepare_arms(description: dict, *, report: Report = silent) -> dict[str, Session]:
    """The sessions of the arms of a configuration by their names, or of its one telescope without a name.

    They share the galaxy, and what looks at it: velocity nodes, and a basis of the library for the wavelengths of all.
    The configuration of each is that of a telescope, and makes its cube again.

    Raises:
        InputError: in one sentence, what cannot be used, where it stands and what would do.
    """
    return built(config.arms(description), report)


def built(descriptions: Mapping[str, dict], report: Report) -> dict[str, Session]:
    """The sessions of descriptions that differ in what an arm has for itself."""
    with report("checking the configuration"):
        given = {name: config.converted(one) for name, one in descriptions.items()}
        resolved = {name: resolved_arm(name, one) for name, (one, _) in given.items()}
        stages, whole = {}, next(iter(resolved.values()))
        for name, one in resolved.items():
            with telling(name):
                stages, _ = config.parts(one["telescope"])
    with report("reading the galaxy"):
        cube = open_cube(whole["galaxy"], {name: one["telescope"] for name, one in resolved.items()})
        galaxy = open_galaxy(whole["galaxy"], float(stages["target"].redshift)) if cube is None else cube.galaxy()
    with report("reading the stellar library"):
        stored = pinned(whole["library"])
        library = open_library(stored) if cube is None else cube.library
    with report("building the telescope"):
        made = config.telescopes(
            {name: one["telescope"] for name, one in resolved.items()}, library, galaxy.stars, galaxy.gas
        )
        notes = {}
        if cube is not None:
            made = {name: (before_cube(cube, telescope, name), band) for name, (telescope, band) in made.items()}
        for name, (telescope, _) in made.items():
            description, changed = given[name]
            notes[name] = [*changed, *galaxy.notes, *assumptions(description["telescope"])]
            if library.illustrative:
                notes[name].append(f"the stellar library {library.name!r} is illustrative: do not use it for science")
            accepted = resolved[name]["telescope"]["accept_coarse_library"]
            with telling(name):
                notes[name] += shortcomings(telescope, accept_coarse=accepted)
    with report("looking at the galaxy"):
        for name, (telescope, _) in made.items():
            notes[name] += lost_light(look(telescope, galaxy.stars))
            for number, stream in shining(telescope, galaxy):
                notes[name] += lost_lines(telescope, number, stream) if number else []
            notes[name] += [dark for source in lines_of(telescope) if (dark := dark_gas(source.emission, galaxy.gas))]
    sessions = {}
    for name, (telescope, band) in made.items():
        configuration = {**resolved[name], "library": stored}
        described = configuration["telescope"]
        described["kinematics"] |= nodes_of(telescope.kinematics)
        for source in lines_of(telescope):
            described["emission"]["lines"] = [line.name for line in source.emission.lines]
            described["gas_kinematics"] |= nodes_of(source.kinematics)
        if len(made) > 1:
            described["library_band"] = [*band]
        choices = Choices(**configuration["compute"])
        sessions[name] = Session(telescope, galaxy, tuple(notes[name]), configuration["seed"], choices, configuration)
    return sessions


def lines_of(telescope: Telescope) -> list[EmissionLines]:
    """The sources of a telescope that shine in lines."""
    return [source for source in telescope.sources if isinstance(source, EmissionLines)]


def nodes_of(kinematics: AbstractKinematics) -> dict[str, Any]:
    """Velocity nodes as a description has them."""
    if not isinstance(kinematics, VelocityChannels):
        return {}
    further = {"beyond": [[*pair] for pair in kinematics.beyond]} if kinematics.beyond else {}
    return {"reach": kinematics.reach, "spacing": kinematics.spacing, **further}


def assumptions(description: dict) -> list[str]:
    """Which numbers of an instrument nobody has published, where they decide what a cube looks like.

    Those of an exposure count where it is one, and has no such number of its own.
    """
    if "instrument" not in description:
        return []
    preset = instruments.load(description["instrument"])
    own = {family for family in ("psf", "focal_plane", "lsf") if family not in description}
    noise = description.get("noise")
    while isinstance(noise, dict) and "noise" in noise:
        noise = noise["noise"]
    said = noise if isinstance(noise, dict) and noise.get("kind") == "exposure" else preset.get("exposure", {})

    def used(path: str) -> bool:
        _, family, *inner = path.split(".")
        return family in own or (family == "noise" and inner[0] not in said)

    found = [path for path in preset.get("assumed", []) if used(path)]
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
    checks = held_widths, cut_blur, uneven_lines, coarse_channels, unseen_width, short_table
    return [found for found in (sentence, *(check(telescope) for check in checks)) if found]


def open_cube(description: dict, telescopes: Mapping[str, dict]) -> SourceCube | None:
    """The finished cube that is the galaxy of a description, as the telescopes of its arms see it; None if it is none.

    Raises:
        InputError: it cannot be read.
    """
    return config.source_cube(description, telescopes) if description["kind"] == "cube" else None


def before_cube(cube: SourceCube, telescope: Telescope, name: str) -> Telescope:
    """The telescope of an arm, with what its PSF adds to that of the cube.

    Raises:
        InputError: the cube is too coarse, and that is not accepted.
    """
    if (sentence := cube.coarser_than(telescope)) and not cube.accept_coarse:
        raise InputError(
            f'telescope.psf: {sentence}; take a wider one, or set galaxy "accept_coarse": true{of_arm(name)}'
        )
    return cube.before(telescope)


def open_galaxy(description: dict, redshift: float) -> Galaxy:
    """The galaxy of a description: from a file, or from a parametric model, which stands at the target's redshift."""
    if description["kind"] != "file":
        model = config.galaxy_model(description)
        stars, gas = particles_of(model), cells_of(model)
        return Galaxy(stars, redshift, source=description["kind"], format="parametric", gas=gas)
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
    return planned_arms({"": session}, noiseless=noiseless)[""]


def planned_arms(sessions: Mapping[str, Session], *, noiseless: bool = False) -> dict[str, Plan]:
    """The plan of every arm. Of arms with one field of view the first has the work of the deposit."""
    spectrograph, found = together(sessions), {}
    for names in spectrograph.together(sessions):
        widest = spectrograph.widest(names)
        for name in names:
            session, first = sessions[name], name == names[0]
            found[name] = plan(
                session.telescope,
                shining(widest, session.galaxy),
                session.choices,
                noisy=session.noisy(noiseless),
                deposited=widest,
                anew=first,
            )
    return {name: found[name] for name in sessions}


def together(sessions: Mapping[str, Session]) -> Spectrograph:
    """The telescopes of sessions as arms."""
    return Spectrograph.of({name: session.telescope for name, session in sessions.items()})


def observe(session: Session, *, noiseless: bool = False, report: Report = silent) -> Cube:
    """The data cube of a session, with its variance and true maps.

    Raises:
        InputError: it does not fit into memory, or holds numbers that are not finite.
    """
    return next(observe_arms({"": session}, noiseless=noiseless, report=report))[1]


def observe_arms(
    sessions: Mapping[str, Session], *, noiseless: bool = False, report: Report = silent
) -> Iterator[tuple[str, Cube]]:
    """The data cubes of the sessions of one galaxy, one after the other, each with the name of its arm.

    Particles are deposited once for all arms with one field of view, whose cubes follow one another.

    Raises:
        InputError: one does not fit into memory, or holds numbers that are not finite.
    """
    spectrograph = together(sessions)
    for name, session in sessions.items():
        unfitting = unfit(session.telescope.wavelengths, noisy=session.noisy(noiseless))
        if session.configuration.get("layout") == "manga" and unfitting:
            raise InputError(f"layout: {unfitting}{of_arm(name)}")
    with report("planning"):
        foreseen = planned_arms(sessions, noiseless=noiseless)
    for name, one in foreseen.items():
        if not one.fits:
            raise InputError(f"{one.sentence()}{of_arm(name)}")
    for names in spectrograph.together(sessions):
        session = sessions[names[0]]
        choices, widest, sums = session.choices, spectrograph.widest(names), None
        streams = shining(widest, session.galaxy)
        sizes = [min(choices.chunk, stream.count) for _, stream in streams]
        parts = sum(-(-stream.count // size) for (_, stream), size in zip(streams, sizes, strict=True))
        with report("observing", parts) as advance:
            for (number, stream), size in zip(streams, sizes, strict=True):
                for block in stream.blocks(size):
                    # While the last block is deposited, this one was read.
                    jax.block_until_ready(sums)
                    # Nothing else may hold what was summed before: it is as large as the weights.
                    sums = nothing(widest, block) if sums is None else sums
                    sums = added(widest, number, block.filled(size), sums, choices)
                    advance()
            sums = jax.block_until_ready(sums)
        for name in names:
            yield name, exposed(sessions[name], sums, noiseless=noiseless, report=report)


def exposed(session: Session, sums: PyTree[Array], *, noiseless: bool, report: Report) -> Cube:
    """The cube of a session, of weights and light that were summed over the particles."""
    telescope, choices = session.telescope, session.choices
    count = sum(stream.count for _, stream in shining(telescope, session.galaxy))
    configuration, seed, noisy = session.configuration, session.seed, session.noisy(noiseless)
    if noiseless and configuration:
        configuration = {**configuration, "telescope": {**configuration["telescope"], "noise": {"kind": "none"}}}
    weights, light = sums
    with report("exposing"):
        key = jax.random.key(seed) if noisy else None
        flux, variance = expose(telescope, weights, choices.occupied(telescope, count), key, choices)
        quality = flags(telescope, flux, key=key)
        if not np.isfinite(flux).all(where=True if quality is None else quality & LOST == 0):
            raise InputError("the cube holds numbers that are not finite: a number in the configuration is too extreme")
    spectra, made = None, ()
    if not telescope.focal_plane.of_spaxels:
        with report("rebuilding"):
            spectra = stacked(telescope, flux, variance, quality)
            flux, variance = rebuild(telescope, flux, variance)
            quality = spaxel_flags(telescope, quality, np.isnan(np.asarray(flux)))
            quality = quality if quality.any() else None
            made = () if spectra.variance is None else reconstructions(telescope, spectra.variance)
    quality = None if quality is None else wavelengths_first(quality)
    # What is turned is gone before the next is.
    flux = wavelengths_first(flux)
    variance = None if variance is None else wavelengths_first(variance)
    with report("drawing true maps"):
        images = true_maps(telescope, light)
        maps = {name: (np.asarray(images[name], np.float32), *words) for name, words in UNITS.items()}
    width = np.asarray(resolution(telescope), np.float64)
    record: dict[str, Any] = {"history": configuration, "seed": seed if noisy else None, "title": session.galaxy.source}
    if spectra is not None:
        notes = (*session.notes, *flagged(spectra.quality, "data"))
        spectra = replace(spectra, **record, notes=notes, resolution=width)
    return Cube(
        flux=flux,
        wavelengths=telescope.wavelengths,
        pitch=telescope.spaxels.known_sides,
        position_angle=decimal(telescope.spaxels.position_angle),
        variance=variance,
        maps=maps,
        notes=(*session.notes, *flagged(quality)),
        quality=quality,
        resolution=width,
        reconstructions=made,
        elements=spectra,
        **record,
    )


def shining(telescope: Telescope, galaxy: Galaxy) -> list[tuple[int, Any]]:
    """What shines of a galaxy, in memory or in its file: its stars by the number zero, then sources, from one."""
    found = enumerate([galaxy.stars, *(source.emitters(galaxy.stars, galaxy.gas) for source in telescope.sources)])
    return [(number, stream) for number, stream in found if stream is not None and stream.count]


def stacked(
    telescope: Telescope,
    elements: Float[Array, "exposure fibre wave"],
    variance: Float[Array, "exposure fibre wave"] | None,
    quality: Int32[np.ndarray, "exposure fibre wave"] | None,
) -> Spectra:
    """The spectra of the elements of a telescope."""
    return Spectra(
        flux=np.asarray(elements),
        wavelengths=telescope.wavelengths,
        places=sky_places(telescope),
        area=decimal(telescope.focal_plane.element_area(telescope.spaxels.scene)),
        variance=None if variance is None else np.asarray(variance),
        quality=quality,
        broken=broken_of(telescope.focal_plane),
    )


def flags(
    telescope: Telescope, elements: Float[Array, "*element wave"], *, key: PRNGKeyArray | None
) -> Int32[np.ndarray, "*element wave"] | None:
    """Flags of Euro3D for the data of elements, with the key of their noise; none where no datum can have any.

    One that lies in a gap, be it of the atmosphere's making, or is lost on the detector is not a number.
    """
    noise, missing = telescope.noise, telescope.wavelengths.missing()
    full = noise.saturated if key is not None and isinstance(noise, AbstractExposure) and noise.can_saturate else None
    flawed, broken = noise if isinstance(noise, BadPixelNoise) else None, broken_of(telescope.focal_plane)
    if full is None and not missing.any() and (key is None or flawed is None) and not broken:
        return None
    channels = np.where(missing, np.int32(MISSING), np.int32(0))
    for exposure in exposures(noise):
        channels |= np.where(missing & np.asarray(exposure.telluric()), np.int32(TELLURIC), np.int32(0))
    found = np.broadcast_to(channels, elements.shape)
    if full is not None:
        found = np.where(np.asarray(eqx.filter_jit(full)(elements)), np.int32(SATURATED), found)
    if key is not None and flawed is not None:
        lost = eqx.filter_jit(flawed.lost)(key, elements.shape, elements.dtype)
        for flag, where in zip((DEAD, COSMIC_RAY), lost, strict=True):
            found = found | np.where(np.asarray(where), np.int32(flag), np.int32(0))
    if broken:
        found = found | np.where(np.isin(np.arange(elements.shape[1]), broken), np.int32(BAD), np.int32(0))[:, None]
    return found


def flagged(quality: Int32[np.ndarray, "..."] | None, data: str = "voxels") -> list[str]:
    """What happened to voxels, one sentence each."""
    if quality is None:
        return []
    counts = {words: np.count_nonzero(quality & flag) for words, flag in WORDS.items()}
    return [f"{count} of {quality.size} {data} have {words}: see DQ" for words, count in counts.items() if count]


def wavelengths_first(cube: Shaped[Array | np.ndarray, "y x wave"]) -> Shaped[np.ndarray, "wave y x"]:
    """The cube in the order of FITS, on the host."""
    return np.ascontiguousarray(np.asarray(cube).transpose(2, 0, 1))
