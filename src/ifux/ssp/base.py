"""What a stellar population library does: it gives every star particle a spectrum."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.numerics.stencil import Stencil, between
from ifux.particles import Projected
from ifux.typing import AbstractLimited


class AbstractSSP(AbstractLimited):
    """Basis spectra, and how much of each of them is in a particle."""

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

    @abstractmethod
    def covers(self, projected: Projected) -> Bool[Array, " particle"]:
        """Whether the stage has the spectrum of each particle."""

    @abstractmethod
    def populations(self) -> Projected:
        """One particle for each spectrum that there is: of one solar mass, at rest in the middle of the field."""

    def luminosity(self, projected: Projected) -> Float[Array, " particle"]:
        """Mean luminosity density of each particle over the rest-frame pixels, as bright as it is seen from here.

        [solar luminosity/angstrom].
        """
        mean = self.spectra().mean(axis=1)
        coefficients = self.coefficients(projected)
        per_mass = coefficients.gather(mean) if isinstance(coefficients, Stencil) else coefficients @ mean
        return projected.seen_mass * per_mass


class AbstractTabulatedSSP(AbstractSSP):
    """Simple stellar populations on a grid, linear in log metallicity and log age.

    Where the library has them, [alpha/Fe] and the slope of the IMF are axes like the others, linear too. Every particle
    has its own [alpha/Fe], or all have that of the stage; the IMF is one for all.

    Populations off the grid are held at its edge; `covers` counts them.
    """

    metallicity: eqx.AbstractVar[Float[Array, " metallicity"]]
    """Nodes, increasing mass fractions Z."""
    age: eqx.AbstractVar[Float[Array, " age"]]
    """Nodes, increasing [Gyr]."""
    alpha_nodes: eqx.AbstractVar[Float[Array, " alpha"] | None]
    """Nodes, increasing [alpha/Fe] [dex], where the library has several."""
    imf_slope_nodes: eqx.AbstractVar[Float[Array, " slope"] | None]
    """Nodes, increasing slopes of the IMF, where the library has several."""
    alpha: eqx.AbstractVar[Float[Array, ""] | None]
    """[alpha/Fe] of particles that have none of their own [dex]; None where it is no axis."""
    imf_slope: eqx.AbstractVar[Float[Array, ""] | None]
    """Slope of the IMF of all particles, as the library counts it; None where it is no axis."""

    def nodes(self, projected: Projected) -> Stencil:
        """The nodes of the grid around each particle: [alpha/Fe], metallicity, and age, which varies fastest."""
        metallicity = between(
            jnp.log(jnp.maximum(projected.metallicity, self.metallicity[0])), jnp.log(self.metallicity)
        )
        age = between(jnp.log(jnp.maximum(projected.age, self.age[0])), jnp.log(self.age))
        populations = metallicity.outer(age)
        if self.alpha_nodes is None:
            return populations
        return between(self.mixture(projected), self.alpha_nodes).outer(populations)

    def mixture(self, projected: Projected) -> Float[Array, " particle"]:
        """[alpha/Fe] of each particle [dex]."""
        if projected.alpha is not None:
            return projected.alpha
        if self.alpha is None:
            raise ValueError("The particles have no [alpha/Fe], and neither has the stage: give it to one of them.")
        return jnp.broadcast_to(self.alpha, projected.mass.shape)

    def at_slope(self, table: Float[Array, "..."]) -> Float[Array, "..."]:
        """A table, interpolated to the slope of the IMF if that is its first axis."""
        if self.imf_slope_nodes is None or self.imf_slope is None:
            return table
        return between(self.imf_slope[None], self.imf_slope_nodes).gather(table)[0]

    def covers(self, projected: Projected) -> Bool[Array, " particle"]:
        """Whether the age, the metallicity and the [alpha/Fe] of each particle lie on the grid."""
        inside = [
            (value >= nodes[0]) & (value <= nodes[-1])
            for value, nodes in ((projected.metallicity, self.metallicity), (projected.age, self.age))
        ]
        if self.alpha_nodes is not None:
            mixture = self.mixture(projected)
            inside[0] &= (mixture >= self.alpha_nodes[0]) & (mixture <= self.alpha_nodes[-1])
        return inside[0] & inside[1]

    def populations(self) -> Projected:
        """Those of the nodes of age and metallicity; [alpha/Fe] is that of the stage."""
        metallicity, age = (axis.ravel() for axis in jnp.meshgrid(self.metallicity, self.age, indexing="ij"))
        return in_the_middle(age, metallicity)


def in_the_middle(age: Float[Array, " particle"], metallicity: Float[Array, " particle"]) -> Projected:
    """Particles of one solar mass at rest in the middle of the field."""
    none, middle = jnp.zeros_like(age), jnp.zeros((age.size, 2), age.dtype)
    return Projected(sky=middle, depth=none, velocity=none, mass=none + 1, age=age, metallicity=metallicity)


def further_axes(library: SSPLibrary, alpha: float | None, imf_slope: float | None) -> dict:
    """The fields of a stage that say where it stands on the further axes of a library.

    Raises:
        ValueError: a number is given for an axis that the library has not, lies outside it, or is missing. [alpha/Fe]
            is that of the sun, zero, if not given.
    """
    fields = {}
    for name, words, value in (("alpha", "[alpha/Fe]", alpha), ("imf_slope", "slope of the IMF", imf_slope)):
        nodes = getattr(library, name)
        if nodes is None:
            if value is not None:
                raise ValueError(f"the library {library.name!r} has one {words} only: leave {name} out.")
            continue
        solar = name == "alpha" and value is None
        value = 0.0 if solar else value
        if value is None or not nodes[0] <= value <= nodes[-1]:
            found = f"got {value}" if value is not None and not solar else "it is missing"
            raise ValueError(
                f"the library {library.name!r} has a {words} from {nodes[0]:g} to {nodes[-1]:g}: "
                f"{name} must be a number between them, {found}."
            )
        fields |= {name: value, f"{name}_nodes": nodes}
    return fields


def lengths(ssp: AbstractTabulatedSSP) -> tuple[int, ...]:
    """How many nodes the axes of the grid of a stage have, in their order."""
    if (ssp.imf_slope_nodes is None) != (ssp.imf_slope is None):
        raise ValueError("A slope of the IMF needs nodes of it, and nodes need a slope: give both or neither.")
    axes = (ssp.imf_slope_nodes, ssp.alpha_nodes, ssp.metallicity, ssp.age)
    return tuple(nodes.size for nodes in axes if nodes is not None)
