"""Files from the network: resumed where they were cut, checked, and whole or not at all.

What has come of a file stands in FILE.part, and what its server said of it in FILE.part.json; a part is continued (HTTP
`Range` with `If-Range`, RFC 9110) only while the file's entity tag or time of change is the one noted there. That is by
hand: neither `requests` nor `pooch` nor `fsspec` continues a file. Addresses begin with https, apart from those of this
machine. Headers, which may hold a key, reach no other host than the one they were meant for, and appear in no message
and in no file.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedRandom, BufferedWriter, BytesIO
from pathlib import Path
from typing import Any

from ifux.errors import InputError
from ifux.io.files.writing import refuse

LARGEST = 1 << 36
"""Size of the largest file that is fetched unless another is asked for [byte]: 64 GiB."""

SMALL = 1 << 24
"""Size of the largest answer that is kept in memory [byte]."""

PROGRESS = 1 << 20
"""An attempt that brought as much as this was no failure [byte]."""


@dataclass(frozen=True)
class Patience:
    """How often a server is asked, and how long it is waited for."""

    tries: int = 6
    """Attempts in a row that bring nothing."""
    base: float = 1.0
    """Of the waits [s]: none after the first, then 2, 4, 8... of these, and up to one more by chance."""
    longest: float = 60.0
    """Longest wait [s]. A server that asks for more is not asked again."""
    timeout: float = 30.0
    """Silence after which an attempt is given up [s]."""


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
    remedies: Mapping[int, str] | None = None,
) -> Download:
    """Fetches a file.

    Attempts that fail for reasons that may pass are repeated; what a failed call leaves behind is continued by the
    next. `sha256` is the hash that the content must have, `largest` the size that it may have [byte]. `check` is
    called with the path of the complete part before that gets its name: if it raises an error, the part is removed.
    `remedies` say what would do, by the HTTP status of a refusal.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"{address}: a SHA-256 hash has 64 hexadecimal digits, got {sha256!r}.")
    refuse(path, overwrite=overwrite)
    target = Path(path).resolve()
    part, note = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    with claimed(part, note) as file:
        instead, shown = f", or fetch it by hand and save it as {path}", target.name if progress else ""
        transfer(address, headers or {}, remedies or {}, largest, patience, file, note, instead, shown)
        try:
            file.seek(0)
            digest, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
            if sha256 is not None and digest != sha256.lower():
                raise InputError(
                    f"{address} does not have the content that it should (SHA-256 {digest}, expected "
                    f"{sha256.lower()}), and was removed: try again, and do not use it if that comes again."
                )
            if check is not None:
                check(part)
        except Exception:
            file.truncate(0)
            raise
        file.close()
        part.replace(target)
    return Download(Path(path), digest, size)


def sha256_of(path: Path) -> str:
    """Hash of the content of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetched(
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    largest: int = SMALL,
    patience: Patience = PATIENCE,
    remedies: Mapping[int, str] | None = None,
) -> bytes:
    """A small answer, in memory."""
    memory = BytesIO()
    transfer(address, headers or {}, remedies or {}, largest, patience, memory)
    return memory.getvalue()


def transfer(
    address: str,
    headers: Mapping[str, str],
    remedies: Mapping[int, str],
    largest: int,
    patience: Patience,
    file: BufferedIOBase,
    note: Path | None = None,
    instead: str = "",
    shown: str = "",
) -> None:
    """Fetches what is missing of a file, continued where there is a note, with a bar of the name `shown`.

    The retries of `urllib3` end where a body begins: one that is cut is asked for again here.
    """
    from tqdm import tqdm

    from ifux.io.downloads.http import PIECE, Cut, Unreached, answer

    source = hashlib.sha256(address.encode()).hexdigest()

    def attempt() -> None:
        """Fetches to the end, or raises an error."""
        there = file.seek(0, os.SEEK_END)
        known = recorded(note, source) if there and note else {}
        conditions = {"Range": f"bytes={there}-", "If-Range": known["validator"]} if known else {}
        with answer(address, {**headers, **conditions}, remedies, patience) as response:
            validator, total = validator_of(response.headers), known.get("size")
            if response.status_code == 200:
                there, total = file.seek(0), response.raw.length_remaining
                file.truncate()
                if note:
                    repeated = any(value in validator for value in headers.values())
                    record = {"source": source, "validator": "" if repeated else validator, "size": total}
                    note.write_text(json.dumps(record), encoding="utf-8")
            elif note:
                wanted = rf"bytes {there}-\d+/({total or '[0-9]+'}|\*)"
                same = re.fullmatch(wanted, response.headers.get("Content-Range", "").strip())
                if not same or validator not in ("", known["validator"]):
                    note.write_bytes(b"")
                    raise Cut("the server did not continue the file")
            bar.reset(total)
            bar.update(there)
            for piece in response.raw.stream(PIECE, decode_content=False):
                there += len(piece)
                if (size := max(there, total or 0)) > largest:
                    file.seek(0)
                    file.truncate()
                    raise InputError(
                        f"{address} has {size} bytes or more, and {largest} are allowed: check the address, or allow a "
                        "larger file."
                    )
                file.write(piece)
                file.flush()
                bar.update(len(piece))
        if total not in (None, there):
            raise Cut(f"{there} of {total} bytes came")

    failures = 0
    with tqdm(desc=shown, unit="B", unit_scale=True, unit_divisor=1024, disable=not shown, delay=0.5) as bar:
        while True:
            before = file.seek(0, os.SEEK_END)
            try:
                return attempt()
            except Unreached as error:
                reason = str(error)
            except Cut as error:
                failures = 1 if file.seek(0, os.SEEK_END) >= before + PROGRESS else failures + 1
                if failures < patience.tries:
                    time.sleep(min(patience.longest, patience.base * 2.0 ** (failures - 1)) if failures > 1 else 0.0)
                    continue
                reason = f"{error}; {failures} attempts"
            raise InputError(
                f"{address} could not be fetched ({reason}): check the network and try again later{instead}."
            )


def validator_of(headers: Mapping[str, str]) -> str:
    """What tells one state of a file from another: a strong entity tag, or the time of the last change."""
    tag, changed = (headers.get(name, "").strip() for name in ("ETag", "Last-Modified"))
    return tag if re.fullmatch(r'"[!#-~]*"', tag) else changed if re.fullmatch(r"[ -~]{10,40}", changed) else ""


def recorded(note: Path, source: str) -> dict[str, Any]:
    """What is known of a part: hash of its address, which may hold a token; validator; size of the whole [byte].

    Nothing where that makes no sense, is of another address, or has no validator.
    """
    try:
        known = json.loads(note.read_bytes())
        sensible = known["source"] == source and re.fullmatch(r"[!-~]([ -~]*[!-~])?", known["validator"])
        return known if sensible and isinstance(known["size"], int | None) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


@contextmanager
def claimed(part: Path, note: Path) -> Iterator[BufferedRandom]:
    """A part, open to append to, that no other process writes at the same time; removed if nothing is in it.

    The lock is on the note: HDF5 has locks of its own, which would meet it on the part.
    """
    try:
        for path in (part, note):
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise InputError(f"{path} is in the way: it is not a regular file; remove it.")
        with note.open("ab") as lock:
            if not locked(lock, note):
                raise InputError(f"{part} is being written by another process: wait for it to end.")
            try:
                with part.open("a+b") as file:
                    yield file
            finally:
                if not part.exists() or not part.stat().st_size:
                    part.unlink(missing_ok=True)
                    note.unlink(missing_ok=True)
    except OSError as error:
        remedy = "make room and try again" if error.errno == errno.ENOSPC else "choose another folder"
        raise InputError(f"{error.filename or part} cannot be written: {error.strerror or error}; {remedy}.") from error


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
