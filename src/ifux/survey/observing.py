"""A survey from its cases to its cubes."""

import math
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ifux import config, run
from ifux.checks import voxels
from ifux.errors import InputError
from ifux.kinematics import VelocityChannels
from ifux.survey.cluster import connected, dispatched
from ifux.survey.description import Case, Survey
from ifux.survey.table import Table
from ifux.survey.worker import make

SAVED = 10.0
"""How often the table is written [s]."""

SPARE = 2**30
"""Memory of a worker beside weights, templates and cubes [byte]."""

STAND_IN = {"kind": "disc-bulge", "count": 8, "rotation_speed": 0, "disc_dispersion": 0, "bulge_dispersion": 0}
"""Takes the place of the galaxy in the rehearsal; at rest, so that the library need not reach far."""


def rehearsed(survey: Survey) -> int:
    """Memory that a worker needs [byte], from the largest case, which is built with a stand-in for its galaxy.

    Its velocity channels reach as far as by default: faster stars need more. A cube is held three times: as it is, with
    noise, and its variance.

    Raises:
        InputError: it cannot be built.
    """
    arms, needs = survey.together(survey.largest), []
    try:
        sessions = run.built({name: stood_in(one) for name, one in arms.items()}, run.silent)
    except InputError as error:
        raise InputError(f"{survey.largest}: {error}") from error
    for name, configuration in arms.items():
        telescope = sessions[name].telescope
        stages, observed = config.parts(configuration["telescope"])
        if isinstance(stages["kinematics"], VelocityChannels):
            stages["kinematics"] = replace(stages["kinematics"], spacing=telescope.kinematics.spacing)
        third = math.prod(telescope.spaxels.shape) * observed.size
        cells = math.prod(telescope.spaxels.scene_shape(telescope.margin))
        beside = sum(telescope.kinds_of[1:]) * (cells + telescope.sampled.size)
        needs.append(SPARE + 4 * (voxels(stages, observed, basis=telescope.ssp.size) + beside + third))
    return max(needs)


def stood_in(description: dict) -> dict:
    """An observation of the stand-in, whose lines reach as far as by default, at rest though it is."""
    telescope = description["telescope"]
    if telescope.get("gas_kinematics", {}).get("kind") == "channels":
        channels = {"reach": VelocityChannels.reach, **telescope["gas_kinematics"]}
        telescope = {**telescope, "gas_kinematics": channels}
    return {**description, "galaxy": STAND_IN, "telescope": telescope}


def conduct(
    survey: Survey,
    folder: Path,
    todo: list[Case],
    *,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    report: run.Report = run.silent,
    tell: Callable[[str], None] = lambda sentence: None,
    work: Callable[[dict], dict[str, dict]] = make,
) -> Table:
    """Makes the cubes of some cases in a folder, and writes the table, whatever happens.

    Args:
        survey: With all its cases.
        folder: Made if it is not there.
        todo: The cases to make; the others are there.
        overwrite: Replace files.
        workers: Processes on this machine; by default as many as cores, accelerators, memory and cases bear.
        scheduler: Address of a Dask scheduler, whose workers take their place. They see the same files.
        report: Told of steps.
        tell: Told a sentence for each case that fails.
        work: What a worker does with a task: the outcome of every arm, by its name.
    """
    table = Table(folder / f"{survey.name}.jsonl", survey, todo, overwrite=overwrite)
    if not todo:
        table.save()
        return table
    with report("rehearsing"):
        need = rehearsed(survey)
    home = folder.absolute()
    partial = home / f".survey-{secrets.token_hex(8)}"
    try:
        with connected(scheduler, workers, len(todo), need, report) as client:
            partial.mkdir(parents=True)
            tasks = []
            for cases in observations(todo):
                cubes = {
                    case.arm: {"partial": str(partial / case.file), "out": str(home / case.file)} for case in cases
                }
                tasks.append((cases, {"arms": survey.together(cases[0]), "cubes": cubes, "overwrite": overwrite}))
            saved = time.monotonic()
            with report(f"observing {len(todo)} cubes", len(todo)) as advance:
                for case, outcome in dispatched(client, tasks, work):
                    table.set(case, "failed" if outcome["error"] else "done", **outcome)
                    if outcome["error"]:
                        tell(f"{case}: {outcome['error']}")
                    if time.monotonic() - saved > SAVED:
                        table.save()
                        saved = time.monotonic()
                    advance()
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
            table.save()
    return table


def observations(cases: list[Case]) -> list[tuple[Case, ...]]:
    """Cases that are made together, together."""
    found: dict[tuple[int, int], list[Case]] = {}
    for case in cases:
        found.setdefault(case.observation, []).append(case)
    return [tuple(together) for together in found.values()]
