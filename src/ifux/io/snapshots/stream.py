"""Stars that stay in their file."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.files.hdf5 import find, opened, regular, require_dataset, require_group
from ifux.io.snapshots import native
from ifux.io.snapshots.galaxy import galaxy_of, particles, settled
from ifux.io.snapshots.snapshot import added
from ifux.io.snapshots.stated import Facts
from ifux.particles import Particles


@dataclass(frozen=True)
class StarFile:
    """The stars of one of ifux's own files, read anew whenever they are asked for: they need not fit into memory."""

    path: Path
    count: int
    """Number of stars, those that cannot be used included."""
    first: int = 0
    """Place of the first in the file."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Particles left out of the last complete reading, by reason."""
    changed: dict[str, int] = field(default_factory=dict)
    """Particles changed in it, by reason."""

    def part(self, number: int, parts: int) -> "StarFile":
        """One of so many parts of about equal size, counted from zero: what one of several hosts reads."""
        if not 0 <= number < parts <= self.count:
            raise InputError(
                f"{self.path}: there is no part {number} of {parts} parts of {self.count} stars, counted from zero."
            )
        begin, end = (self.count * place // parts for place in (number, number + 1))
        return replace(self, first=self.first + begin, count=end - begin, dropped={}, changed={})

    def blocks(self, size: int) -> Iterator[Particles]:
        """The stars that can be used, at most so many at a time."""
        with opened(self.path) as file:
            before = native.read_stars(file, Facts(), slice(0))
            dropped, changed = before.dropped, before.changed
            end = self.first + self.count
            for start in range(self.first, end, size):
                block = native.read_stars(file, Facts(), slice(start, min(start + size, end)))
                block = replace(block, dropped={}, changed={}).sane()
                dropped, changed = added(dropped, block.dropped), added(changed, block.changed)
                if block.stars.count:
                    yield particles(block.stars)
        for kept, total in ((self.dropped, dropped), (self.changed, changed)):
            kept.clear()
            kept.update(total)


def stream_galaxy(path: str | Path) -> Galaxy[StarFile]:
    """The galaxy of one of ifux's own files, its stars left there: for files that do not fit into memory.

    It takes the stars as they are, centred and at rest, as `write_galaxy` writes them.

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
        count = require_dataset(require_group(file, "stars", "see ifux.io"), "mass", "see ifux.io").len()
        empty = native.read_stars(file, Facts(), slice(0))
        if find(file, "gas") is not None:
            empty = empty.noted("the gas of the file is not streamed: read it with ifux.io.read_galaxy")
    if not count:
        settled(empty, "as-is")
    return galaxy_of(StarFile(path, count, dropped=empty.dropped, changed=empty.changed), empty)
