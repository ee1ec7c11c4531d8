"""The state of a loop on disk, so that it can go on after an interruption."""

from pathlib import Path

import equinox as eqx
import numpy as np
from jaxtyping import PyTree

from ifux.errors import InputError
from ifux.io.files import replacing
from ifux.io.hdf5 import regular


def save(path: Path, state: PyTree, history: list[float]) -> None:
    """The state of a loop, whole or not at all: arrays one after the other, no pickles."""
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        eqx.tree_serialise_leaves(file, (np.array(history), state))


def resumed(path: Path, like: PyTree, what: str = "fit") -> tuple[PyTree, list[float]]:
    """The state that was saved, and the loss before every step up to there."""
    try:
        with regular(path).open("rb") as file:
            history = np.load(file, allow_pickle=False)
            state = eqx.tree_deserialise_leaves(file, like)
            if file.read(1):
                raise ValueError("it holds more than that")
    except (ValueError, RuntimeError, EOFError, OSError) as error:
        raise InputError(
            f"{path} is not a checkpoint of this {what}: it was saved with other parameters or another optimiser, or "
            "is damaged; move it away to begin anew."
        ) from error
    return state, history.tolist()
