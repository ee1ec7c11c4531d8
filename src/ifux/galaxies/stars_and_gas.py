"""Stars and gas of one galaxy, whatever makes its stars."""

from typing import final

from ifux.particles import AbstractGalaxy, AbstractGasGalaxy, Gas, Particles


@final
class StarsAndGas(AbstractGasGalaxy):
    """The stars of a galaxy, and gas beside them in their frame: one centre, and one orientation for both."""

    stars: AbstractGalaxy
    """Particles, or a model that makes them."""
    cells: Gas
    """Gas."""

    def particles(self) -> Particles:
        """Those of the stars."""
        return self.stars.particles()

    def gas(self) -> Gas:
        """The cells."""
        return self.cells
