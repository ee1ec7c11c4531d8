"""One observation, in a process that Dask started."""

import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from ifux import run
from ifux.errors import InputError
from ifux.io import write_cube
from ifux.io.files.cache import keep_programs
from ifux.io.files.writing import refuse
from ifux.survey.made import is_made

UNLIMITED = 2**32
"""Memory of a worker that Dask sets no limit [byte]."""


def dask_setup(worker: Any) -> None:
    """Dask calls this as a worker starts on this machine: it is silent, leaves Ctrl-C to its parent, has one card."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if cards := os.environ.get("CUDA_VISIBLE_DEVICES"):
        listed = cards.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = listed[worker.name % len(listed)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def make(task: dict) -> dict[str, dict]:
    """Makes the cubes of an observation, and says of every arm what there is to say of it."""
    begun, outcomes, sentence = time.perf_counter(), {}, None
    try:
        for arm, notes in written(**task):
            outcomes[arm] = {"seconds": round(time.perf_counter() - begun, 3), "notes": notes, "error": None}
            begun = time.perf_counter()
    except (InputError, OSError) as error:
        sentence = str(error)
    except Exception as error:
        sentence = reason(error)
    forget()
    failed = {"seconds": round(time.perf_counter() - begun, 3), "notes": [], "error": sentence}
    return {arm: outcomes.get(arm, failed) for arm in task["cubes"]}


def written(
    arms: dict[str, dict], cubes: dict[str, dict[str, str]], overwrite: bool
) -> Iterator[tuple[str, list[str]]]:
    """Writes cubes of arms, whole, unless they are there; as each is, its arm and its notes.

    Those that are not wanted have a say in velocity nodes and basis, so that a cube that is made later is the same.
    """
    there = [arm for arm, files in cubes.items() if not overwrite and is_made(Path(files["out"]), arms[arm])]
    yield from ((arm, []) for arm in there)
    if len(there) == len(cubes):
        return
    keep_programs()
    sessions = run.built(arms, run.silent)
    wanted = {arm: sessions[arm] for arm in cubes if arm not in there}
    for arm, cube in run.observe_arms(wanted):
        partial, out = (cubes[arm][key] for key in ("partial", "out"))
        write_cube(partial, cube, overwrite=True)
        refuse(out, overwrite=overwrite)
        Path(partial).replace(out)
        yield arm, [*sessions[arm].notes]


def forget() -> None:
    """Lets go of compiled programs where they fill half of the worker's memory.

    Every number of stars has programs of its own; JAX keeps all of them, and glibc what JAX lets go.
    """
    import psutil
    from distributed import get_worker

    limit = get_worker().memory_manager.memory_limit or UNLIMITED
    if psutil.Process().memory_info().rss > limit / 2:
        jax.clear_caches()
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def reason(error: BaseException) -> str:
    """An error that nobody foresaw, in a sentence."""
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return f"this should not have happened ({told})"
