"""Files from the network: resumed where they were cut, checked, and whole or not at all.

What has come of a file stands in FILE.part, and what its server said of it in FILE.part.json; a part is continued (HTTP
`Range` with `If-Range`, RFC 9110) only while the file's entity tag or time of change is the one noted there. Addresses
begin with https, apart from those of this machine. Headers, which may hold a key, reach no other host than the one they
were meant for, and appear in no message and in no file.
"""

import errno
import hashlib
import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from io import BufferedRandom, BufferedWriter
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from ifux.errors import InputError
from ifux.io.files import refuse
from ifux.io.http import Refused, Trouble, answer, check_address, check_headers, length_of, pieces, validator_of

LARGEST = 1 << 36
"""Size of the largest file that is fetched unless another is asked for [byte]: 64 GiB."""

SMALL = 1 << 24
"""Size of the largest answer that is kept in memory [byte]."""

PROGRESS = 1 << 20
"""An attempt that brought as much as this was no failure [byte]."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How often a server is asked, and how long it is waited for."""

    tries: int = 6
    """Attempts in a row that bring nothing."""
    base: float = 1.0
    """Wait after the first [s]; it doubles after each, and is shortened by chance by up to a half."""
    longest: float = 60.0
    """Longest wait [s]. A server that asks for more is not asked again."""
    timeout: float = 30.0
    """Silence after which an attempt is given up [s]."""
    sleep: Callable[[float], object] = time.sleep
    """What waits."""

    def wait(self, failures: int) -> float:
        """How long to wait after so many failures in a row [s]."""
        return min(self.longest, self.base * 2.0 ** min(failures - 1, 32)) * random.uniform(0.5, 1.0)


PATIENCE = Patience()
"""Minutes, not hours."""


@dataclass(frozen=True)
class Download:
    """A file that was fetched."""

    path: Path
    sha256: str
    """Hash of its content, in hexadecimal digits."""
    size: int
    """[byte]."""


@dataclass(frozen=True)
class Record:
    """What is known of a part: of which address, in which state, and of how many bytes."""

    source: str
    """Hash of the address, which may hold a token."""
    validator: str
    """Strong entity tag, or time of the last change; empty where the server gave neither."""
    size: int | None
    """Of the whole file [byte]."""


def download(
    address: str,
    path: str | Path,
    *,
    headers: Mapping[str, str] | None = None,
    sha256: str | None = None,
    largest: int = LARGEST,
    overwrite: bool = False,
    progress: bool = False,
    patience: Patience = PATIENCE,
    check: Callable[[Path], object] | None = None,
) -> Download:
    """Fetches a file.

    Attempts that fail for reasons that may pass are repeated; what a failed call leaves behind is continued by the
    next. `sha256` is the hash that the content must have, `largest` the size that it may have [byte]. `check` is
    called with the path of the complete part before that gets its name: if it raises an error, the part is removed.
    """
    check_address(address)
    headers = check_headers(headers)
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"{address}: a SHA-256 hash has 64 hexadecimal digits, got {sha256!r}.")
    refuse(path, overwrite=overwrite)
    target = Path(path).resolve()
    part, note = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    with claimed(part, note) as file, bar(target.name, progress) as shown:
        try:
            patiently(
                lambda: attempt(address, headers, file, note, largest, patience.timeout, shown),
                address,
                patience,
                size=lambda: os.fstat(file.fileno()).st_size,
                instead=f"fetch it by hand and save it as {path}",
            )
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if sha256 is not None and digest != sha256.lower():
                raise Spoilt(
                    f"{address} does not have the content that it should (SHA-256 {digest}, expected "
                    f"{sha256.lower()}), and was removed: try again, and do not use it if that comes again."
                )
            if check is not None:
                with spoiling():
                    check(part)
        except Spoilt as error:
            part.unlink(missing_ok=True)
            raise error.__cause__ or InputError(str(error)) from None
        size = os.fstat(file.fileno()).st_size
        if os.name == "nt":
            file.close()
        part.replace(target)
    return Download(Path(path), digest, size)


def fetched(
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    largest: int = SMALL,
    patience: Patience = PATIENCE,
) -> bytes:
    """A small answer, in memory."""
    check_address(address)
    headers = check_headers(headers)

    def once() -> bytes:
        with closing(answer(address, headers, {}, patience.timeout)) as response:
            if response.status != 200:
                raise Refused.of(address, response.status)
            length = length_of(response)
            too_large(address, length, largest)
            content = bytearray()
            for piece in pieces(response):
                content += piece
                too_large(address, len(content), largest)
            if length is not None and len(content) != length:
                raise Trouble(f"{len(content)} of {length} bytes came")
            return bytes(content)

    try:
        return patiently(once, address, patience)
    except Spoilt as error:
        raise InputError(str(error)) from None


class Spoilt(Exception):
    """A part that will never be of use."""


@contextmanager
def spoiling() -> Iterator[None]:
    """Marks what is raised as the fault of the part."""
    try:
        yield
    except Exception as error:
        raise Spoilt from error


def attempt(
    address: str,
    headers: Mapping[str, str],
    file: BufferedRandom,
    note: Path,
    largest: int,
    timeout: float,
    shown: tqdm,
) -> None:
    """Fetches what is missing of a part: returns with the whole file, or raises `Trouble`."""
    there = os.fstat(file.fileno()).st_size
    source = hashlib.sha256(address.encode()).hexdigest()
    known = recorded(note)
    resumed = bool(there and known and known.source == source and known.validator)
    conditions = {"Range": f"bytes={there}-", "If-Range": known.validator} if known and resumed else {}
    with closing(answer(address, headers, conditions, timeout)) as response:
        length = length_of(response)
        if response.status == 206 and known and resumed:
            start, total = content_range(response.headers.get("Content-Range", ""))
            if start != there or validator_of(response) not in ("", known.validator) or total != known.size:
                forget(note)
                raise Trouble("the server continued another file")
            total = there + length if total is None and length is not None else total
        elif response.status == 416 and resumed:
            forget(note)
            raise Trouble("the server could not continue the file")
        elif response.status == 200:
            there, total, validator = 0, length, validator_of(response)
            if any(value in validator for value in headers.values()):
                validator = ""
            file.truncate(0)
            with written(file.name):
                note.write_text(json.dumps(asdict(Record(source, validator, total))), encoding="utf-8")
        else:
            raise Refused.of(address, response.status)
        too_large(address, total, largest)
        shown.reset(total)
        shown.update(there)
        for piece in pieces(response):
            too_large(address, there + len(piece), largest)
            with written(file.name):
                file.write(piece)
                file.flush()
            there += len(piece)
            shown.update(len(piece))
    if total is not None and there != total:
        if there > total:
            forget(note)
        raise Trouble(f"{there} of {total} bytes came")


def patiently(
    once: Callable[[], Result],
    address: str,
    patience: Patience,
    *,
    size: Callable[[], int] = lambda: 0,
    instead: str = "",
) -> Result:
    """What `once` returns, asked again after each `Trouble` as long as there is patience."""
    failures, best = 0, size()
    while True:
        try:
            return once()
        except Trouble as trouble:
            brought = size() >= best + PROGRESS
            failures, best = 1 if brought else failures + 1, max(best, size())
            wait, reason = trouble.wait, str(trouble)
        late = wait is not None and wait > patience.longest
        if late or failures >= patience.tries:
            asked = f"it asks to be left alone for {wait:.0f} s" if late else f"{failures} attempts"
            remedy = f"try again later, or {instead}" if instead else "try again later"
            raise InputError(f"{address} could not be fetched ({reason}; {asked}): check the network and {remedy}.")
        patience.sleep(max(patience.wait(failures), wait or 0.0))


def too_large(address: str, size: int | None, largest: int) -> None:
    """Refuses what is larger than it may be."""
    if size is not None and size > largest:
        raise Spoilt(
            f"{address} has {size} bytes or more, and {largest} are allowed: check the address, or allow a larger file."
        )


def content_range(text: str) -> tuple[int | None, int | None]:
    """First byte of a `Content-Range`, and size of the whole."""
    found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", text.strip())
    if not found:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


def recorded(note: Path) -> Record | None:
    """The record of a part; None where there is none that makes sense."""
    try:
        content: Any = json.loads(note.read_text(encoding="utf-8"))
        source, validator, size = content["source"], content["validator"], content["size"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    sensible = isinstance(source, str) and isinstance(validator, str) and (size is None or type(size) is int)
    return Record(source, validator, size) if sensible and re.fullmatch(r"[ -~]*", validator) else None


def forget(note: Path) -> None:
    """Has a part begun anew by the next attempt."""
    with written(str(note)):
        note.write_bytes(b"")


@contextmanager
def claimed(part: Path, note: Path) -> Iterator[BufferedRandom]:
    """A part, open to append to, that no other process writes at the same time.

    The lock is on the note: HDF5 has locks of its own, which would meet it on the part.
    """
    for path in (part, note):
        with written(str(path)):
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise InputError(f"{path} is in the way: it is not a regular file; remove it.")
    with written(str(note)):
        lock = note.open("ab")
    with lock:
        if not locked(lock, note):
            raise InputError(f"{part} is being written by another process: wait for it to end.")
        try:
            with written(str(part)), part.open("a+b") as file:
                yield file
        finally:
            if not part.exists() or not part.stat().st_size:
                part.unlink(missing_ok=True)
                note.unlink(missing_ok=True)


def locked(file: BufferedWriter, path: Path) -> bool:
    """Whether a file, which is still the one at the path, is ours alone from now on. Not every system can tell."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True


@contextmanager
def written(name: str) -> Iterator[None]:
    """What goes wrong as a file is written, in a sentence."""
    try:
        yield
    except OSError as error:
        remedy = "make room and try again" if error.errno == errno.ENOSPC else "choose another folder"
        raise InputError(f"{name} cannot be written: {error.strerror or error}; {remedy}.") from error


def bar(name: str, progress: bool) -> tqdm:
    """A bar on the standard error."""
    return tqdm(
        desc=name, unit="B", unit_scale=True, unit_divisor=1024, disable=not progress, file=sys.stderr, delay=0.5
    )
