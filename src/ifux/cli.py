"""The command line."""

import argparse
import atexit
import gc
import sys
from importlib.metadata import version
from typing import NoReturn

from ifux.commands import convert, demo, etc, inspect, instruments, observe, ssp, survey, tng
from ifux.errors import InputError

COMMANDS = {
    "demo": demo,
    "observe": observe,
    "survey": survey,
    "convert": convert,
    "inspect": inspect,
    "instruments": instruments,
    "etc": etc,
    "ssp": ssp,
    "tng": tng,
}
"""In the order of the help. To add a command, add a file to `ifux.commands` and its name here. A command imports what
takes long to import when it is called."""

COLLECTED = 20_000
"""Objects that are made before garbage is looked for: modules and programs make many that stay, and Python's 700 would
look through them all, again and again, for a tenth of the time of a small observation."""


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
    for command in COMMANDS.values():
        command.add(commands, common)
    return top


def main(line: list[str] | None = None) -> int:
    """Runs a command; the exit status."""
    gc.set_threshold(COLLECTED)
    # At its end the process gives all memory back at once: Python need not look for circles in it first.
    atexit.register(gc.freeze)
    line = sys.argv[1:] if line is None else line
    try:
        arguments = parser().parse_args(line)
        return arguments.function(arguments) or 0
    except (InputError, OSError) as error:
        if "--debug" in line:
            raise
        sys.stderr.write(f"ifux: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("ifux: interrupted; nothing half-written is left behind\n")
        return 130
    except Exception as error:
        if "--debug" in line:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"ifux: this should not have happened ({reason}); add --debug to see where\n")
        return 1
