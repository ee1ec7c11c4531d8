"""Spectra of which particles say themselves how much they have."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import Wavelengths
from ifux.library import BasisLibrary
from ifux.particles import Projected
from ifux.ssp.base import AbstractSSP, in_the_middle
from ifux.typing import DATA, real


@final
class MixedSpectra(AbstractSSP):
    """A basis of which every particle has its own `mixture`, as the cells of a finished cube have."""

    basis: Float[Array, "basis rest"] = eqx.field(converter=real, metadata=DATA)
    """Basis spectra [solar luminosity/angstrom per solar mass, for a coefficient of one]."""
    fwhm: Float[Array, " rest"] = eqx.field(converter=real, metadata=DATA)
    """Resolution of the spectra [angstrom, rest frame]."""
    rest: Wavelengths
    """Pixels of the spectra in the rest frame."""

    def __check_init__(self):
        if self.basis.shape[1:] != (self.rest.size,) or self.fwhm.shape != (self.rest.size,):
            raise ValueError(
                f"MixedSpectra: basis {self.basis.shape} and fwhm {self.fwhm.shape} do not fit {self.rest.size} pixels."
            )

    @classmethod
    def from_library(cls, library: BasisLibrary) -> "MixedSpectra":
        """The stage for a basis on evenly spaced wavelengths."""
        return cls(basis=library.flux, fwhm=library.fwhm, rest=library.pixels())

    @property
    def size(self) -> int:
        """Number of basis spectra."""
        return self.basis.shape[0]

    def coefficients(self, projected: Projected) -> Float[Array, "particle basis"]:
        """The mixtures of the particles.

        Raises:
            ValueError: they have none, or of another basis.
        """
        mixture = projected.mixture
        if mixture is None or mixture.shape[1] != self.size:
            found = "no mixture" if mixture is None else f"a mixture of {mixture.shape[1]}"
            raise ValueError(
                f"The library stage has {self.size} basis spectra that particles mix themselves, and these have "
                f"{found}: observe the cells of the cube that the basis was made of."
            )
        return mixture

    def spectra(self) -> Float[Array, "basis rest"]:
        """The basis."""
        return self.basis

    def covers(self, projected: Projected) -> Bool[Array, " particle"]:
        """All of them."""
        return jnp.ones(projected.mass.shape, bool)

    def populations(self) -> Projected:
        """Those of one basis spectrum each."""
        unknown = jnp.full(self.size, jnp.nan, self.basis.dtype)
        return eqx.tree_at(
            lambda stars: stars.mixture,
            in_the_middle(unknown, unknown),
            jnp.eye(self.size, dtype=self.basis.dtype),
            is_leaf=lambda leaf: leaf is None,
        )
