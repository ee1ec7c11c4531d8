"""Every spectrum of the library."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.numerics.stencil import Stencil
from ifux.particles import Projected
from ifux.ssp.base import AbstractTabulatedSSP, further_axes, lengths
from ifux.typing import DATA, real, real_if_any
from ifux.units import SOLAR_LUMINOSITY


@final
class GridSSP(AbstractTabulatedSSP):
    """The library as it is: exact, and as heavy as its grid."""

    metallicity: Float[Array, " metallicity"] = eqx.field(converter=real, metadata=DATA)
    """Nodes, increasing mass fractions Z."""
    age: Float[Array, " age"] = eqx.field(converter=real, metadata=DATA)
    """Nodes, increasing [Gyr]."""
    flux: Float[Array, "*further metallicity age rest"] = eqx.field(converter=real, metadata=DATA)
    """Luminosity density per solar mass formed [solar luminosity/angstrom]; further axes: IMF slope, [alpha/Fe]."""
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
        shape = (*lengths(self), self.rest.size)
        if self.flux.shape != shape or self.fwhm.shape != shape[-1:]:
            raise ValueError(
                f"GridSSP: flux has shape {self.flux.shape} and fwhm {self.fwhm.shape}, "
                f"but its axes, the last of them metallicity, age and rest, have lengths {shape}."
            )

    @classmethod
    def from_library(
        cls, library: SSPLibrary, *, alpha: float | None = None, imf_slope: float | None = None
    ) -> "GridSSP":
        """The stage for a library with evenly spaced wavelengths.

        Where the library has several, `alpha` is the [alpha/Fe] of particles that have none of their own [dex], that
        of the sun if not given, and `imf_slope` the slope of the IMF, which must be given.
        """
        flux = library.flux * (library.solar_luminosity / SOLAR_LUMINOSITY)
        return cls(
            metallicity=library.metallicity,
            age=library.age,
            flux=flux,
            fwhm=library.fwhm,
            rest=library.pixels(),
            **further_axes(library, alpha, imf_slope),
        )

    @property
    def size(self) -> int:
        """Number of spectra."""
        return self.metallicity.size * self.age.size * (1 if self.alpha_nodes is None else self.alpha_nodes.size)

    def coefficients(self, projected: Projected) -> Stencil:
        """The four nodes around each particle, eight with [alpha/Fe]."""
        return self.nodes(projected)

    def spectra(self) -> Float[Array, "basis rest"]:
        """The spectra of all nodes, at the slope of the IMF."""
        return self.at_slope(self.flux).reshape(-1, self.rest.size)
