"""`ifux tng`: a galaxy of IllustrisTNG from its web interface."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from ifux.errors import InputError


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser(
        "tng",
        parents=[common],
        help="a galaxy of IllustrisTNG from its web interface",
        description="Fetches the stars and the gas of a subhalo, once: what has been fetched is kept in the user's "
        "cache. The personal key is read from the environment variable TNG_API_KEY, from the file that "
        "IFUX_TNG_KEY_FILE names, or from ~/.config/ifux/tng-key, which only you may be able to read.",
    )
    parser.add_argument("simulation", metavar="SIMULATION", help="such as TNG50-1")
    parser.add_argument("snapshot", metavar="SNAPSHOT", type=int, help="number of the snapshot; 99 is today")
    parser.add_argument("subhalo", metavar="SUBHALO", type=int, help="number of the subhalo in the snapshot")
    parser.add_argument("--out", metavar="FILE", type=Path, help="file to write; default: only the one in the cache")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.set_defaults(function=fetch)


def fetch(arguments: argparse.Namespace) -> None:
    """Fetches a cut-out and says where it is."""
    from ifux.io.downloads.tng import tng_cutout
    from ifux.io.files.writing import refuse, replacing

    if arguments.out is not None:
        refuse(arguments.out, overwrite=arguments.overwrite)
    path = tng_cutout(arguments.simulation, arguments.snapshot, arguments.subhalo, progress=not arguments.quiet)
    if arguments.out is not None:
        with replacing(arguments.out, overwrite=arguments.overwrite) as temporary:
            try:
                shutil.copyfile(path, temporary)
            except OSError as error:
                raise InputError(f"{arguments.out} cannot be written: {error.strerror}; choose another.") from error
        path = arguments.out
    if not arguments.quiet:
        print(path)
        sys.stderr.write(f"`ifux inspect {path}` shows what is in it\n")
