"""The command line: `ifux demo`, `ifux observe`, `ifux survey`, `ifux tng`, `ifux inspect`, `ifux instruments`."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import jax
from tqdm import tqdm

from ifux import config, fetching, instruments, run, survey
from ifux.errors import InputError
from ifux.io import describe
from ifux.io.cache import cache_folder
from ifux.io.files import refuse
from ifux.io.fits import write_cube

DEMO = {
    "galaxy": {"kind": "disc-bulge", "count": 100_000, "seed": 1},
    "library": {"kind": "embedded"},
    "telescope": {
        "instrument": "muse-wfm",
        "target": {"kind": "cosmological", "redshift": 0.05},
        "orientation": {"kind": "inclined", "inclination": 55.0, "position_angle": 30.0},
        "spaxels": {"size": [100, 100]},
        "noise": {"kind": "target-snr", "snr": 60.0},
    },
    "seed": 1,
}
"""What `ifux demo` observes; the same as configs/demo.json."""

PATIENCE = 1.0
"""How long a step may take before it is shown [s]."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Leaves with status 2."""
        raise InputError(f"{message}; `{self.prog} --help` tells more")


def parser() -> Parser:
    """The arguments of all commands."""
    top = Parser(prog="ifux", description="Mock data cubes of simulated galaxies, differentiable end to end.")
    top.add_argument("--version", action="version", version=f"ifux {version('ifux')}")
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)
    common = Parser(add_help=False)
    common.add_argument("--quiet", action="store_true", help="no progress, no notes; errors only")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")

    demo = commands.add_parser("demo", parents=[common], help="a first cube and a picture of it, from nothing")
    demo.add_argument("--out", type=Path, default=Path("demo.fits"), help="cube to write; the picture stands beside it")
    demo.add_argument("--overwrite", action="store_true", help="replace files that exist")
    demo.set_defaults(function=make_demo)

    observe = commands.add_parser("observe", parents=[common], help="a cube from a configuration")
    observe.add_argument("config", metavar="CONFIG.json", type=Path)
    observe.add_argument("--galaxy", metavar="FILE", type=Path, help="galaxy file, in place of the configuration's")
    observe.add_argument("--ssp", metavar="FILE", type=Path, help="stellar library, in place of the configuration's")
    observe.add_argument(
        "--out", metavar="CUBE.fits", type=Path, help="cube to write; default: CONFIG.fits in this folder"
    )
    observe.add_argument("--picture", metavar="PNG", type=Path, help="also draw maps and spectra")
    observe.add_argument("--seed", type=int, help="seed of the noise")
    observe.add_argument("--noiseless", action="store_true", help="no noise and no variance")
    observe.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="change a key, as in telescope.psf.fwhm=0.8"
    )
    observe.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    observe.add_argument("--devices", metavar="N", type=int, help="cores to deposit the stars on; default: 1")
    observe.add_argument(
        "--dry-run", action="store_true", help="check everything, print shapes, choices and memory; make no cube"
    )
    observe.set_defaults(function=make_cube)

    mapping = commands.add_parser(
        "survey",
        parents=[common],
        help="many cubes from one configuration",
        description="Observes one configuration for many galaxies, orientations and seeds, side by side. What is there "
        "already is not made again, so an interrupted survey goes on when it is called again. The status is 1 if cubes "
        "failed: the table says why.",
        epilog='SURVEY.json is like {"observation": "tng-muse.json", "vary": {"galaxy.path": "cutouts/*.hdf5", '
        '"telescope.orientation.inclination": [0, 30, 60, 90]}, "realisations": 3}. "vary" makes every combination; '
        '"cases" takes a list such as [{"galaxy.path": "a.hdf5", "seed": 7}]; "realisations" gives each cube a seed of '
        "its own. Paths are relative to the file.",
    )
    mapping.add_argument("survey", metavar="SURVEY.json", type=Path)
    mapping.add_argument(
        "--out", metavar="FOLDER", type=Path, help="folder of the cubes and their table; default: SURVEY in this folder"
    )
    place = mapping.add_mutually_exclusive_group()
    place.add_argument(
        "--workers", metavar="N", type=int, help="processes on this machine; default: as many as cores and memory bear"
    )
    place.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler, as tcp://host:8786, in their place")
    mapping.add_argument("--dry-run", action="store_true", help="check everything and list the cubes; make none")
    mapping.add_argument("--overwrite", action="store_true", help="make every cube again, and replace files that exist")
    mapping.set_defaults(function=make_survey)

    fetching.add(commands, common)

    inspect = commands.add_parser("inspect", parents=[common], help="what is in a galaxy, library or cube file")
    inspect.add_argument("file", metavar="FILE", type=Path)
    inspect.set_defaults(function=show_file)

    listing = commands.add_parser("instruments", parents=[common], help="the instruments that ifux knows")
    listing.set_defaults(function=show_instruments)
    return top


def make_demo(arguments: argparse.Namespace) -> None:
    """A parametric galaxy through MUSE."""
    produce(DEMO, arguments, arguments.out, arguments.out.with_suffix(".png"), [])


def make_cube(arguments: argparse.Namespace) -> None:
    """The observation of a configuration file."""
    if arguments.devices is not None:
        if arguments.devices < 1:
            raise InputError(f"argument --devices: {arguments.devices} is not greater than zero")
        jax.config.update("jax_num_cpu_devices", arguments.devices)
    description = config.load(arguments.config)
    for section, path in (("galaxy", arguments.galaxy), ("library", arguments.ssp)):
        if path is not None:
            old = description.get(section)
            options = old if isinstance(old, dict) and old.get("kind") == "file" else {}
            description[section] = {**options, "kind": "file", "path": str(path)}
    description = config.with_settings(description, arguments.set)
    if arguments.seed is not None:
        description["seed"] = arguments.seed
    sections = [description.get("galaxy"), description.get("library")]
    inputs = [Path(str(section["path"])) for section in sections if isinstance(section, dict) and "path" in section]
    out = arguments.out or Path(arguments.config.stem + ".fits")
    produce(description, arguments, out, arguments.picture, [arguments.config, *inputs])


def produce(
    description: dict, arguments: argparse.Namespace, out: Path, picture: Path | None, inputs: list[Path]
) -> None:
    """Observes a description and writes the cube, and the picture if one is asked for: never over an input."""
    report = quiet if arguments.quiet else progress
    taken = {path.resolve() for path in inputs}
    for path in (out, picture):
        if path is not None:
            if path.resolve() in taken:
                raise InputError(f"{path} is already the name of another file of this observation: choose another")
            refuse(path, overwrite=arguments.overwrite)
            taken.add(path.resolve())
    if (folder := cache_folder()) is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
    session = run.prepare(description, report=report)
    if not arguments.quiet:
        sys.stderr.write(replace(session.galaxy, notes=()).report() + "\n")
        sys.stderr.writelines(f"  note: {note}\n" for note in session.notes)
    noiseless = getattr(arguments, "noiseless", False)
    if getattr(arguments, "dry_run", False):
        with report("planning"):
            foreseen = run.planned(session, noiseless=noiseless)
        if not foreseen.fits:
            raise InputError(foreseen.sentence())
        print(foreseen.report())
        return
    cube = run.observe(session, noiseless=noiseless, report=report)
    with report(f"writing {out}"):
        write_cube(out, cube, overwrite=arguments.overwrite)
    if picture is not None:
        from ifux.plots import portrait

        with report(f"drawing {picture}"):
            portrait(picture, cube, overwrite=arguments.overwrite)
    if not arguments.quiet:
        print(out if picture is None else f"{out}\n{picture}")


def make_survey(arguments: argparse.Namespace) -> int:
    """The cubes of a survey; the exit status."""
    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"argument --workers: {arguments.workers} is not greater than zero")
    report = quiet if arguments.quiet else counted
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if (cache := cache_folder()) is not None:
        jax.config.update("jax_compilation_cache_dir", str(cache / "programs"))
    everything = survey.load(arguments.survey, report=report)
    folder = arguments.out or Path(everything.name)
    todo = survey.missing(everything, folder, overwrite=arguments.overwrite, report=report)
    waiting = {case.number for case in todo}
    there = [case for case in everything.cases if case.number not in waiting]
    notes = [*everything.notes]
    if late := survey.outdated(there, folder):
        notes.append(f"{late} cubes are older than their galaxy or library: --overwrite makes all cubes again")
    if not arguments.quiet:
        sys.stderr.write(f"{len(everything.cases)} cubes in {folder}, {len(there)} of them there already\n")
        sys.stderr.writelines(f"  note: {note}\n" for note in notes)
    if arguments.dry_run:
        if todo:
            with report("rehearsing"):
                survey.rehearsed(everything)
        for case in everything.cases:
            print(f"{'make' if case.number in waiting else 'keep'} {folder / case.file}: {case}")
        return 0
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        table = survey.conduct(
            everything,
            folder,
            todo,
            overwrite=arguments.overwrite,
            workers=arguments.workers,
            scheduler=arguments.scheduler,
            report=report,
            tell=lambda sentence: tqdm.write(f"ifux: {sentence}", file=sys.stderr),
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    failed = table.count("failed")
    if not arguments.quiet:
        sys.stderr.write(f"{len(todo) - failed} cubes made, {len(there)} kept, {failed} failed\n")
        print(table.path)
    return 1 if failed else 0


def show_file(arguments: argparse.Namespace) -> None:
    """A summary that a human can check."""
    print(describe(arguments.file))


def show_instruments(arguments: argparse.Namespace) -> None:
    """A line for each instrument."""
    for name in instruments.names():
        preset = instruments.load(name)
        grid, spaxels = preset["telescope"]["wavelengths"], preset["telescope"]["spaxels"]
        last = grid["start"] + grid["step"] * (grid["size"] - 1)
        field = " x ".join(str(size) for size in spaxels["size"])
        print(
            f"{name:14} {grid['start']:8.2f} to {last:8.2f} angstrom in {grid['medium']}, {grid['size']} channels; "
            f"{field} spaxels of {spaxels['pitch']:g} arcsec"
        )


@contextmanager
def quiet(step: str, parts: int = 1) -> Iterator[Callable[[], Any]]:
    """Shows nothing."""
    yield lambda: None


def counted(step: str, parts: int = 1) -> AbstractContextManager[Callable[[], Any]]:
    """A bar that also counts, and says how long it will take."""
    return progress(step, parts, layout="{desc:<30} {bar:20} {n_fmt}/{total_fmt} {elapsed}, {remaining} to go")


@contextmanager
def progress(
    step: str, parts: int = 1, *, layout: str = "{desc:<30} {bar:20} {elapsed}"
) -> Iterator[Callable[[], Any]]:
    """A bar on the standard error with a clock, for what takes longer than a second."""
    done = threading.Event()
    layout = layout if parts > 1 else "{desc:<30} {elapsed}"
    bar = tqdm(
        total=parts,
        desc=step,
        bar_format=layout,
        file=sys.stderr,
        delay=PATIENCE,
        miniters=0,
        mininterval=0,
        smoothing=0,
    )

    def tick() -> None:
        late = done.wait(PATIENCE)
        while not late:
            bar.update(0)
            late = done.wait(PATIENCE / 2)

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield bar.update
        bar.update(bar.total - bar.n)
    finally:
        done.set()
        clock.join()
        bar.close()


def main(words: list[str] | None = None) -> int:
    """Runs a command; the exit status."""
    words = sys.argv[1:] if words is None else words
    try:
        arguments = parser().parse_args(words)
        return arguments.function(arguments) or 0
    except (InputError, OSError) as error:
        if "--debug" in words:
            raise
        sys.stderr.write(f"ifux: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("ifux: interrupted; nothing half-written is left behind\n")
        return 130
    except Exception as error:
        if "--debug" in words:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"ifux: this should not have happened ({reason}); add --debug to see where\n")
        return 1
