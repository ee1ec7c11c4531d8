"""From a configuration to a cube: files are opened, modules built, light observed."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ifux import config
from ifux.config.build import check_keys
from ifux.door import coarse_library, lost_light
from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io import embedded_library, read_galaxy, read_ssp
from ifux.io.fits import Cube
from ifux.library import SSPLibrary
from ifux.maps import UNITS, true_maps
from ifux.particles import Particles
from ifux.telescope import Telescope

CHUNK = 2**18
"""Particles that are deposited between two signs of life."""



class Report(Protocol):
    """Is told what is being done while it is done, and gives back what to call after each of its parts."""

    def __call__(self, step: str, parts: int = 1) -> AbstractContextManager[Callable[[], object]]: ...


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


def prepare(description: dict, *, report: Report = silent) -> Session:
    """Everything that a configuration names, opened, checked and built.

    Raises:
        InputError: in one sentence, what cannot be used, where it stands and what would do.
    """
    configuration = config.resolved(description)
    with report("reading the galaxy"):
        galaxy = open_galaxy(configuration["galaxy"], configuration["telescope"]["target"])
    with report("reading the stellar library"):
        library = open_library(configuration["library"])
    with report("building the telescope"):
        telescope = config.telescope(configuration["telescope"], library, galaxy.stars)
        notes = [*galaxy.notes]
        if library.illustrative:
            notes.append(f"the stellar library {library.name!r} is illustrative: do not use it for science")
        if sentence := coarse_library(telescope):
            if not configuration["telescope"]["accept_coarse_library"]:
                raise InputError(
                    f'telescope.lsf: {sentence}; take a wider one, or set "accept_coarse_library": true to keep the '
                    "library's own resolution there"
                )
            notes.append(sentence)
        notes += lost_light(telescope, galaxy.stars)
    return Session(telescope, galaxy, configuration, tuple(notes))


def open_galaxy(description: dict, target: Any) -> Galaxy:
    """The galaxy of a description: from a file, or from a parametric model."""
    if description["kind"] != "file":
        stars = config.galaxy_model(description).particles()
        redshift = target.get("redshift", 0.0) if isinstance(target, dict) else 0.0
        return Galaxy(stars, float(redshift), source=description["kind"], format="parametric")
    options = {key: value for key, value in description.items() if key not in ("kind", "path")}
    known = [name for name in inspect.signature(read_galaxy).parameters if name != "path"]
    check_keys(options, [*known, "kind", "path"], "galaxy", "a galaxy from a file")
    return read_galaxy(description["path"], **options)


def open_library(description: dict) -> SSPLibrary:
    """The stellar library of a description: the embedded one, or from a file."""
    options = {key: value for key, value in description.items() if key not in ("kind", "path")}
    if description["kind"] == "embedded":
        check_keys(options, ["kind"], "library", "the embedded library")
        return embedded_library()
    return read_ssp(description["path"], **options)


def observe(session: Session, *, noiseless: bool = False, report: Report = silent) -> Cube:
    """The data cube of a session, with its variance and true maps."""
    telescope, stars = session.telescope, session.galaxy.stars
    parts = -(-stars.count // CHUNK)
    with report("observing", parts + 1) as advance:
        weights = jnp.zeros((), stars.mass.dtype)
        for chunk in chunks(stars):
            weights = jax.block_until_ready(weights + deposit(telescope, chunk))
            advance()
        seed = session.configuration["seed"]
        noisy = not (noiseless or session.configuration["telescope"]["noise"]["kind"] == "none")
        flux, variance = expose(telescope, weights, jax.random.key(seed) if noisy else None)
        flux = np.asarray(flux)
    with report("drawing true maps"):
        maps = {
            name: (np.asarray(image, np.float32), *UNITS[name])
            for name, image in eqx.filter_jit(true_maps)(telescope, stars).items()
        }
    configuration = session.configuration
    if noiseless:
        configuration = {**configuration, "telescope": {**configuration["telescope"], "noise": {"kind": "none"}}}
    return Cube(
        flux=np.ascontiguousarray(flux.transpose(2, 0, 1)),
        wavelengths=telescope.wavelengths,
        pitch=float(configuration["telescope"]["spaxels"]["pitch"]),
        variance=None if variance is None else np.ascontiguousarray(np.asarray(variance).transpose(2, 0, 1)),
        maps=maps,
        history=configuration,
        seed=seed if noisy else None,
        title=session.galaxy.source,
        notes=session.notes,
    )


@eqx.filter_jit
def deposit(telescope: Telescope, stars: Particles):
    """Weights of some of the stars."""
    return telescope.weights(stars)


@eqx.filter_jit
def expose(telescope: Telescope, weights, key):
    """The cube and, with noise, its variance."""
    cube = telescope.observe(weights, telescope.templates())
    if key is None:
        return cube, None
    return telescope.noise.sample(cube, key=key), telescope.noise.variance(cube)


def chunks(stars: Particles) -> Iterator[Particles]:
    """The stars in pieces of one length, so that one program serves all; the last is filled with stars of no mass."""
    size = min(CHUNK, stars.count)
    for start in range(0, stars.count, size):
        piece = jax.tree.map(lambda leaf, start=start: leaf[start : start + size], stars)
        spare = size - piece.count
        yield jax.tree.map(lambda leaf, spare=spare: jnp.pad(leaf, [(0, spare)] + [(0, 0)] * (leaf.ndim - 1)), piece)

