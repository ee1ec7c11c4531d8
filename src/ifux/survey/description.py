"""From a description to the cases of a survey, every one of them resolved and checked."""

import hashlib
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifux import config, run
from ifux.config.arms import resolved_arm
from ifux.config.build import check_keys, check_type, shown
from ifux.errors import InputError
from ifux.survey.checks import Checks, text

KEYS = ["name", "observation", "vary", "cases", "realisations"]
MOST = 10**6
"""Cubes that a survey may have."""


@dataclass(frozen=True)
class Case:
    """One cube."""

    number: int
    """Counted from one."""
    settings: dict[str, Any]
    """What the description says of it."""
    configuration: dict
    """Resolved."""
    file: str
    """Name of the cube."""
    arm: str = ""
    """Which of an observation's it is; without a name where that has no arms."""
    observation: tuple[int, int] = (0, 0)
    """The same for arms that are made together: the number of the first, and that of the realisation."""

    def __str__(self) -> str:
        return titled(self.number, self.settings)


@dataclass(frozen=True)
class Survey:
    """All cases, checked."""

    name: str
    cases: tuple[Case, ...]
    largest: Case
    """The one that needs the most memory."""
    notes: tuple[str, ...]
    """What a careful user should know."""

    def together(self, case: Case) -> dict[str, dict]:
        """The configurations of the arms that are made with a case, by their names; it is one of them."""
        return {one.arm: one.configuration for one in self.cases if one.observation == case.observation}


def load(path: str | Path, *, report: run.Report = run.silent) -> Survey:
    """The survey of a description in JSON, as the docstring of `ifux.survey` shows it.

    Raises:
        InputError: in one sentence, what cannot be used, and in which case.
    """
    path = Path(path)
    description, folder = config.load(path), path.absolute().parent
    check_keys(description, KEYS, "survey", "a survey")
    check_type(name := description.get("name", path.stem), str, "survey.name")
    if not name or Path(name).name != name:
        raise InputError(f"survey.name: {shown(name)} is not the name of a file")
    check_type(repeats := description.get("realisations", 1), int, "survey.realisations")
    base, changed = config.converted(observation(description.get("observation"), folder))
    settings = expanded(description, folder, repeats)
    varied = [key for key in {key: None for given in settings for key in given} if differs(settings, key)]
    check, cases = Checks(), []
    with report("checking the cases", len(settings)) as advance:
        for given in settings:
            number = len(cases) + 1
            try:
                plain = config.arms(applied(base, given))
                observed = {arm: rooted(resolved_arm(arm, one), folder) for arm, one in plain.items()}
                for configuration in observed.values():
                    configuration["library"] = run.pinned(configuration["library"])
                    check(configuration)
            except InputError as error:
                raise InputError(f"{titled(number, given)}: {error}") from error
            for arm, configuration in observed.items():
                told = {**given, "arm": arm} if arm else given
                words = [*(labels(given, varied) or [name]), *([arm] if arm else [])]
                if "realisations" not in description:
                    cases.append(case(len(cases) + 1, told, configuration, words, arm, (number, 0)))
                else:
                    for repeat in range(1, repeats + 1):
                        own = {**configuration, "seed": int(digest([configuration, repeat])[:8], 16)}
                        named = [*words, f"r{repeat}"]
                        cases.append(case(len(cases) + 1, told, own, named, arm, (number, repeat)))
            advance()
    first: dict[str, Case] = {}
    for one in cases:
        if (other := first.setdefault(digest(one.configuration), one)) is not one:
            raise InputError(f"{one}: it is the same as {other}; leave one of them out")
    largest = max(cases, key=lambda one: check.sizes[text(one.configuration["telescope"])])
    return Survey(name, tuple(cases), largest, (*changed, *shared_seeds(cases)))


def observation(given: Any, folder: Path) -> dict:
    """The configuration that is varied, its paths in full."""
    if isinstance(given, str):
        path = folder / Path(given).expanduser()
        return rooted(config.load(path), path.parent)
    if not isinstance(given, dict):
        found = "it is missing" if given is None else f"{shown(given)} is neither"
        raise InputError(f"survey.observation: {found}; give a configuration, or the path of one")
    return rooted(given, folder)


def expanded(description: dict, folder: Path, repeats: int) -> list[dict[str, Any]]:
    """The settings of every case."""
    vary, given = description.get("vary", {}), description.get("cases", [{}])
    if not isinstance(vary, dict):
        raise InputError(f'survey.vary: {shown(vary)} must be like {{"seed": [1, 2]}}')
    if not isinstance(given, list) or not given or not all(isinstance(settings, dict) for settings in given):
        raise InputError(f'survey.cases: {shown(given)} must be a list like [{{"galaxy.path": "a.hdf5", "seed": 1}}]')
    if repeats < 1:
        raise InputError(f"survey.realisations: {repeats} is not greater than zero")
    columns = {key: column(key, listed, folder) for key, listed in vary.items()}
    for number, settings in enumerate(given, 1):
        if twice := [key for key in settings if key in columns]:
            raise InputError(f"survey.cases: {titled(number, settings)} sets {twice[0]}, which survey.vary varies")
        if "realisations" in description and "seed" in {*settings, *columns}:
            raise InputError("survey.realisations: it gives each cube its seed; leave out either it or the seeds")
    if (count := repeats * len(given) * math.prod(map(len, columns.values()))) > MOST:
        raise InputError(f"survey: it has {count} cubes, and {MOST} are the most; make several of it")
    product = [dict(zip(columns, chosen, strict=True)) for chosen in itertools.product(*columns.values())]
    return [{**settings, **chosen} for settings in given for chosen in product]


def column(key: str, listed: Any, folder: Path) -> list:
    """The values of a key that is varied."""
    if isinstance(listed, str) and key.endswith(".path"):
        pattern = Path(listed).expanduser()
        root = Path(pattern.anchor) if pattern.is_absolute() else folder
        if found := sorted(str(path) for path in root.glob(str(pattern.relative_to(pattern.anchor)))):
            return found
        raise InputError(f"survey.vary.{key}: no file is like {listed}")
    if not isinstance(listed, list) or not listed:
        files = ", or a pattern of file names" if key.endswith(".path") else ""
        raise InputError(f"survey.vary.{key}: {shown(listed)} must be a list of values{files}")
    return listed


def applied(base: dict, settings: dict[str, Any]) -> dict:
    """A configuration with settings, whose order does not matter: a whole before its parts, a kind before its keys."""
    keys = sorted(settings, key=lambda key: (key.count("."), key.split(".")[-1] != "kind"))
    try:
        return config.with_settings(base, [f"{key}={json.dumps(settings[key])}" for key in keys])
    except InputError as error:
        raise InputError(str(error).removeprefix("--set ")) from error


def rooted(configuration: dict, folder: Path) -> dict:
    """A configuration whose paths are full; those that are not are relative to a folder."""
    result = dict(configuration)
    for section in ("galaxy", "library"):
        for key in ("path", "ids"):
            inner = result.get(section)
            if isinstance(inner, dict) and isinstance(inner.get(key), str):
                result[section] = {**inner, key: str(folder.absolute() / Path(inner[key]).expanduser())}
    return result


def case(
    number: int,
    settings: dict[str, Any],
    configuration: dict,
    words: list[str],
    arm: str,
    observation: tuple[int, int],
) -> Case:
    """A case, and the name of its cube."""
    label = "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", word) for word in words)[:80].lstrip(".")
    return Case(number, settings, configuration, f"{label}_{digest(configuration)[:12]}.fits", arm, observation)


def labels(settings: dict[str, Any], varied: Iterable[str]) -> list[str]:
    """What tells a case from others, in a few words."""
    words = []
    for key in varied:
        value, last = settings.get(key), key.split(".")[-1]
        if isinstance(value, str):
            words.append(Path(value).stem if last == "path" else value)
        elif isinstance(value, int | float):
            words.append(f"{last}{json.dumps(value)}")
    return words


def differs(settings: list[dict[str, Any]], key: str) -> bool:
    """Not all cases have the same value of a key."""
    return len({text(given[key]) if key in given else "" for given in settings}) > 1


def titled(number: int, settings: dict[str, Any]) -> str:
    """A case as a sentence names it."""
    told = ", ".join(f"{key}={shown(value)}" for key, value in settings.items())
    return f"case {number} ({told})" if told else f"case {number}"


def digest(value: Any) -> str:
    """A hash of the content."""
    return hashlib.sha256(text(value).encode()).hexdigest()


def shared_seeds(cases: list[Case]) -> Iterator[str]:
    """Whether cubes have the same noise, in a sentence."""
    noisy = [case for case in cases if case.configuration["telescope"]["noise"]["kind"] != "none"]
    counts = Counter(case.configuration["seed"] for case in noisy)
    if shared := sum(count for count in counts.values() if count > 1):
        yield (
            f"{shared} of {len(cases)} cubes share their seed with another, and so the random numbers of the noise: "
            '"realisations": 1 gives each a seed of its own'
        )
