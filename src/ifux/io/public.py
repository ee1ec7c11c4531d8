"""Public libraries of stellar populations: where they are, what to cite, and how to fetch them into the store."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ifux.errors import InputError
from ifux.io.libraries.options import ASKED
from ifux.io.store import Stored, free, import_ssp, library_folder, record, stored_names


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
    entries = json.loads(files("ifux.io").joinpath("addresses.json").read_text(encoding="utf-8"))
    return {entry["name"]: Public(**entry | {"asks": tuple(entry.get("asks", ()))}) for entry in entries}


def public(name: str) -> Public:
    """One of them."""
    known = public_libraries()
    if name not in known:
        raise InputError(f"{name!r} is no public library that ifux knows: it knows {', '.join(known)}.")
    return known[name]
