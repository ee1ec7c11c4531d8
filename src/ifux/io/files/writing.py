"""Output that is either whole or absent."""

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ifux.errors import InputError

PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".eps", ".ps")
"""How the names of pictures end."""

PACKED: dict[str, Any] = {"compression": "gzip", "shuffle": True, "fletcher32": True}
"""How the chunks of our own HDF5 files are packed, at gzip's level 4 unless another is asked for."""


@contextmanager
def replacing(path: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary path in the folder of `path`, renamed to `path` if the block succeeds and removed if it does not.

    Nothing exists at the temporary path yet. An existing file, a missing or a locked folder is an `InputError`,
    raised before the block is entered; until the block succeeds the existing file stays as it is.
    """
    refuse(path, overwrite=overwrite)
    target = Path(path).resolve()
    temporary = target.parent / f".ifux-{secrets.token_hex(8)}{target.suffix}"
    try:
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror} in the folder {target.parent}; choose another."
        ) from error
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def refuse(path: str | Path, *, overwrite: bool) -> None:
    """Says before any work is done that a file could not be written, with an `InputError`."""
    path = Path(path)
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise InputError(f"{path} is not a regular file: name a file to write to.")
    if target.exists() and not overwrite:
        raise InputError(f"{path} exists already: choose another name, or allow it to be overwritten.")
    if not target.parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {path.parent}; make it, or choose another.")


def promised(path: str | Path, suffixes: Collection[str], what: str) -> None:
    """Says before any work is done that the ending of a name promises another kind of file, with an `InputError`."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        known = ", ".join(sorted(filter(None, suffixes)))
        raise InputError(f"{path}: {what} is not written as {suffix or 'a name without an ending'}: it takes {known}.")
