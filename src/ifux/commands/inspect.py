"""`ifux inspect`: what is in a file, in a few lines that a human can check."""

import argparse
from pathlib import Path
from typing import Any

from ifux.commands.words import add_option, pairs

EXAMPLE = "medium=air or cosmology=Planck15"


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser("inspect", parents=[common], help="what is in a galaxy, library or cube file")
    parser.add_argument("file", metavar="FILE", type=Path, help="file, or folder of files that belong together")
    add_option(parser, EXAMPLE)
    parser.set_defaults(function=inspect)


def inspect(arguments: argparse.Namespace) -> None:
    """A summary that a human can check."""
    from ifux.io import describe

    print(describe(arguments.file, **pairs(arguments.option, EXAMPLE)))
