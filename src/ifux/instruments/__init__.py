"""Instrument presets: names and numbers, one JSON file each. None of them is a class."""

import difflib
import json
from importlib.resources import files

from ifux.errors import InputError


def names() -> list[str]:
    """The presets that `load` knows."""
    return sorted(file.name.removesuffix(".json") for file in files(__name__).iterdir() if file.name.endswith(".json"))


def load(name: str) -> dict:
    """The description of an instrument, as it would stand in a configuration. 'MUSE WFM' is 'muse-wfm'."""
    known = names()
    asked = "-".join(name.casefold().replace("_", " ").replace("-", " ").split())
    if asked not in known:
        close = difflib.get_close_matches(asked, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"instrument: {name!r} is not one of {known}{hint}")
    return json.loads(files(__name__).joinpath(f"{asked}.json").read_text(encoding="utf-8"))
