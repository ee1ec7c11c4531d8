"""IllustrisTNG and Illustris: snapshots, and the cut-outs of their web interface.

Fields and units: https://www.tng-project.org/data/docs/specifications (kpc/h comoving, 1e10 solar masses/h, km/s with
the square root of a, potentials with its inverse). Wind particles share the group of the stars; their formation time
is zero or below. Gas is in Voronoi cells, its temperature follows from internal energy and electrons.

References: Nelson et al. (2019), Computational Astrophysics and Cosmology 6, 2.
"""

import h5py

from ifux.io.files.hdf5 import find, members
from ifux.io.snapshots.hydro import read_snapshot
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import FACTS

POSITION = Column("Coordinates", cgs=3.085678e21, a=1.0, h=-1.0)
VELOCITY = Column("Velocities", cgs=1e5, a=0.5, also=("Velocity",))
METALS = Elements(Column("GFM_Metals"), ("H", "He", "C", "N", "O", "Ne", "Mg", "Si", "Fe"))
"""TNG has a tenth column, of all other metals."""

LAYOUT = Layout(
    name="illustris",
    attributes=("to_cgs", "a_scaling", "h_scaling"),
    stars=StarColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("GFM_InitialMass", cgs=1.989e43, h=-1.0, also=("GFM_InitialMasses",)),
        metallicity=Column("GFM_Metallicity"),
        formation=Column("GFM_StellarFormationTime"),
        potential=Column("Potential", cgs=1e10, a=-1.0),
        elements=METALS,
        unborn="wind particle, not a star (formation time of zero or below)",
    ),
    gas=GasColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("Masses", cgs=1.989e43, h=-1.0, also=("Mass",)),
        density=Column("Density", cgs=6.769911e-22, a=-3.0, h=2.0),
        metallicity=Column("GFM_Metallicity"),
        star_formation_rate=Column("StarFormationRate", cgs=6.30276e25),
        energy=Column("InternalEnergy", cgs=1e10),
        electron_abundance=Column("ElectronAbundance"),
        elements=METALS,
    ),
)


def recognises(file: h5py.File) -> bool:
    """Fields that begin with GFM (galaxy formation model) are Arepo's."""
    groups = [find(file, name) for name in (LAYOUT.stars.group, LAYOUT.gas.group)]
    return any(
        isinstance(group, h5py.Group) and any(name.startswith("GFM_") for name in members(group)) for group in groups
    )


def read(file: h5py.File, **stated: object) -> Snapshot:
    """The stars and the gas of a snapshot or a cut-out."""
    return read_snapshot(file, LAYOUT, **stated)


ILLUSTRIS = snapshot_format(LAYOUT.name, recognises, read, options=FACTS)
