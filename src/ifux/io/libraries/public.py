"""Public libraries of stellar populations: where they are, what to cite, and how to fetch them into the store."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ifux.errors import InputError
from ifux.io.downloads.download import Patience, download
from ifux.io.files.hdf5 import beginning
from ifux.io.libraries.options import ASKED
from ifux.io.libraries.read import LIBRARY_FORMATS
from ifux.io.libraries.store import SHA256, Stored, digest, free, import_ssp, library_folder, make, record

PATIENCE = Patience(tries=4)
"""Without a network, a few seconds."""


@dataclass(frozen=True)
class Public:
    """A library that anybody may have."""

    name: str
    title: str
    format: str
    citation: str
    address: str | None = None
    """Of its file; None where it must be chosen by hand."""
    page: str | None = None
    """Where it is chosen by hand."""
    options: dict[str, Any] = field(default_factory=dict)
    """What its file does not say and its documentation does."""
    asks: tuple[str, ...] = ()
    """What neither says: the user is asked."""
    basis: str = ""
    """Where address and options come from."""
    terms: str | None = None
    note: str | None = None
    """What a careful user should know."""
    sha256: str | None = None
    """Of its file. Where nobody states one, that of the first download is kept and later ones are compared."""

    def line(self) -> str:
        """A line for a list."""
        return f"{self.name:16} {self.title}; {self.citation}"

    def summary(self) -> str:
        """Lines about what can be had."""
        options = " ".join(f"{key}={json.dumps(value)}" for key, value in self.options.items())
        told = {
            "from": self.address or f"{self.page} (by hand)",
            "cite": self.citation,
            "terms:": self.terms,
            "note:": self.note,
            "read with": options,
            "asks for": ", ".join(self.asks),
            "known by": self.basis,
            "sha256": self.sha256 or ("not published: the first download is trusted" if self.address else None),
        }
        return "\n".join([f"{self.name}: {self.title}", *(f"  {key} {value}" for key, value in told.items() if value)])


def public_libraries() -> dict[str, Public]:
    """All of them by name, from the list inside the package."""
    entries = json.loads(files("ifux.io.libraries").joinpath("addresses.json").read_text(encoding="utf-8"))
    return {entry["name"]: Public(**entry | {"asks": tuple(entry.get("asks", ()))}) for entry in entries}


def fetch_ssp(
    name: str,
    *,
    sha256: str | None = None,
    overwrite: bool = False,
    progress: bool = False,
    patience: Patience = PATIENCE,
    **options: Any,
) -> Stored:
    """Fetches a public library into the store.

    Its file is kept in the folder `downloads` of the store until it is imported, and a part of it is continued by the
    next call. A file of that name which is there already is taken, so that it can be brought from another machine.

    Args:
        name: One of `public_libraries`.
        sha256: Checksum that the file must have, in place of the one that is known.
        overwrite: Replace a library of that name.
        progress: Show a bar.
        patience: With the network.
        **options: Of `read_ssp`, beside or in place of those that are known.

    Raises:
        InputError: it is not known, has no address, or asks for options; there is no network, or the file is not the
            one that is expected.
    """
    if (entry := (known := public_libraries()).get(name)) is None:
        raise InputError(f"{name!r} is no public library that ifux knows: it knows {', '.join(known)}.")
    if entry.address is None:
        raise InputError(
            f"{entry.title} cannot be fetched without a choice: take files from {entry.page} and store them with "
            f"`ifux ssp import FILE {name}`."
        )
    if sha256 is not None and not SHA256.fullmatch(sha256 := sha256.lower()):
        raise InputError(f"{sha256!r} is no SHA-256, which has 64 hexadecimal digits.")
    free(name, overwrite=overwrite)
    given = {**entry.options, **options}
    if missing := [key for key in entry.asks if key not in given]:
        words, wanted = (", nor ".join(ASKED[key][0] for key in missing), " ".join(f"{key}=..." for key in missing))
        raise InputError(
            f"neither the file of {entry.title} nor its documentation says {words}: give {wanted}, "
            "on the command line each after --option."
        )
    expected, reason = expectation(entry, sha256)
    path = library_folder() / "downloads" / PurePosixPath(urlsplit(entry.address).path).name
    make(path.parent)
    if path.is_file():
        agrees(path, path, entry, expected, f"{reason}; remove the file to fetch it again")
    else:
        download(
            entry.address,
            path,
            progress=progress,
            patience=patience,
            check=lambda part: agrees(part, entry.address, entry, expected, reason),
        )
    source = {"address": entry.address, "terms": entry.terms}
    known = {"format": entry.format, "citation": entry.citation}
    kept = import_ssp(path, name, overwrite=overwrite, source=source, **known | given)
    path.unlink(missing_ok=True)
    return kept


def expectation(entry: Public, sha256: str | None) -> tuple[str | None, str]:
    """The checksum that a file must have, if anyone knows, and who says so."""
    if sha256 is not None:
        return sha256, "as you said"
    if entry.sha256 is not None:
        return entry.sha256, "as is published"
    with suppress(InputError):  # there may be none before, or a damaged one
        before = record(entry.name)
        if before.source.get("address") == entry.address:
            first = f"as on {before.imported}, when it was fetched first"
            return before.source["sha256"], f"{first}; if its authors replaced it, say its new one with sha256=..."
    return None, ""


def agrees(path: Path, shown: Any, entry: Public, expected: str | None, reason: str) -> None:
    """A file is the one that is expected, and looks like a library."""
    if not LIBRARY_FORMATS[entry.format].recognises(path):
        raise InputError(f"{shown} brought no library of format {entry.format}: {beginning(path)}.")
    if expected is not None and (found := digest(path)) != expected:
        raise InputError(f"{shown} has the SHA-256 {found}, and not {expected} {reason}.")
