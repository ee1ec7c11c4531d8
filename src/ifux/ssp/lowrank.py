"""A few spectra that span the library."""

from typing import Annotated, final

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.numerics.lowrank import factor
from ifux.particles import Projected
from ifux.ssp.base import AbstractTabulatedSSP, further_axes, lengths
from ifux.typing import DATA, Limits, real, real_if_any
from ifux.units import SOLAR_LUMINOSITY


@final
class LowRankSSP(AbstractTabulatedSSP):
    """The library compressed to a basis by a singular value decomposition of its light-normalised spectra."""

    metallicity: Float[Array, " metallicity"] = eqx.field(converter=real, metadata=DATA)
    """Nodes, increasing mass fractions Z."""
    age: Float[Array, " age"] = eqx.field(converter=real, metadata=DATA)
    """Nodes, increasing [Gyr]."""
    table: Float[Array, "*further metallicity age basis"] = eqx.field(converter=real, metadata=DATA)
    """Coefficients of the nodes; further axes: IMF slope, [alpha/Fe]."""
    basis: Float[Array, "basis rest"] = eqx.field(converter=real, metadata=DATA)
    """Basis spectra [solar luminosity/angstrom per solar mass formed, for a coefficient of one]."""
    fwhm: Float[Array, " rest"] = eqx.field(converter=real, metadata=DATA)
    """Resolution of the spectra [angstrom, rest frame]."""
    rest: Wavelengths
    """Pixels of the spectra in the rest frame."""
    alpha_nodes: Float[Array, " alpha"] | None = eqx.field(converter=real_if_any, default=None, metadata=DATA)
    """Nodes, increasing [alpha/Fe] [dex], where the library has several."""
    imf_slope_nodes: Float[Array, " slope"] | None = eqx.field(converter=real_if_any, default=None, metadata=DATA)
    """Nodes, increasing slopes of the IMF, where the library has several."""
    alpha: Float[Array, ""] | None = eqx.field(converter=real_if_any, default=None)
    """[alpha/Fe] of particles that have none of their own [dex]."""
    imf_slope: Float[Array, ""] | None = eqx.field(converter=real_if_any, default=None)
    """Slope of the IMF of all particles, as the library counts it."""

    def __check_init__(self):
        shape = (*lengths(self), self.basis.shape[0])
        if self.table.shape != shape or self.basis.shape[1] != self.rest.size or self.fwhm.shape != (self.rest.size,):
            raise ValueError(
                f"LowRankSSP: table {self.table.shape}, basis {self.basis.shape} and fwhm {self.fwhm.shape} "
                f"do not fit axes of lengths {shape}, the last of them metallicity, age and basis, and "
                f"{self.rest.size} pixels."
            )

    @classmethod
    def from_library(
        cls,
        library: SSPLibrary,
        tolerance: Annotated[float, Limits(above=0, most=1)] = 1e-3,
        *,
        alpha: float | None = None,
        imf_slope: float | None = None,
    ) -> "LowRankSSP":
        """The smallest basis whose root-mean-square error is below a tolerance for every spectrum of the library.

        The error is relative to the root mean square of the spectrum itself. Cut the library to the wavelengths that
        are observed first: what is not seen need not be spanned.

        In single pixels the error is larger. At 1e-3, the worst pixel of half of MILES' spectra is wrong by 1e-3 of the
        peak, and of one by 2.5e-3, between 4740 and 5150 angstrom (rank 31); over all its wavelengths (rank 60) by
        1.9e-3 and 7e-3. Many stars in a spaxel average that out; where they do not, lower the tolerance, or take
        `GridSSP`.

        Where the library has several, `alpha` is the [alpha/Fe] of particles that have none of their own [dex], that
        of the sun if not given, and `imf_slope` the slope of the IMF, which must be given.
        """
        flux = library.flux * (library.solar_luminosity / SOLAR_LUMINOSITY)
        coefficients, basis = factor(np.asarray(flux, np.float64).reshape(-1, flux.shape[-1]), tolerance)
        # Orthonormal vectors of thousands of pixels are small numbers: give them the size of a spectrum.
        size = float(np.sqrt(basis.shape[1]))
        return cls(
            metallicity=library.metallicity,
            age=library.age,
            table=coefficients.reshape(*flux.shape[:-1], -1) / size,
            basis=basis * size,
            fwhm=library.fwhm,
            rest=library.pixels(),
            **further_axes(library, alpha, imf_slope),
        )

    @property
    def size(self) -> int:
        """The rank."""
        return self.basis.shape[0]

    def coefficients(self, projected: Projected) -> Float[Array, "particle basis"]:
        """The table at the slope of the IMF, interpolated."""
        return self.nodes(projected).gather(self.at_slope(self.table).reshape(-1, self.size))

    def spectra(self) -> Float[Array, "basis rest"]:
        """The basis."""
        return self.basis
