"""`ifux instruments`: what ifux can observe with."""

import argparse
import math
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
        first, last, count = channels(grid)
        field = " x ".join(str(size) for size in spaxels["size"])
        print(
            f"{name:14} {first:8.2f} to {last:8.2f} angstrom in {grid['medium']}, {count} channels; "
            f"{field} spaxels of {spaxels['pitch']:g} arcsec"
        )


def channels(grid: dict[str, Any]) -> tuple[float, float, int]:
    """First and last centre and number of the channels of a description, which is not built: that takes a second."""
    if grid.get("kind") == "table":
        edges = grid["edges"]
        return sum(edges[:2]) / 2, sum(edges[-2:]) / 2, len(edges) - 1
    reach = grid["step"] * (grid["size"] - 1)
    last = grid["start"] * math.exp(reach) if grid.get("kind") == "log" else grid["start"] + reach
    return grid["start"], last, grid["size"]
