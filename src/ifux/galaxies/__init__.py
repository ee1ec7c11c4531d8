"""Parametric galaxies: particles that follow from a few numbers."""

from ifux.galaxies.disc_bulge import DiscBulge as DiscBulge
from ifux.galaxies.gas_disc import GasDisc as GasDisc
from ifux.galaxies.spiral_galaxy import SpiralGalaxy as SpiralGalaxy
from ifux.galaxies.stars_and_gas import StarsAndGas as StarsAndGas
