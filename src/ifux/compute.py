"""How an observation is computed, where somebody wants another way than the cheapest."""

from dataclasses import dataclass, field
from typing import Literal

from ifux.errors import InputError
from ifux.telescope import Telescope
from ifux.typing import within

CHUNK = 2**20
"""Particles that are deposited between two signs of life."""

Contraction = Literal["automatic", "weights", "cube", "occupied"]
"""The PSF on the weights, on the cube, or no PSF and only the spaxels that can hold light."""


@dataclass(frozen=True)
class Choices:
    """How an observation is computed. The cube depends on it by rounding alone."""

    contract: Contraction = "automatic"
    """Where the PSF acts, or whether dark spaxels are left out; by default whatever is cheapest for the shapes."""
    chunk: int = field(default=CHUNK, metadata=within(above=0))
    """Particles that are read and deposited together."""
    block: int | None = field(default=None, metadata=within(above=0))
    """Particles that a device holds with their stencils; by default as many as suit it."""

    def occupied(self, telescope: Telescope, count: int) -> int | None:
        """How many spaxels can hold light, if only those are to be computed."""
        if self.contract == "automatic":
            return telescope.occupied(count)
        if self.contract != "occupied":
            return None
        if telescope.margin:
            raise InputError(
                "compute.contract: 'occupied' leaves out dark spaxels, but the PSF or the focal plane brings light to "
                "them: take 'automatic', 'weights' or 'cube', or no PSF and a slicer"
            )
        return telescope.occupiable(count)

    def blur(self) -> Literal["weights", "cube"] | None:
        """What the PSF acts on, if that is to be forced."""
        return self.contract if self.contract in ("weights", "cube") else None
