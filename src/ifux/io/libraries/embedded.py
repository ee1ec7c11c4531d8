"""Libraries that are computed and kept in the user's cache, and the embedded one, built once a version."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from ifux.errors import InputError
from ifux.io.files.cache import cache_folder
from ifux.io.libraries.native import write_ssp
from ifux.io.libraries.read import read_ssp
from ifux.library import SSPLibrary


def embedded_library() -> SSPLibrary:
    """The library that ifux computes itself, from the cache where that holds it.

    Its fluxes have single precision, read from the cache or not. A cache that cannot be read or written costs time,
    never a result.
    """
    return cached(lambda: f"embedded-{version('ifux')}-{fingerprint()}", fresh, "float32")


def cached(
    name: Callable[[], str], build: Callable[[], SSPLibrary], precision: Literal["float32", "float64"] = "float64"
) -> SSPLibrary:
    """A library from the user's cache, built and put there where it is not; a cache that fails costs time alone."""
    folder = cache_folder()
    if folder is None:
        return build()
    path = folder / f"{name()}.hdf5"
    try:
        return read_ssp(path, format="ifux")
    except InputError:
        library = build()
    with suppress(InputError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_ssp(path, library, overwrite=True, precision=precision, packed=False)
    return library


def fresh() -> SSPLibrary:
    """The library as it will come out of the cache."""
    from ifux.embedded import build

    library = build()
    return replace(library, flux=library.flux.astype(np.float32).astype(np.float64))


def fingerprint() -> str:
    """Hash of the files that the library is computed from, so that a changed program finds no old library."""
    folder, digest = Path(__file__).parents[2] / "embedded", hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
