"""Stars and gas on one rotation curve."""

from typing import final

from ifux.galaxies.disc_bulge import DiscBulge
from ifux.galaxies.gas_disc import GasDisc
from ifux.particles import AbstractGasGalaxy, Gas, Particles


@final
class SpiralGalaxy(AbstractGasGalaxy):
    """A disc and a bulge of stars, and a disc of gas that turns with the stars' rotation curve: one set of numbers."""

    stars: DiscBulge
    """Its rotation_speed and turnover_radius are those of the gas, too."""
    disc: GasDisc
    """The gas."""

    def particles(self) -> Particles:
        """Those of the stars."""
        return self.stars.particles()

    def gas(self) -> Gas:
        """The cells of the disc."""
        return self.disc.cells(self.stars.rotation_speed, self.stars.turnover_radius)
