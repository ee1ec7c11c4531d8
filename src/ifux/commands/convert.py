"""`ifux convert`: any galaxy file in ifux's own layout."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ifux.commands.progress import progress, quiet
from ifux.commands.words import add_option, pairs
from ifux.errors import InputError

EXAMPLE = 'units={"length": "kpc"} or cosmology=Planck15'


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
    parser.add_argument("--format", metavar="FORMAT", help="layout; default: recognised by content")
    parser.add_argument(
        "--centre",
        metavar="CENTRE",
        nargs="+",
        help="a rule such as shrinking-sphere, or three coordinates in kpc; default: as `ifux inspect` shows it",
    )
    parser.add_argument("--radius", metavar="KPC", type=float, help="leave out what is farther from the centre")
    parser.add_argument(
        "--velocity-radius",
        metavar="KPC",
        type=float,
        help="radius inside which the stars rest; default: that of half of their mass",
    )
    parser.add_argument("--subhalo", metavar="N", type=int, nargs="+", help="numbers of the halo to take")
    parser.add_argument("--ids", metavar="FILE", help="identifiers of the particles to take: a text, or NumPy's .npy")
    add_option(parser, EXAMPLE)
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.set_defaults(function=convert)


def convert(arguments: argparse.Namespace) -> None:
    """Reads, says what was read, and writes."""
    from ifux.io import read_galaxy, write_galaxy
    from ifux.io.files.writing import refuse
    from ifux.io.snapshots.read import galaxy_arguments

    out = arguments.galaxy
    if out.resolve() == arguments.snapshot.resolve():
        raise InputError(f"{out} is the snapshot itself: choose another name for the galaxy")
    refuse(out, overwrite=arguments.overwrite)
    options = pairs(arguments.option, EXAMPLE)
    if taken := sorted({*options} & {*galaxy_arguments()} - {"believe"}):
        raise InputError(f"argument --option: {taken[0]} is no option of a format, give it as an argument of its own")
    for name in ("format", "radius", "velocity_radius", "subhalo", "ids"):
        if (given := getattr(arguments, name)) is not None:
            options[name] = given
    if arguments.centre is not None:
        options["centre"] = centre(arguments.centre)
    report = quiet if arguments.quiet else progress
    with report("reading the galaxy"):
        galaxy = read_galaxy(arguments.snapshot, **options)
    if not arguments.quiet:
        sys.stderr.write(galaxy.report() + "\n")
    with report(f"writing {out}"):
        write_galaxy(out, galaxy, overwrite=arguments.overwrite)
    if not arguments.quiet:
        print(out)


def centre(words: list[str]) -> str | list[float]:
    """A rule for the centre, or coordinates."""
    from ifux.io.snapshots.galaxy import CENTRES

    if len(words) == 1 and words[0] in CENTRES:
        return words[0]
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise InputError(
            f"argument --centre: {' '.join(words)!r} is none of {', '.join(CENTRES)}, nor three coordinates in kpc"
        ) from error
