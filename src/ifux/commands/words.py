"""Values from the words of a command line."""

import argparse
import json
from typing import Any

from ifux.errors import InputError


def add_option(parser: argparse.ArgumentParser, example: str) -> None:
    """Lets a command take what a file does not say, as KEY=VALUE."""
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help=f"what the file does not say, as in {example}",
    )


def pairs(words: list[str], example: str) -> dict[str, Any]:
    """Keys and values of words such as "radius=30"."""
    found = {}
    for word in words:
        key, separator, text = word.partition("=")
        if not separator or not key:
            raise InputError(f"--option {word}: an option is like {example}")
        found[key] = value(text)
    return found


def value(text: str) -> Any:
    """JSON, or the text where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
