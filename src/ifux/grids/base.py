"""What the wavelength axis of a detector is: pixels side by side, known by their edges."""

from abc import abstractmethod
from typing import TypeVar

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from ifux.grids.air import Medium, to_vacuum
from ifux.typing import AbstractLimited

ROUNDING = 1e-9
"""Of the narrowest pixel: what two ways of writing the same edge may differ by."""


Grid = TypeVar("Grid", bound="AbstractWavelengths")


class AbstractWavelengths(AbstractLimited):
    """Pixels along the wavelength axis, each of which holds a flux per angstrom of its own width.

    All of it is static: it sets shapes. A shift of the wavelengths is a redshift. In a gap the detector sees nothing: a
    pixel that lies there, be it in part, holds no number.
    """

    size: eqx.AbstractVar[int]
    """Number of pixels."""
    medium: eqx.AbstractVar[Medium]
    """Whether the wavelengths are those in air or in vacuum."""
    gaps: eqx.AbstractVar[tuple[tuple[float, float], ...]]
    """Lowest and highest wavelength of each gap in the medium of the pixels [angstrom]."""

    def __check_init__(self):
        name = type(self).__name__
        if self.medium not in ("air", "vacuum"):
            raise ValueError(f"{name}.medium must be 'air' or 'vacuum', got {self.medium!r}.")
        for low, high in self.gaps:
            if not 0 < low < high < np.inf:
                raise ValueError(
                    f"{name}.gaps must hold ranges of a lower and a higher wavelength [angstrom], got {low} and {high}."
                )

    @abstractmethod
    def edges(self) -> Float[np.ndarray, " edge"]:
        """Edges of the pixels in their own medium [angstrom], in double precision on the host."""

    @abstractmethod
    def centres(self) -> Float[np.ndarray, " wave"]:
        """Centres of the pixels in their own medium [angstrom], in double precision on the host."""

    @abstractmethod
    def part(self: Grid, first: int, last: int) -> Grid:
        """The pixels from one to before another."""

    @abstractmethod
    def divided(self: Grid, parts: int) -> Grid:
        """Pixels that are equal parts of these, each of so many."""

    def widths(self) -> Float[np.ndarray, " wave"]:
        """Widths of the pixels in their own medium [angstrom]."""
        return np.diff(self.edges())

    def vacuum_edges(self) -> Float[np.ndarray, " edge"]:
        """Edges of the pixels in vacuum [angstrom]."""
        return to_vacuum(self.edges()) if self.medium == "air" else self.edges()

    def missing(self) -> Bool[np.ndarray, " wave"]:
        """Whether a pixel lies in a gap, be it in part."""
        edges, slack = self.edges(), ROUNDING * self.widths().min()
        found = np.zeros(self.size, bool)
        for low, high in self.gaps:
            found |= (edges[1:] > low + slack) & (edges[:-1] < high - slack)
        return found

    def cut(self: Grid, low: float, high: float) -> Grid:
        """The pixels that lie wholly between two wavelengths of the same medium [angstrom]."""
        edges, slack = self.edges(), ROUNDING * self.widths().min()
        first = int(np.searchsorted(edges, low - slack))
        last = int(np.searchsorted(edges, high + slack, side="right")) - 1
        if last <= first:
            raise ValueError(
                f"No pixel between {edges[0]:.2f} and {edges[-1]:.2f} angstrom lies inside {low:.2f} to {high:.2f}."
            )
        return self.part(first, last)
