"""`ifux instruments`: what ifux can observe with."""

import argparse
from typing import Any

from ifux import instruments


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser("instruments", parents=[common], help="the instruments that ifux knows")
    parser.set_defaults(function=show)


def show(arguments: argparse.Namespace) -> None:
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
