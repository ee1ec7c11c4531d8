"""Instrument presets: names and numbers, one JSON file each. None of them is a class."""

import difflib
import json
from copy import deepcopy
from importlib.resources import files
from pathlib import Path

from ifux.errors import InputError


def names() -> list[str]:
    """The presets that `load` knows."""
    return sorted(file.name.removesuffix(".json") for file in files(__name__).iterdir() if file.name.endswith(".json"))


def load(name: str) -> dict:
    """An instrument by its name, or from a JSON file of the same keys. 'MUSE WFM' is 'muse-wfm'.

    A file may say `"like": "muse-wfm"` and hold only what is different there; a stage of another kind takes the place
    of the old one, and what it says of a source that of the old.

    Raises:
        InputError: there is none of this name, or the file is no description of one.
    """
    if name.casefold().endswith(".json"):
        return own(Path(name))
    known = names()
    asked = "-".join(name.casefold().replace("_", " ").replace("-", " ").split())
    if asked not in known:
        close = (
            difflib.get_close_matches(asked, known, n=1) or [other for other in known if asked and asked in other][:1]
        )
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"instrument: {name!r} is none of the {len(known)} that `ifux instruments` lists{hint}")
    return alike(json.loads(files(__name__).joinpath(f"{asked}.json").read_text(encoding="utf-8")))


def own(path: Path) -> dict:
    """An instrument that a user has described in a file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"instrument: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"instrument: {path} is not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("telescope", {}), dict):
        raise InputError(f"instrument: {path} must hold a JSON object with a telescope, as the presets have it")
    return alike(found)


def alike(found: dict) -> dict:
    """An instrument; where it is like another, with all that it has from that."""
    if "like" not in found:
        return found
    base, own = load(str(found["like"])), {key: value for key, value in found.items() if key != "like"}
    telescope = overlaid(base.get("telescope", {}), own.get("telescope", {}))
    kept = [path for path in base.get("assumed", []) if path not in own.get("sources", {})]
    return (
        base
        | own
        | {
            "telescope": telescope,
            "sources": {**base.get("sources", {}), **own.get("sources", {})},
            "assumed": sorted({*kept, *own.get("assumed", [])}),
        }
    )


def overlaid(base: dict, changes: dict) -> dict:
    """A telescope with some keys changed; a stage of another kind replaces the old one whole."""
    result = deepcopy(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = value
        if isinstance(old, dict) and isinstance(value, dict) and value.get("kind", old.get("kind")) == old.get("kind"):
            result[key] = {**old, **value}
    return result
