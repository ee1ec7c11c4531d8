"""`ifux demo`: a first cube and a picture of it, from nothing."""

import argparse
from pathlib import Path
from typing import Any

from ifux.commands.observe import produce

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


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser("demo", parents=[common], help="a first cube and a picture of it, from nothing")
    parser.add_argument(
        "--out", type=Path, default=Path("demo.fits"), help="cube to write; the picture stands beside it"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    parser.set_defaults(function=demo)


def demo(arguments: argparse.Namespace) -> None:
    """A parametric galaxy through MUSE."""
    produce(DEMO, arguments, arguments.out, arguments.out.with_suffix(".png"), [])
