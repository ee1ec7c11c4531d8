"""`ifux convert`: any galaxy file in ifux's own layout."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ifux.commands.words import add_option, pairs, value
from ifux.errors import InputError
from ifux.io import GALAXY_FORMATS, read_galaxy, write_galaxy
from ifux.io.files import refuse

EXAMPLE = 'units={"length": "kpc"}'


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser(
        "convert",
        parents=[common],
        help="a galaxy of any format in a file of ifux's own",
        description="Reads the stars and the gas of a snapshot or a cut-out, centres them, and writes them compressed "
        'and in blocks, so that {"galaxy": {"kind": "file", "path": "GALAXY.h5", "stream": true}} observes a galaxy '
        "that does not fit into memory.",
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", type=Path, help="file, or folder of a snapshot in many files")
    parser.add_argument("galaxy", metavar="GALAXY.h5", type=Path, help="file to write")
    parser.add_argument("--format", choices=[*GALAXY_FORMATS], help="recognised by content if not given")
    parser.add_argument(
        "--centre", metavar="HOW", help="shrinking-sphere, most-bound, as-is, or a place such as [1000,2000,3000] [kpc]"
    )
    parser.add_argument("--radius", metavar="KPC", type=float, help="leave out particles farther from the centre")
    parser.add_argument("--velocity-radius", metavar="KPC", type=float, help="stars inside are at rest on average")
    parser.add_argument("--subhalo", metavar="N", help="number of the halo that is taken, or [GROUP,SUBGROUP]")
    parser.add_argument("--ids", metavar="FILE", type=Path, help="text or .npy of the identifiers that are taken")
    add_option(parser, EXAMPLE)
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.set_defaults(function=convert)


def convert(arguments: argparse.Namespace) -> None:
    """Reads, says what was read, and writes."""
    if arguments.galaxy.resolve() == arguments.snapshot.resolve():
        raise InputError(f"{arguments.galaxy} is the snapshot itself: choose another name")
    refuse(arguments.galaxy, overwrite=arguments.overwrite)
    given = {name: getattr(arguments, name) for name in ("format", "radius", "velocity_radius", "ids")}
    for name in ("centre", "subhalo"):
        text = getattr(arguments, name)
        given[name] = None if text is None else value(text)
    for name in (options := pairs(arguments.option, EXAMPLE)):
        if name in given:
            raise InputError(f"--option {name}: give it as --{name.replace('_', '-')}")
    galaxy = read_galaxy(arguments.snapshot, **given, **options)
    write_galaxy(arguments.galaxy, galaxy, overwrite=arguments.overwrite)
    if not arguments.quiet:
        sys.stderr.write(galaxy.report() + "\n")
        print(arguments.galaxy)
