"""What keeps a solution of the linear problem from following the noise."""

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.ssp import AbstractTabulatedSSP
from ifux.telescope import Telescope


@final
class Penalty(eqx.Module):
    r"""Half of the squared size of the weights, and of their second differences along three axes.

    $$\frac12 \sum_s \left( \alpha\,|x_s|^2 + \alpha_v |D_v x_s|^2 + \alpha_a |D_a x_s|^2 + \alpha_Z |D_Z x_s|^2
    \right)$$

    for the weights x of a spaxel s counted in light: one is an even share of the light of the brightest spaxel, that
    light divided by the number of kinds. So $1/\sqrt\alpha$ is how many even shares one kind may have before it is
    thought to be too much: the standard deviation of a normal prior, cut at zero.
    """

    size: float = eqx.field(static=True, default=0.01)
    """Strength for the weights themselves; it must be positive, for a solution that is unique."""
    velocity: float = eqx.field(static=True, default=0.0)
    """Strength for second differences along velocity."""
    age: float = eqx.field(static=True, default=0.0)
    """Strength for second differences along the ages of the library."""
    metallicity: float = eqx.field(static=True, default=0.0)
    """Strength for second differences along the metallicities of the library."""

    def __check_init__(self):
        rest = (self.velocity, self.age, self.metallicity)
        if not (0 < self.size < np.inf and all(0 <= strength < np.inf for strength in rest)):
            raise InputError(f"Penalty: size must be positive and the other strengths not negative, got {self}.")

    def form(self, telescope: Telescope) -> Float[np.ndarray, "block block"] | None:
        """The quadratic form of all second differences within a block of kinds; None if there are none.

        A block is the velocities of a population, the populations at a velocity, or all kinds of a spaxel, whichever
        is the smallest that holds them.
        """
        if telescope.sources:
            raise InputError(
                "Penalty: what shines beside the stars is no population: take a telescope without sources."
            )
        populations, channels = telescope.kinds // telescope.kinematics.size, telescope.kinematics.size
        along = self.velocity * squared_differences(channels)
        if not (self.age or self.metallicity):
            return along if self.velocity else None
        if not isinstance(telescope.ssp, AbstractTabulatedSSP):
            raise InputError("Penalty: the basis has no ages and metallicities to be smooth along: leave both at zero.")
        ages, metallicities = telescope.ssp.age.size, telescope.ssp.metallicity.size
        if telescope.ssp.size % (ages * metallicities):
            raise InputError(
                f"Penalty: the basis of {telescope.ssp.size} spectra is no grid of {metallicities} metallicities and "
                f"{ages} ages to be smooth along: use GridSSP, or leave age and metallicity at zero."
            )
        form = self.metallicity * np.kron(squared_differences(metallicities), np.eye(ages))
        form = form + self.age * np.kron(np.eye(metallicities), squared_differences(ages))
        form = np.kron(np.eye(populations // (ages * metallicities)), form)
        if not self.velocity:
            return form
        return np.kron(along, np.eye(populations)) + np.kron(np.eye(channels), form)

    def split(self, telescope: Telescope, kinds: Float[Array, "*spaxel kind"]) -> Float[Array, "*spaxel group block"]:
        """Kinds in the blocks of the form."""
        channels = telescope.kinematics.size
        grid = kinds.reshape(*kinds.shape[:-1], channels, -1)
        if not (self.age or self.metallicity):
            return jnp.swapaxes(grid, -1, -2)
        return kinds[..., None, :] if self.velocity else grid

    def join(self, blocks: Float[Array, "*spaxel group block"]) -> Float[Array, "*spaxel kind"]:
        """Kinds out of their blocks: the inverse of `split`."""
        alone = not (self.age or self.metallicity)
        blocks = jnp.swapaxes(blocks, -1, -2) if alone else blocks
        return blocks.reshape(*blocks.shape[:-2], -1)


def squared_differences(size: int) -> Float[np.ndarray, "node node"]:
    """The matrix of the sum of squared second differences; zero for fewer than three nodes."""
    differences = np.diff(np.eye(size), n=2, axis=0)
    return differences.T @ differences
