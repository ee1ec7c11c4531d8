"""`ifux ssp list`, `info`, `import` and `fetch`: a user's stellar libraries."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ifux.commands.words import add_option, pairs
from ifux.errors import InputError

if TYPE_CHECKING:
    from ifux.io.libraries.store import Stored

EXAMPLE = "medium=air"


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the commands; `common` holds the options that all commands share."""
    ssp = commands.add_parser(
        "ssp",
        help="a store of stellar libraries",
        description='Keeps stellar libraries with what to cite. A configuration takes one by "library": {"kind": '
        '"stored", "name": "NAME"}. They are in $IFUX_LIBRARIES, or in your folder for data.',
    )
    verbs = ssp.add_subparsers(dest="verb", required=True)

    listing = verbs.add_parser("list", parents=[common], help="what is stored, and what can be fetched")
    listing.set_defaults(function=show_all)

    about = verbs.add_parser("info", parents=[common], help="what a library is and where it came from")
    about.add_argument("library", metavar="FILE-or-NAME", help="a stored or a public library, or a file such as ./a.h5")
    add_option(about, EXAMPLE)
    about.set_defaults(function=show_one)

    bring = verbs.add_parser("import", parents=[common], help="put a library from a file into the store")
    bring.add_argument("file", metavar="FILE", type=Path, help="file, or folder of files")
    bring.add_argument("name", metavar="NAME", help="to store it under")
    bring.add_argument("--citation", metavar="WORDS", help="what to cite, in place of what the file says")
    add_option(bring, EXAMPLE)
    overwrite(bring)
    bring.set_defaults(function=bring_in)

    fetch = verbs.add_parser("fetch", parents=[common], help="put a public library into the store")
    fetch.add_argument("name", metavar="NAME", help="one of those that `ifux ssp list` shows")
    fetch.add_argument("--sha256", metavar="HEX", help="checksum that its file must have")
    add_option(fetch, EXAMPLE)
    overwrite(fetch)
    fetch.set_defaults(function=fetch_one)


def overwrite(parser: argparse.ArgumentParser) -> None:
    """Whether a library may be replaced."""
    parser.add_argument("--overwrite", action="store_true", help="replace a library of that name")


def chosen(words: list[str]) -> dict[str, Any]:
    """Options of `read_ssp`, all of them checked."""
    from ifux.config.build import check_type
    from ifux.io.libraries.options import LIBRARY_OPTIONS

    known, given = {"format": str, **LIBRARY_OPTIONS}, pairs(words, EXAMPLE)
    for key, value in given.items():
        if key not in known:
            raise InputError(f"--option {key}: an option is like {EXAMPLE}; known are {', '.join(known)}")
        if known[key] is str:
            given[key] = value if isinstance(value, str) else json.dumps(value)
        check_type(given[key], known[key], f"--option {key}")
    return given


def show_all(arguments: argparse.Namespace) -> None:
    """A line for each library of the store, and for each that can be fetched."""
    from ifux.io import library_folder, public_libraries, stored_names
    from ifux.io.libraries.store import record

    names = stored_names()
    print(f"stored in {library_folder()}:" if names else f"nothing is stored in {library_folder()}")
    for name in names:
        try:
            print(f"  {record(name).line()}")
        except InputError as error:
            print(f"  {name:16} {error}")
    print("public, for `ifux ssp fetch`:")
    for entry in public_libraries().values():
        print(f"  {entry.line()}{'' if entry.address else ' (by hand)'}")


def show_one(arguments: argparse.Namespace) -> None:
    """A library of the store, a public one, or that of a file."""
    from ifux.io import public_libraries, read_ssp, stored_names, stored_ssp
    from ifux.io.inspect import describe_library
    from ifux.io.libraries.store import NAME, record

    name, given = arguments.library, chosen(arguments.option)
    if NAME.fullmatch(name) and name in stored_names():
        print(f"{describe_library(stored_ssp(name))}\n{record(name).provenance()}")
    elif name in (known := public_libraries()) and not Path(name).exists():
        print(known[name].summary())
    elif NAME.fullmatch(name) and not Path(name).exists():
        record(name)
    else:
        print(describe_library(read_ssp(name, **given)))


def bring_in(arguments: argparse.Namespace) -> None:
    """From a file into the store."""
    from ifux.io import import_ssp

    given = chosen(arguments.option)
    if arguments.citation is not None:
        given["citation"] = arguments.citation
    tell(import_ssp(arguments.file, arguments.name, overwrite=arguments.overwrite, **given), arguments)


def fetch_one(arguments: argparse.Namespace) -> None:
    """From its official address into the store."""
    from ifux.io import fetch_ssp

    given = chosen(arguments.option)
    tell(
        fetch_ssp(
            arguments.name,
            sha256=arguments.sha256,
            overwrite=arguments.overwrite,
            progress=not arguments.quiet,
            **given,
        ),
        arguments,
    )


def tell(stored: "Stored", arguments: argparse.Namespace) -> None:
    """What was stored, and how to use it."""
    if not arguments.quiet:
        print(f"{stored.line()}\n{stored.provenance()}")
        sys.stderr.write(f'use it with "library": {{"kind": "stored", "name": "{stored.name}"}}\n')
