"""What a user sees while something takes long."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

PATIENCE = 1.0
"""How long a step may take before it is shown [s]."""


@contextmanager
def quiet(step: str, parts: int = 1) -> Iterator[Callable[[], Any]]:
    """Shows nothing."""
    yield lambda: None


def counted(step: str, parts: int = 1) -> AbstractContextManager[Callable[[], Any]]:
    """A bar that also counts, and says how long it will take."""
    return progress(step, parts, layout="{desc:<30} {bar:20} {n_fmt}/{total_fmt} {elapsed}, {remaining} to go")


@contextmanager
def progress(
    step: str, parts: int = 1, *, layout: str = "{desc:<30} {bar:20} {elapsed}"
) -> Iterator[Callable[[], Any]]:
    """A bar on the standard error with a clock, for what takes longer than a second."""
    from tqdm import tqdm

    done = threading.Event()
    layout = layout if parts > 1 else "{desc:<30} {elapsed}"
    bar = tqdm(
        total=parts,
        desc=step,
        bar_format=layout,
        file=sys.stderr,
        delay=PATIENCE,
        miniters=0,
        mininterval=0,
        smoothing=0,
    )

    def tick() -> None:
        late = done.wait(PATIENCE)
        while not late:
            bar.update(0)
            late = done.wait(PATIENCE / 2)

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield bar.update
        bar.update(bar.total - bar.n)
    finally:
        done.set()
        clock.join()
        bar.close()
