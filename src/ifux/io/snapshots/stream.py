"""Stars and gas that stay in their file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar, final

import h5py

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.files.hdf5 import find, opened, regular, require_dataset, require_group
from ifux.io.snapshots import native
from ifux.io.snapshots.galaxy import cells, galaxy_of, particles, settled
from ifux.io.snapshots.snapshot import OF_GAS, Snapshot, added
from ifux.io.snapshots.stated import Facts
from ifux.particles import Gas, Particles

E = TypeVar("E", Particles, Gas)
F = TypeVar("F", bound="AbstractRows")


@dataclass(frozen=True)
class AbstractRows(ABC, Generic[E]):
    """Rows of one of ifux's own files, read anew whenever they are asked for: they need not fit into memory."""

    path: Path
    count: int
    """Number of rows, those that cannot be used included."""
    first: int = 0
    """Place of the first in the file."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Rows left out of the last complete reading, by reason; stars and gas of a galaxy share it."""
    changed: dict[str, int] = field(default_factory=dict)
    """Rows changed in it, by reason."""

    @abstractmethod
    def read(self, file: h5py.File, rows: slice) -> Snapshot:
        """Some rows as they stand in the file, and what the file says was done to all before."""

    @abstractmethod
    def usable(self, snapshot: Snapshot) -> E:
        """The stars or the gas of a snapshot, as the telescope takes them."""

    @abstractmethod
    def counted(self, reasons: dict[str, int]) -> dict[str, int]:
        """Those of some counts that are of such rows."""

    def part(self: F, number: int, parts: int) -> F:
        """One of so many parts of about equal size, counted from zero: what one of several hosts reads."""
        if not 0 <= number < parts <= self.count:
            raise InputError(
                f"{self.path}: there is no part {number} of {parts} parts of {self.count} rows, counted from zero."
            )
        begin, end = (self.count * place // parts for place in (number, number + 1))
        return replace(self, first=self.first + begin, count=end - begin, dropped={}, changed={})

    def blocks(self, size: int) -> Iterator[E]:
        """Those that can be used, at most so many at a time."""
        with opened(self.path) as file:
            before = self.read(file, slice(0))
            dropped, changed = self.counted(before.dropped), self.counted(before.changed)
            end = self.first + self.count
            for start in range(self.first, end, size):
                block = self.read(file, slice(start, min(start + size, end)))
                block = replace(block, dropped={}, changed={}).sane()
                dropped, changed = added(dropped, block.dropped), added(changed, block.changed)
                if (usable := self.usable(block)).count:
                    yield usable
        for kept, total in ((self.dropped, dropped), (self.changed, changed)):
            for reason in self.counted(kept):
                del kept[reason]
            kept.update(total)


@final
@dataclass(frozen=True)
class StarFile(AbstractRows[Particles]):
    """The stars of a file."""

    def read(self, file: h5py.File, rows: slice) -> Snapshot:
        """Some of the stars."""
        return native.read_stars(file, Facts(), rows)

    def usable(self, snapshot: Snapshot) -> Particles:
        """Its stars."""
        return particles(snapshot.stars)

    def counted(self, reasons: dict[str, int]) -> dict[str, int]:
        """Counts of stars."""
        return {reason: count for reason, count in reasons.items() if not reason.startswith(OF_GAS)}


@final
@dataclass(frozen=True)
class GasFile(AbstractRows[Gas]):
    """The gas of a file."""

    def read(self, file: h5py.File, rows: slice) -> Snapshot:
        """Some of the gas, and no stars."""
        return replace(native.read_stars(file, Facts(), slice(0)), gas=native.read_gas(file, Facts(), rows))

    def usable(self, snapshot: Snapshot) -> Gas:
        """Its gas."""
        assert snapshot.gas is not None
        return cells(snapshot.gas)

    def counted(self, reasons: dict[str, int]) -> dict[str, int]:
        """Counts of gas."""
        return {reason: count for reason, count in reasons.items() if reason.startswith(OF_GAS)}


def stream_galaxy(path: str | Path) -> Galaxy[StarFile]:
    """The galaxy of one of ifux's own files, its stars and its gas left there: for files that do not fit into memory.

    It takes them as they are, centred and at rest, as `write_galaxy` writes them.

    Raises:
        InputError: the file is missing, damaged or of another format.
    """
    path = regular(path)
    with opened(path) as file:
        if not native.recognises(file):
            raise InputError(
                f"{path} is not in ifux's own layout, and only that is read block by block: read it with "
                "ifux.io.read_galaxy and write it with ifux.io.write_galaxy where there is memory enough."
            )
        counts = {name: rows(file, name) for name in ("stars", "gas") if name == "stars" or find(file, name)}
        empty = native.read_stars(file, Facts(), slice(0))
        if "gas" in counts:
            native.read_gas(file, Facts(), slice(0))
    if not counts["stars"]:
        settled(empty, "as-is")
    stars = StarFile(path, counts["stars"], dropped=empty.dropped, changed=empty.changed)
    gas = GasFile(path, counts["gas"], dropped=empty.dropped, changed=empty.changed) if counts.get("gas") else None
    return galaxy_of(stars, gas, empty)


def rows(file: h5py.File, name: str) -> int:
    """Number of rows of a group."""
    return require_dataset(require_group(file, name, native.REMEDY), "mass", native.REMEDY).len()
