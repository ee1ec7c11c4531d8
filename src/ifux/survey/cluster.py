"""Workers, and who of them does what. The only module that needs Dask."""

import logging
import os
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import jax

from ifux import run
from ifux.errors import InputError
from ifux.survey.checks import text
from ifux.survey.description import Case
from ifux.survey.worker import reason

PATIENCE = 10.0
"""How long a scheduler may take to answer [s]."""

TRIES = 3
"""Workers that may die of an observation."""

Task: TypeAlias = tuple[tuple[Case, ...], dict]
"""The cases that are the arms of one observation, or the one without arms, and what a worker is told."""


@contextmanager
def connected(address: str | None, workers: int | None, cases: int, need: int, report: run.Report) -> Iterator[Any]:
    """A client of the scheduler at an address, or of a cluster on this machine for as long as it is needed.

    Without a number, there are as many workers as accelerators, or else cores, or cases, or as the memory bears [byte].
    They share the cores. The number of threads of XLA is set, that of BLAS is not: it changes the last digits of a
    singular value decomposition, and a cube would no longer be that of `ifux observe`. They talk over TLS with a key
    made for them: whoever can talk to a worker can have it run anything.
    """
    try:
        from dask import config as settings
        from dask.system import CPU_COUNT
        from distributed import Client, LocalCluster
        from distributed.security import Security
        from distributed.system import MEMORY_LIMIT

        security = None if address else Security.temporary()
    except ImportError as error:
        raise InputError(f'a survey needs Dask ({error}): pip install "dask[distributed]" cryptography') from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    if address is not None:
        try:
            client = Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {address}: {error}") from error
        with client:
            yield client
        return
    devices = 0 if jax.default_backend() == "cpu" else len(jax.local_devices())
    count = min(workers or devices or max(1, min(CPU_COUNT, MEMORY_LIMIT // need)), cases)
    environment = {"PJRT_NPROC": str(max(1, CPU_COUNT // count)), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if devices:
        cards = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(devices)))
        environment["CUDA_VISIBLE_DEVICES"] = cards
    options: dict[str, Any] = {
        "n_workers": count,
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": None,
        "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"},
        "security": security,
        "silence_logs": logging.CRITICAL,
        "env": environment,
        "preload": "ifux.survey.worker",
    }
    changes = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.nanny.pre-spawn-environ": {},
        **{f"distributed.{node}.http.routes": [] for node in ("scheduler", "worker")},
        **{f"distributed.worker.memory.{level}": False for level in ("target", "spill", "pause")},
    }
    with settings.set(changes):
        with report(f"starting {count} workers"):
            cluster = LocalCluster(**options)
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client


def dispatched(
    client: Any, tasks: Iterable[Task], work: Callable[[dict], dict[str, dict]]
) -> Iterator[tuple[Case, dict]]:
    """Cases as they come back, each with its outcome.

    A worker has the arms of one observation at a time, so that it is known of which it died; and all observations of a
    galaxy, as long as there are other galaxies for the others: what it compiled and read serves again.
    """
    from distributed.scheduler import KilledWorker

    series: dict[str, deque[Task]] = {}
    for task in tasks:
        series.setdefault(galaxy_of(task), deque()).append(task)
    fresh, home, busy, deaths = deque(series), {}, {}, Counter()
    answers: SimpleQueue = SimpleQueue()

    def choose(worker: str | None) -> Task:
        galaxy = home.get(worker)
        if galaxy not in series:
            galaxy = fresh.popleft() if fresh else max(series, key=lambda galaxy: len(series[galaxy]))
        home[worker] = galaxy
        task = series[galaxy].popleft()
        if not series[galaxy]:
            del series[galaxy]
        return task

    while series or busy:
        for worker in client.nthreads() or [None]:
            if series and worker not in busy:
                task = cases, words = choose(worker)
                where = {} if worker is None else {"workers": [worker], "allow_other_workers": True}
                key = f"{cases[0].file}-{secrets.token_hex(4)}"
                future = client.submit(work, words, key=key, **where)
                busy[worker] = (task, future)
                future.add_done_callback(lambda _, worker=worker: answers.put(worker))
        try:
            worker = answers.get(timeout=1)
        except Empty:
            continue
        task, future = busy.pop(worker)
        cases, _ = task
        error = future.exception() if future.status == "error" else None
        if future.status == "finished":
            found = future.result()
            yield from ((case, found[case.arm]) for case in cases)
            continue
        if error is None:
            raise InputError("the scheduler is gone: call the survey again to go on with it")
        sentence = reason(error)
        if isinstance(error, KilledWorker):
            dead = deaths[cases[0].number] = deaths[cases[0].number] + error.allowed_failures + 1
            if dead < TRIES:
                series.setdefault(galaxy_of(task), deque()).append(task)
                continue
            sentence = f"its worker died {dead} times; if for want of memory, fewer workers leave each more"
        yield from ((case, {"error": sentence}) for case in cases)


def galaxy_of(task: Task) -> str:
    """Of which galaxy an observation is."""
    cases, _ = task
    return text(cases[0].configuration["galaxy"])
