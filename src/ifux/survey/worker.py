"""One case, in a process that Dask started."""

import ctypes
import gc
import os
import signal
import sys
import time
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


def make(task: dict) -> dict:
    """Makes a cube, and says what there is to say of it."""
    begun, notes, sentence = time.perf_counter(), [], None
    try:
        notes = written(**task)
    except (InputError, OSError) as error:
        sentence = str(error)
    except Exception as error:
        sentence = reason(error)
    forget()
    return {"seconds": round(time.perf_counter() - begun, 3), "notes": notes, "error": sentence}


def written(configuration: dict, partial: str, out: str, overwrite: bool) -> list[str]:
    """Writes a cube, whole, unless it is there; its notes."""
    if not overwrite and is_made(Path(out), configuration):
        return []
    keep_programs()
    session = run.prepare(configuration)
    write_cube(partial, run.observe(session), overwrite=True)
    refuse(out, overwrite=overwrite)
    Path(partial).replace(out)
    return [*session.notes]


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
