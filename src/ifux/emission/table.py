"""Lines of photoionisation models, as they come out of a file."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ifux.emission.lines import known


@dataclass(frozen=True)
class LineTable:
    """Luminosities of lines on a grid of metals, ionisation and density, in double precision on the host."""

    lines: tuple[str, ...]
    """Names, as in the table of lines."""
    metallicity: Float[np.ndarray, " metallicity"]
    """Mass fraction of metals in the gas, increasing."""
    ionisation: Float[np.ndarray, " ionisation"]
    """Logarithm of the ionisation parameter U, increasing."""
    density: Float[np.ndarray, " density"]
    """Logarithm of the hydrogen nuclei per cm^3, increasing."""
    ratios: Float[np.ndarray, "line metallicity ionisation density"]
    """Logarithm of the luminosity of every line over that of H-beta."""
    citation: str = "not stated"
    """What to cite."""

    def __post_init__(self):
        for name in self.lines:
            known(name)
        if len(set(self.lines)) < len(self.lines) or not self.lines:
            raise ValueError("A table of lines must have lines, each once.")
        for axis in ("metallicity", "ionisation", "density"):
            nodes = getattr(self, axis)
            if not (nodes.size and np.all(np.isfinite(nodes)) and np.all(np.diff(nodes) > 0)):
                raise ValueError(f"A table of lines: {axis} must be finite numbers that increase strictly.")
        if self.metallicity[0] <= 0:
            raise ValueError("A table of lines: metallicity must be greater than zero.")
        shape = (len(self.lines), self.metallicity.size, self.ionisation.size, self.density.size)
        if self.ratios.shape != shape:
            raise ValueError(f"A table of lines: ratios have shape {self.ratios.shape}, but its axes {shape}.")
        if not np.all(np.isfinite(self.ratios)):
            raise ValueError(f"A table of lines: {np.sum(~np.isfinite(self.ratios))} ratios are not finite.")
