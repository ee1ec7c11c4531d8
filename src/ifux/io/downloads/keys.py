"""Keys of web services: read where only their owner can, shown nowhere."""

import os
import re
import stat
from pathlib import Path
from typing import NoReturn, final

from ifux.errors import InputError

KEY = re.compile(r"[!-~]{8,256}")
"""A key: one word of printable ASCII characters."""


@final
class Secret:
    """A text that neither printing nor formatting nor pickling shows."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str):
        self._text = text
        self.source = source
        """Where it was found, for an error."""

    def reveal(self) -> str:
        """The text, for the header that carries it and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __format__(self, how: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written to a file")


def secret(variable: str, file_variable: str, usual: str, remedy: str) -> Secret:
    """The key in an environment variable, else in the file that another variable names, else in the usual file.

    The file must be its owner's alone. `remedy` says in an error how one comes by a key.
    """
    if text := os.environ.get(variable, "").strip():
        return checked(text, f"the variable {variable}")
    chosen = os.environ.get(file_variable)
    path = Path(os.path.expanduser(chosen or usual))  # noqa: PTH111, which raises an error for a user without a home
    if not chosen and not path.exists():
        raise InputError(
            f"there is no key in {variable}, in a file that {file_variable} names, or in {usual}: {remedy}, and put it "
            f"into the file {usual} (chmod 600)."
        )
    source = f"the file that {file_variable} names" if chosen else usual
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode, file.read(4096)
    except (OSError, ValueError):  # not with its name, which may be a key itself
        raise InputError(f"{source} cannot be read: give the path of a file that holds the key.") from None
    if os.name != "nt" and stat.S_IMODE(mode) & 0o077:
        raise InputError(
            f"{path} can be read by others (its mode is {stat.S_IMODE(mode):o}), and the key in it was not used: "
            f"`chmod 600 {path}` makes it yours alone."
        )
    return checked(content.decode("ascii", errors="replace").strip(), source)


def checked(text: str, source: str) -> Secret:
    """A key that can stand in a header."""
    if not KEY.fullmatch(text):
        raise InputError(f"{source} holds no key: it must be one word of 8 to 256 letters, digits and signs.")
    return Secret(text, source)
