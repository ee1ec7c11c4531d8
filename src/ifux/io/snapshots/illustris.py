"""IllustrisTNG and Illustris: snapshots, and the cut-outs of their web interface.

Fields and units: https://www.tng-project.org/data/docs/specifications (kpc/h comoving, 1e10 solar masses/h, km/s with
the square root of a, potentials with its inverse). Wind particles share the group of the stars; their formation time
is zero or below. Gas is in Voronoi cells, its temperature follows from internal energy and electrons.

References: Nelson et al. (2019), Computational Astrophysics and Cosmology 6, 2.
"""

import h5py

from ifux.io.files.hdf5 import members
from ifux.io.snapshots.hydro import hydro_format
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.particle_group import particle_groups

LAYOUT = Layout(
    name="illustris",
    attributes=("to_cgs", "a_scaling", "h_scaling"),
    position=Column("Coordinates", cgs=3.085678e21, a=1.0, h=-1.0),
    velocity=Column("Velocities", cgs=1e5, a=0.5, also=("Velocity",)),
    metallicity=Column("GFM_Metallicity"),
    # TNG has a tenth column, of all other metals
    elements=Elements(Column("GFM_Metals"), ("H", "He", "C", "N", "O", "Ne", "Mg", "Si", "Fe")),
    stars=StarColumns(
        mass=Column("GFM_InitialMass", cgs=1.989e43, h=-1.0, also=("GFM_InitialMasses",)),
        formation=Column("GFM_StellarFormationTime"),
        unborn="wind particle, not a star (formation time of zero or below)",
    ),
    gas=GasColumns(
        mass=Column("Masses", cgs=1.989e43, h=-1.0, also=("Mass",)),
        density=Column("Density", cgs=6.769911e-22, a=-3.0, h=2.0),
        star_formation_rate=Column("StarFormationRate", cgs=6.30276e25),
        electron_abundance=Column("ElectronAbundance"),
    ),
)


def recognises(file: h5py.File) -> bool:
    """Fields that begin with GFM (galaxy formation model) are Arepo's."""
    return any(name.startswith("GFM_") for group in particle_groups(file) for name in members(group))


ILLUSTRIS = hydro_format(LAYOUT, recognises)
