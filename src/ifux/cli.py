"""The command line: `ifux demo`, `ifux observe`, `ifux inspect`, `ifux instruments`."""

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import jax
from tqdm import tqdm

from ifux import config, instruments, run
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
    observe.set_defaults(function=make_cube)

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
    cube = run.observe(session, noiseless=getattr(arguments, "noiseless", False), report=report)
    with report(f"writing {out}"):
        write_cube(out, cube, overwrite=arguments.overwrite)
    if picture is not None:
        from ifux.plots import portrait

        with report(f"drawing {picture}"):
            portrait(picture, cube, overwrite=arguments.overwrite)
    if not arguments.quiet:
        print(out if picture is None else f"{out}\n{picture}")


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


@contextmanager
def progress(step: str, parts: int = 1) -> Iterator[Callable[[], Any]]:
    """A bar on the standard error with a clock, for what takes longer than a second."""
    done = threading.Event()
    layout = "{desc:<30} {bar:20} {elapsed}" if parts > 1 else "{desc:<30} {elapsed}"
    bar = tqdm(total=parts, desc=step, bar_format=layout, file=sys.stderr, delay=PATIENCE, miniters=0, mininterval=0)

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
        arguments.function(arguments)
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
    return 0
