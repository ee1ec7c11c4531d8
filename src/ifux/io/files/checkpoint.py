"""The state of a loop on disk, so that it can go on after an interruption, and with nothing but what it began with."""

import functools
import hashlib
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, UInt8

from ifux.errors import InputError
from ifux.io.files.hdf5 import regular
from ifux.io.files.writing import replacing

Digest = UInt8[np.ndarray, "32"]


def save(path: Path, state: PyTree, history: list[float], origin: Digest) -> None:
    """The state of a loop, whole or not at all: arrays one after the other, no pickles."""
    with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
        eqx.tree_serialise_leaves(file, (origin, np.array(history), state))


def resumed(path: Path, like: PyTree, origin: Digest, what: str = "fit") -> tuple[PyTree, list[float]]:
    """The state that was saved, and the loss before every step up to there.

    Raises:
        InputError: the file is of a loop that began with something else than `origin` is the digest of, or is no
            checkpoint.
    """
    try:
        with regular(path).open("rb") as file:
            theirs = np.load(file, allow_pickle=False)
            if theirs.shape != origin.shape or theirs.dtype != origin.dtype:
                raise ValueError("it does not begin with a digest")
            if np.array_equal(theirs, origin):
                history = np.load(file, allow_pickle=False)
                state = eqx.tree_deserialise_leaves(file, like)
                if file.read(1):
                    raise ValueError("it holds more than that")
                return state, history.tolist()
    except (ValueError, RuntimeError, EOFError, OSError) as error:
        raise InputError(
            f"{path} is not a checkpoint of this {what}: it was saved with another optimiser or by another version, or "
            "is damaged; move it away to begin anew."
        ) from error
    raise InputError(
        f"{path} is not a checkpoint of this {what}, which has other data, another start, model or loss: give each "
        f"{what} a file of its own, or move this one away to begin anew."
    )


def digest(*begun: Any) -> Digest:
    """SHA-256 of what a loop began with, the same in every process.

    Of a tree: its structure, every array with its type and shape, every number and word, static or not. A function
    counts by its name alone, because its address changes and its code has no bytes to rely on: what it closes over is
    not seen. Of any other object only the class counts.
    """
    found = hashlib.sha256()
    for token in tokens(begun):
        found.update(len(token).to_bytes(8, "little"))
        found.update(token)
    return np.frombuffer(found.digest(), np.uint8)


def tokens(value: Any) -> Iterator[bytes]:
    """What tells a value from another, piece by piece, each node with the number of its children."""
    kind = type(value).__qualname__
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        yield str(jax.random.key_impl(value)).encode()
        yield from tokens(jax.random.key_data(value))
    elif isinstance(value, jax.Array | np.ndarray | np.generic):
        array = np.asarray(value)
        yield f"array {array.dtype} {array.shape}".encode()
        yield from tokens(array.tolist()) if array.dtype.hasobject else [array.tobytes()]
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes):
        yield f"{kind} {value!r}".encode()
    elif isinstance(value, functools.partial):
        yield from tokens(("partial", value.func, value.args, value.keywords))
    elif isinstance(value, types.MethodType):
        yield from tokens(("method", value.__func__, value.__self__))
    else:
        inside = children(value)
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or ""
        yield f"{kind} {name} {len(inside)}".encode()
        for child in inside:
            yield from tokens(child)


def children(value: Any) -> list[Any]:
    """Names and values of fields, entries of a container, or what JAX takes for the branches of a node."""
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name, None)) for field in fields(value)]
    if isinstance(value, dict):
        return sorted(value.items(), key=lambda item: str(item[0]))
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    branches = jax.tree.leaves(value, is_leaf=lambda part: part is not value)
    return [] if len(branches) == 1 and branches[0] is value else branches
