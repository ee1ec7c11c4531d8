"""`ifux survey`: many cubes from one configuration."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ifux.commands.progress import counted, quiet
from ifux.errors import InputError


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser(
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
    parser.add_argument("survey", metavar="SURVEY.json", type=Path)
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, help="folder of the cubes and their table; default: SURVEY in this folder"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--workers", metavar="N", type=int, help="processes on this machine; default: as many as cores and memory bear"
    )
    place.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler, as tcp://host:8786, in their place")
    parser.add_argument("--dry-run", action="store_true", help="check everything and list the cubes; make none")
    parser.add_argument("--overwrite", action="store_true", help="make every cube again, and replace files that exist")
    parser.set_defaults(function=conduct)


def conduct(arguments: argparse.Namespace) -> int:
    """The cubes of a survey; the exit status."""
    from tqdm import tqdm

    from ifux import survey
    from ifux.io.files.cache import keep_programs

    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"argument --workers: {arguments.workers} is not greater than zero")
    report = quiet if arguments.quiet else counted
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    keep_programs()
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
