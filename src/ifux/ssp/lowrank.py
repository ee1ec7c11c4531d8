"""A few spectra that span the library."""

from typing import final

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.numerics.lowrank import factor
from ifux.particles import Projected
from ifux.ssp.base import AbstractSSP
from ifux.typing import real
from ifux.units import SOLAR_LUMINOSITY


@final
class LowRankSSP(AbstractSSP):
    """The library compressed to a basis by a singular value decomposition of its light-normalised spectra."""

    metallicity: Float[Array, " metallicity"] = eqx.field(converter=real)
    """Nodes, increasing mass fractions Z."""
    age: Float[Array, " age"] = eqx.field(converter=real)
    """Nodes, increasing [Gyr]."""
    table: Float[Array, "metallicity age basis"] = eqx.field(converter=real)
    """Coefficients of the nodes."""
    basis: Float[Array, "basis rest"] = eqx.field(converter=real)
    """Basis spectra [solar luminosity/angstrom per solar mass formed, for a coefficient of one]."""
    fwhm: Float[Array, " rest"] = eqx.field(converter=real)
    """Resolution of the spectra [angstrom, rest frame]."""
    rest: Wavelengths
    """Pixels of the spectra in the rest frame."""

    def __check_init__(self):
        shape = (self.metallicity.size, self.age.size, self.basis.shape[0])
        if self.table.shape != shape or self.basis.shape[1] != self.rest.size or self.fwhm.shape != (self.rest.size,):
            raise ValueError(
                f"LowRankSSP: table {self.table.shape}, basis {self.basis.shape} and fwhm {self.fwhm.shape} "
                f"do not fit metallicity, age and basis of lengths {shape} and {self.rest.size} pixels."
            )

    @classmethod
    def from_library(cls, library: SSPLibrary, tolerance: float = 1e-3) -> "LowRankSSP":
        """The smallest basis whose root-mean-square error is below a tolerance for every spectrum of the library.

        The error is relative to the root mean square of the spectrum itself. Cut the library to the wavelengths that
        are observed first: what is not seen need not be spanned.
        """
        flux = library.flux * (library.solar_luminosity / SOLAR_LUMINOSITY)
        shape = flux.shape[:2]
        coefficients, basis = factor(np.asarray(flux, np.float64).reshape(-1, flux.shape[2]), tolerance)
        # Orthonormal vectors of thousands of pixels are small numbers: give them the size of a spectrum.
        size = float(np.sqrt(basis.shape[1]))
        return cls(
            metallicity=library.metallicity,
            age=library.age,
            table=coefficients.reshape(*shape, -1) / size,
            basis=basis * size,
            fwhm=library.fwhm,
            rest=library.pixels(),
        )

    @property
    def size(self) -> int:
        """The rank."""
        return self.basis.shape[0]

    def coefficients(self, projected: Projected) -> Float[Array, "particle basis"]:
        """The table, interpolated."""
        return self.nodes(projected).gather(self.table.reshape(-1, self.table.shape[2]))

    def spectra(self) -> Float[Array, "basis rest"]:
        """The basis."""
        return self.basis
