"""Particles of one halo, or those of a list of identifiers."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from ifux.errors import InputError
from ifux.io.files.hdf5 import regular
from ifux.io.snapshots.snapshot import Snapshot


def of_subhalo(snapshot: Snapshot, subhalo: int | Sequence | np.ndarray) -> Snapshot:
    """The particles of a halo, by the numbers that the file gives its particles."""
    if (numbers := snapshot.stars.subhalo) is None:
        raise InputError(
            f"{snapshot.source}: the file does not say which subhalo its stars belong to: ask for a cut-out of the "
            "subhalo, or give its centre and a radius."
        )
    wanted, levels = np.atleast_1d(array(subhalo, f"{snapshot.source}: subhalo")), numbers.shape[1]
    if wanted.dtype.kind not in "iu" or wanted.ndim != 1:
        raise InputError(f"{snapshot.source}: subhalo must be whole numbers, got {subhalo!r}.")
    if (wanted := wanted.astype(np.int64)).shape != (levels,):
        raise InputError(
            f"{snapshot.source}: a subhalo is named by {levels} whole number{'s' * (levels > 1)} in this file, got "
            f"{subhalo!r}."
        )
    reason = f"not in subhalo {', '.join(str(number) for number in wanted)}"
    if snapshot.gas is not None and snapshot.gas.subhalo is None:
        snapshot = snapshot.noted("the file does not say which subhalo its gas belongs to, so all of it was kept")
    return without(snapshot, "subhalo", reason, lambda numbers: np.any(numbers != wanted, axis=1))


def of_ids(snapshot: Snapshot, ids: Sequence | np.ndarray | str | Path) -> Snapshot:
    """The particles whose identifiers are in a list, or in a file of text or of NumPy's."""
    if (own := snapshot.stars.ids) is None:
        raise InputError(f"{snapshot.source}: the file gives its stars no identifiers to select by: give a radius.")
    wanted = np.unique(from_file(Path(ids)) if isinstance(ids, str | Path) else signed(array(ids, "ids"), "ids"))
    gas = snapshot.gas
    there = [own] + ([gas.ids] if gas is not None and gas.ids is not None else [])
    if missing := int(np.sum(~np.isin(wanted, np.concatenate(there)))):
        snapshot = snapshot.noted(f"{missing} of the {wanted.size} identifiers asked for are not in the file")
    if gas is not None and gas.ids is None:
        snapshot = snapshot.noted("the file gives its gas no identifiers, so all of it was kept")
    return without(snapshot, "ids", "identifier is not among those asked for", lambda ids: ~np.isin(ids, wanted))


def without(
    snapshot: Snapshot, name: str, reason: str, strikes: Callable[[np.ndarray], Bool[np.ndarray, " particle"]]
) -> Snapshot:
    """The stars and the gas that a rule on a column does not strike; all of those that have no such column."""
    columns = [getattr(table, name, None) for table in (snapshot.stars, snapshot.gas)]
    return snapshot.without(*({} if column is None else {reason: strikes(column)} for column in columns))


def from_file(path: Path) -> Int[np.ndarray, " particle"]:
    """Identifiers from NumPy's .npy, or from a text of whole numbers."""
    path = regular(path)
    try:
        with path.open("rb") as file:
            if file.read(6) == b"\x93NUMPY":
                return signed(np.load(path, allow_pickle=False), str(path))
        words = path.read_text("utf-8").replace(",", " ").split()
        return signed(np.array([int(word) for word in words if word], dtype=object), str(path))
    except (ValueError, OSError, EOFError, MemoryError, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} holds no identifiers: whole numbers in a text, or NumPy's .npy of integers, will do ({error})."
        ) from error


def signed(values: np.ndarray, name: str) -> Int[np.ndarray, " particle"]:
    """Identifiers as 64 bits with a sign, those without one wrapped."""
    flat = values.ravel()
    if flat.dtype.kind == "f" and np.all(np.abs(flat) <= 2.0**53) and np.all(flat == np.round(flat)):
        flat = flat.astype(np.int64)
    if flat.dtype.kind == "O" and all(isinstance(value, int) and -(2**63) <= value < 2**64 for value in flat):
        return np.array([value - 2**64 * (value >= 2**63) for value in flat], dtype=np.int64)
    if flat.dtype.kind not in "iu" or not flat.size:
        raise InputError(f"{name}: identifiers are whole numbers, at least one, got {values!r:.80}.")
    return flat.astype(np.uint64).view(np.int64) if flat.dtype.kind == "u" else flat.astype(np.int64)


def array(values: int | Sequence | np.ndarray, name: str) -> np.ndarray:
    """A number or a list of them as an array."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name} must be a list of whole numbers ({error}).") from error
