"""A store of stellar libraries, one for each user: every one with what to cite, where it came from, and checksums.

    NAME.h5      the library in ifux's own layout, as `ifux.io.libraries.native` describes it
    NAME.json    its record: name, file, sha256 and size of NAME.h5, citation, source (file or address, its sha256, and
                 the terms where they are known), format and options it was read with, the date, the version of ifux,
                 and the ranges of its axes

The folder is `$IFUX_LIBRARIES`, or `ifux/libraries` in the user's folder for data.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_origin

import numpy as np

from ifux.errors import InputError
from ifux.io.downloads.download import sha256_of
from ifux.io.files.cache import user_folder
from ifux.io.files.writing import refuse, replacing
from ifux.io.libraries.native import write_ssp
from ifux.io.libraries.read import library_format, read_ssp
from ifux.library import SSPLibrary

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Small letters only: some file systems do not tell capitals from them."""

SHA256 = re.compile(r"[0-9a-f]{64}")
UNSTATED = "not stated"
AXES = ("wavelength", "age", "metallicity")


@dataclass(frozen=True)
class Stored:
    """What the store says of a library."""

    name: str
    sha256: str
    """Of the stored file."""
    size: int
    """Of the stored file [byte]."""
    citation: str
    """What to cite."""
    source: dict[str, Any]
    """`file` or `address` it was made from, `sha256` of that, and `terms` where they are known."""
    format: str
    options: dict[str, Any]
    """What `read_ssp` was told that the source does not say."""
    imported: str
    """Date and time in UTC."""
    ifux: str
    """Version that stored it."""
    ranges: dict[str, list[float]]
    """First and last node of each axis: wavelength [angstrom], age [Gyr], metallicity [mass fraction]."""
    medium: str
    imf: str

    def line(self) -> str:
        """Name, ranges and citation."""
        return (
            f"{self.name:16} {between(self.ranges['wavelength'])} angstrom in {self.medium}, "
            f"age {between(self.ranges['age'])} Gyr, Z {between(self.ranges['metallicity'])}; {self.citation}"
        )

    def provenance(self) -> str:
        """Lines on where it came from."""
        origin = self.source.get("address") or self.source.get("file")
        options = " ".join(f"{key}={json.dumps(value)}" for key, value in self.options.items())
        lines = [
            f"stored as {self.name}, {self.size} bytes, on {self.imported} by ifux {self.ifux}",
            f"  sha256 {self.sha256}",
            f"  from {origin}, read as {self.format}{' with ' * bool(options)}{options}",
            f"  sha256 of that {self.source['sha256']}",
        ]
        if terms := self.source.get("terms"):
            lines.append(f"  terms: {terms}")
        return "\n".join(lines)


def library_folder() -> Path:
    """Where the libraries of this user are.

    `$IFUX_LIBRARIES`, else `$XDG_DATA_HOME/ifux/libraries`, else `~/.local/share/ifux/libraries`, on macOS
    `~/Library/Application Support/ifux/libraries`.

    Raises:
        InputError: the user has no home.
    """
    mac = "Library/Application Support"
    folder = user_folder("IFUX_LIBRARIES", "XDG_DATA_HOME", ".local/share", mac, "ifux/libraries")
    if folder is None:
        raise InputError("there is no home folder to keep libraries in: set IFUX_LIBRARIES to a folder.")
    return folder


def place(name: str, suffix: str) -> Path:
    """The file of a library in the store, or its record; an error for a name that no library may have."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no name for a library: take small letters, digits, '-' and '_', at most 64, "
            "and a letter or digit first."
        )
    return library_folder() / f"{name}{suffix}"


def stored_names() -> list[str]:
    """The names of all libraries in the store."""
    folder = library_folder()
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.glob("*.json") if path.is_file() and NAME.fullmatch(path.stem))


def record(name: str) -> Stored:
    """What the store says of a library, without a look at the library itself.

    Raises:
        InputError: there is none of that name, or its record is damaged.
    """
    path = place(name, ".json")
    if not path.exists():
        known = f"it has {', '.join(names)}" if (names := stored_names()) else "it is empty"
        raise InputError(
            f"there is no library {name!r} in {library_folder()}: {known}; "
            f"`ifux ssp list` tells more, `ifux ssp import FILE {name}` adds one."
        )
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no record of a library ({error}): {again(name)}.") from error
    if not sensible(found, name):
        raise InputError(f"{path} is no record of the library {name!r}: {again(name)}.")
    return Stored(**{entry.name: found[entry.name] for entry in fields(Stored)})


def sensible(found: Any, name: str) -> bool:
    """A record has all that it should."""
    kinds: dict[str, Any] = {entry.name: get_origin(entry.type) or entry.type for entry in fields(Stored)}
    if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in kinds.items()):
        return False
    ends = found["ranges"].values()
    pairs = all(isinstance(pair, list) and [type(end) for end in pair] == [float, float] for pair in ends)
    hashes = all(SHA256.fullmatch(text) for text in (found["sha256"], str(found["source"].get("sha256"))))
    return found["name"] == name and {*AXES} <= {*found["ranges"]} and pairs and hashes


def stored_ssp(name: str, *, sha256: str | None = None) -> SSPLibrary:
    """A library from the store, after its checksum was compared.

    Args:
        name: Under which it is stored.
        sha256: Checksum that the stored file must have, where a particular one is meant.

    Raises:
        InputError: it is not there, was changed or damaged, or is not the one that was meant.
    """
    stored, path = record(name), place(name, ".h5")
    if sha256 is not None and sha256 != stored.sha256:
        raise InputError(
            f"the library stored as {name!r} has the SHA-256 {stored.sha256}, but {sha256} is asked for: "
            "import that one under this name, or leave out sha256 to take the one that is stored."
        )
    if not path.is_file():
        raise InputError(f"{path} is missing, but its record is there: {again(name)}.")
    if (found := digest(path)) != stored.sha256:
        raise InputError(f"{path} has the SHA-256 {found}, but was stored with {stored.sha256}: {again(name)}.")
    return read_ssp(path, format="ifux")


def import_ssp(
    path: str | Path,
    name: str,
    *,
    citation: str | None = None,
    overwrite: bool = False,
    source: Mapping[str, Any] | None = None,
    **options: Any,
) -> Stored:
    """Puts a library into the store, whole or not at all.

    Args:
        path: File or folder that `read_ssp` reads.
        name: To store it under.
        citation: What to cite, in place of what the library says; asked for where it says nothing.
        overwrite: Replace a library of that name.
        source: Address and terms, of a file that was fetched; by default the name of the file.
        **options: Of `read_ssp`.

    Raises:
        InputError: the name is taken or no name, or the library cannot be read or stored.
    """
    free(name, overwrite=overwrite)
    library = read_ssp(path, **options)
    if citation is not None:
        library = replace(library, citation=citation)
    if library.citation.strip() in ("", UNSTATED):
        raise InputError(f"{path} does not say what to cite: give citation=... .")
    origin = dict(source or {"file": Path(path).resolve().name}) | {"sha256": digest(Path(path))}
    found = options.get("format") or getattr(library_format(Path(path)), "name", "unknown")
    # The record comes last: without it, nothing is stored, and a file is what an interrupted call left behind.
    leftover = not place(name, ".json").exists()
    with (
        replacing(place(name, ".json"), overwrite=overwrite) as noted,
        replacing(place(name, ".h5"), overwrite=overwrite or leftover) as written,
    ):
        write_ssp(written, library)
        grid = {"wavelength": library.wavelength} | library.grid
        stored = Stored(
            name=name,
            sha256=digest(written),
            size=written.stat().st_size,
            citation=library.citation,
            source=origin,
            format=str(found),
            options={key: options[key] for key in options if key != "format"},
            imported=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            ifux=version("ifux"),
            ranges={axis: [float(nodes[0]), float(nodes[-1])] for axis, nodes in grid.items()},
            medium=library.medium,
            imf=library.imf,
        )
        said, listed = asdict(stored) | {"file": f"{name}.h5"}, lambda array: np.asarray(array).tolist()
        noted.write_text(json.dumps(said, indent=2, ensure_ascii=False, default=listed) + "\n", "utf-8")
    return stored


def free(name: str, *, overwrite: bool) -> None:
    """Says before any work is done that a name cannot be used."""
    path = place(name, ".json")
    if path.exists() and not overwrite:
        raise InputError(f"there is a library {name!r} in {path.parent} already: choose another name, or --overwrite.")
    make(path.parent)
    refuse(path, overwrite=True)


def make(folder: Path) -> None:
    """A folder, where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}): set IFUX_LIBRARIES to a folder.") from error


def digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of the lines `sha256sum *` prints, its sub-folders left out."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file())
        lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
        return hashlib.sha256(lines.encode()).hexdigest()
    return sha256_of(path)


def again(name: str) -> str:
    """What mends a damaged library."""
    return f"import or fetch {name!r} again with --overwrite"


def between(ends: list[float]) -> str:
    """First and last."""
    return f"{ends[0]:.6g} to {ends[1]:.6g}"
