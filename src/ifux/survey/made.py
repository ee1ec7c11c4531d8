"""What of a survey is there already."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ifux import run
from ifux.config import converted
from ifux.errors import InputError
from ifux.io import read_configuration
from ifux.survey.description import Case, Survey


def missing(survey: Survey, folder: Path, *, overwrite: bool, report: run.Report = run.silent) -> list[Case]:
    """The cases whose cubes are not there, or all if they may be overwritten.

    Raises:
        InputError: something else has the name of the folder or of a cube.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name one for the cubes")
    found = []
    with report("looking at what is there", len(survey.cases)) as advance:
        for case in survey.cases:
            path = folder / case.file
            if overwrite or not path.exists():
                found.append(case)
            elif not is_made(path, case.configuration):
                raise InputError(
                    f"{path} exists already and is not the cube of {case}, or damaged: move it away, or allow it to be "
                    "overwritten"
                )
            advance()
    return found


def is_made(path: Path, configuration: dict) -> bool:
    """A file is the cube of a configuration. Its header may say more: what followed from the galaxy.

    One of an earlier scheme is it only where it would be the same today.
    """
    try:
        made, changed = converted(read_configuration(path))
    except InputError:
        return False
    return not changed and within(configuration, made)


def within(part: Any, whole: Any) -> bool:
    """All that the one says, the other says too."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and within(value, whole[key]) for key, value in part.items())
    return part == whole


def outdated(cases: Iterable[Case], folder: Path) -> int:
    """How many cubes are older than their galaxy or their library."""
    changed: dict[str, float] = {}

    def latest(configuration: dict) -> float:
        paths = [
            configuration[section]["path"] for section in ("galaxy", "library") if "path" in configuration[section]
        ]
        for path in paths:
            if path not in changed:
                changed[path] = newest(Path(path))
        return max((changed[path] for path in paths), default=-math.inf)

    return sum(latest(case.configuration) > (folder / case.file).stat().st_mtime for case in cases)


def newest(path: Path) -> float:
    """When a file, or anything in a folder of them, was last changed."""
    there = [path, *path.iterdir()] if path.is_dir() else [path]
    return max(file.stat().st_mtime for file in there)
