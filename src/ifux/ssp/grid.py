"""Every spectrum of the library."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.numerics.stencil import Stencil
from ifux.particles import Projected
from ifux.ssp.base import AbstractSSP
from ifux.typing import real
from ifux.units import SOLAR_LUMINOSITY


@final
class GridSSP(AbstractSSP):
    """The library as it is: exact, and as heavy as its grid."""

    metallicity: Float[Array, " metallicity"] = eqx.field(converter=real)
    """Nodes, increasing mass fractions Z."""
    age: Float[Array, " age"] = eqx.field(converter=real)
    """Nodes, increasing [Gyr]."""
    flux: Float[Array, "metallicity age rest"] = eqx.field(converter=real)
    """Luminosity density per solar mass formed [solar luminosity/angstrom]."""
    fwhm: Float[Array, " rest"] = eqx.field(converter=real)
    """Resolution of the spectra [angstrom, rest frame]."""
    rest: Wavelengths
    """Pixels of the spectra in the rest frame."""

    def __check_init__(self):
        shape = (self.metallicity.size, self.age.size, self.rest.size)
        if self.flux.shape != shape or self.fwhm.shape != shape[2:]:
            raise ValueError(
                f"GridSSP: flux has shape {self.flux.shape} and fwhm {self.fwhm.shape}, "
                f"but metallicity, age and rest have lengths {shape}."
            )

    @classmethod
    def from_library(cls, library: SSPLibrary) -> "GridSSP":
        """The stage for a library with evenly spaced wavelengths."""
        flux = library.flux * (library.solar_luminosity / SOLAR_LUMINOSITY)
        return cls(
            metallicity=library.metallicity, age=library.age, flux=flux, fwhm=library.fwhm, rest=library.pixels()
        )

    @property
    def size(self) -> int:
        """Number of spectra."""
        return self.flux.shape[0] * self.flux.shape[1]

    def coefficients(self, projected: Projected) -> Stencil:
        """The four nodes around each particle."""
        return self.nodes(projected)

    def spectra(self) -> Float[Array, "basis rest"]:
        """The spectra of all nodes."""
        return self.flux.reshape(-1, self.rest.size)
