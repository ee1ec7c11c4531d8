"""What a stellar population library does: it gives every star particle a spectrum."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import Wavelengths
from ifux.numerics.stencil import Stencil, between
from ifux.particles import Projected


class AbstractSSP(eqx.Module):
    """Simple stellar populations on a grid, bilinear in log metallicity and log age.

    Populations off the grid are held at its edge; `covers` counts them.
    """

    metallicity: eqx.AbstractVar[Float[Array, " metallicity"]]
    """Nodes, increasing mass fractions Z."""
    age: eqx.AbstractVar[Float[Array, " age"]]
    """Nodes, increasing [Gyr]."""
    fwhm: eqx.AbstractVar[Float[Array, " rest"]]
    """Resolution of the spectra [angstrom, rest frame]."""
    rest: eqx.AbstractVar[Wavelengths]
    """Pixels of the spectra in the rest frame."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of basis spectra."""

    @abstractmethod
    def coefficients(self, projected: Projected) -> Stencil | Float[Array, "particle basis"]:
        """How much of each basis spectrum is in one solar mass of each particle: a few of many, or some of all."""

    @abstractmethod
    def spectra(self) -> Float[Array, "basis rest"]:
        """The basis spectra [solar luminosity/angstrom, for a coefficient of one]."""

    def nodes(self, projected: Projected) -> Stencil:
        """The nodes of the grid around each particle; age varies fastest."""
        metallicity = between(
            jnp.log(jnp.maximum(projected.metallicity, self.metallicity[0])), jnp.log(self.metallicity)
        )
        age = between(jnp.log(jnp.maximum(projected.age, self.age[0])), jnp.log(self.age))
        return metallicity.outer(age)

    def luminosity(self, projected: Projected) -> Float[Array, " particle"]:
        """Mean luminosity density of each particle over the rest-frame pixels [solar luminosity/angstrom]."""
        mean = self.spectra().mean(axis=1)
        coefficients = self.coefficients(projected)
        per_mass = coefficients.gather(mean) if isinstance(coefficients, Stencil) else coefficients @ mean
        return projected.mass * per_mass

    def covers(self, projected: Projected) -> Bool[Array, " particle"]:
        """Whether the age and the metallicity of each particle lie on the grid."""
        inside = [
            (value >= nodes[0]) & (value <= nodes[-1])
            for value, nodes in ((projected.metallicity, self.metallicity), (projected.age, self.age))
        ]
        return inside[0] & inside[1]
