"""Wavelength grids, and the step between air and vacuum."""

from typing import Literal, final

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ifux.typing import AbstractLimited, within

Medium = Literal["air", "vacuum"]


def refractivity(vacuum):
    r"""Refractive index of standard air minus one at a vacuum wavelength [angstrom], for NumPy and JAX alike.

    $$n - 1 = \frac{0.05792105}{238.0185 - \sigma^2} + \frac{0.00167917}{57.362 - \sigma^2}, \quad
    \sigma = 10^4\,\text{Å}/\lambda$$

    References: Ciddor (1996), Applied Optics 35, 1566, eq. 1; meant for wavelengths above 2000 angstrom.
    """
    square = (1e4 / vacuum) ** 2
    return 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square)


def to_air(vacuum: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Wavelength in standard air of a vacuum wavelength [angstrom]."""
    return vacuum / (1 + refractivity(vacuum))


def to_vacuum(air: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Vacuum wavelength of a wavelength in standard air [angstrom]: the inverse of `to_air` to 1e-13."""
    vacuum = np.asarray(air, dtype=np.float64)
    for _ in range(5):
        vacuum = air * (1 + refractivity(vacuum))
    return vacuum


@final
class Wavelengths(AbstractLimited):
    """Evenly spaced pixels along the wavelength axis of a detector or of a stellar library.

    All of it is static: it sets shapes. A shift of the wavelengths is a redshift.
    """

    start: float = eqx.field(static=True, metadata=within(above=0))
    """Centre of the first pixel [angstrom]."""
    step: float = eqx.field(static=True, metadata=within(above=0))
    """Width of a pixel [angstrom]."""
    size: int = eqx.field(static=True, metadata=within(above=0))
    """Number of pixels."""
    medium: Medium = eqx.field(static=True)
    """Whether the wavelengths are those in air or in vacuum."""

    def __check_init__(self):
        if self.medium not in ("air", "vacuum"):
            raise ValueError(f"Wavelengths.medium must be 'air' or 'vacuum', got {self.medium!r}.")

    def centres(self) -> Float[np.ndarray, " wave"]:
        """Centres of the pixels in their own medium [angstrom], in double precision on the host."""
        return self.start + self.step * np.arange(self.size)

    def edges(self) -> Float[np.ndarray, " edge"]:
        """Edges of the pixels in their own medium [angstrom], in double precision on the host."""
        return self.start + self.step * (np.arange(self.size + 1) - 0.5)

    def vacuum_edges(self) -> Float[np.ndarray, " edge"]:
        """Edges of the pixels in vacuum [angstrom]."""
        return to_vacuum(self.edges()) if self.medium == "air" else self.edges()

    def cut(self, low: float, high: float) -> "Wavelengths":
        """The pixels that lie wholly between two wavelengths of the same medium [angstrom]."""
        edges = self.edges()
        slack = 1e-9 * self.step
        first = int(np.searchsorted(edges, low - slack))
        last = int(np.searchsorted(edges, high + slack, side="right")) - 1
        if last <= first:
            raise ValueError(
                f"No pixel between {edges[0]:.2f} and {edges[-1]:.2f} angstrom lies inside {low:.2f} to {high:.2f}."
            )
        return Wavelengths(self.start + first * self.step, self.step, last - first, self.medium)
