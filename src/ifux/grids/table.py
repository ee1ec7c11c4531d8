"""Pixels of any widths."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, final

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ifux.grids.air import Medium
from ifux.grids.base import AbstractWavelengths
from ifux.typing import Limits, ranges, within


def numbers(given: Sequence[float] | Float[np.ndarray, " edge"]) -> tuple[float, ...]:
    """In a form that can be compared and hashed."""
    return tuple(float(number) for number in given)


@final
class TableWavelengths(AbstractWavelengths):
    """Pixels between any increasing edges, as behind a prism or where several bands were joined."""

    table: tuple[float, ...] = eqx.field(static=True, converter=numbers, metadata=within(above=0))
    """Edges of the pixels, one more than there are pixels [angstrom]."""
    medium: Medium = eqx.field(static=True)
    """Whether the wavelengths are those in air or in vacuum."""
    gaps: tuple[tuple[float, float], ...] = eqx.field(static=True, converter=ranges, default=())
    """Lowest and highest wavelength of each range in which the detector sees nothing [angstrom]."""

    def __check_init__(self):
        if len(self.table) < 2:
            raise ValueError(f"TableWavelengths needs two edges or more, got {len(self.table)}.")
        if (steps := np.diff(self.table)).min() <= 0:
            place = int(np.argmin(steps > 0))
            raise ValueError(
                f"TableWavelengths needs edges that increase, got {self.table[place]} before {self.table[place + 1]}."
            )

    @staticmethod
    def of_edges(
        edges: Annotated[tuple[float, ...], Limits(above=0)],
        medium: Medium,
        gaps: tuple[tuple[float, float], ...] = (),
    ) -> "TableWavelengths":
        """As a description names its arguments."""
        return TableWavelengths(table=edges, medium=medium, gaps=gaps)  # pyright: ignore[reportCallIssue]

    @property
    def size(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Number of pixels."""
        return len(self.table) - 1

    def edges(self) -> Float[np.ndarray, " edge"]:
        """Those of the table."""
        return np.array(self.table)

    def centres(self) -> Float[np.ndarray, " wave"]:
        """Half-way between the edges."""
        return (self.edges()[:-1] + self.edges()[1:]) / 2

    def part(self, first: int, last: int) -> "TableWavelengths":
        """The pixels from one to before another."""
        return replace(self, table=self.table[first : last + 1])

    def divided(self, parts: int) -> "TableWavelengths":
        """Of the same width in each pixel."""
        edges = np.interp(np.arange(parts * self.size + 1) / parts, np.arange(self.size + 1), self.table)
        return replace(self, table=numbers(edges))
