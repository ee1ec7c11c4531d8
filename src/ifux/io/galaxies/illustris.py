"""IllustrisTNG and Illustris: snapshots, and the cut-outs of their web interface.

Fields and units: https://www.tng-project.org/data/docs/specifications (kpc/h comoving, 1e10 solar masses/h, km/s with
the square root of a). Wind particles share the group of the stars; their formation time is zero or below.

References: Nelson et al. (2019), Computational Astrophysics and Cosmology 6, 2.
"""

import h5py

from ifux.io.galaxies.format import hdf5_format
from ifux.io.galaxies.hydro import Column, Layout, read_snapshot
from ifux.io.galaxies.snapshot import Snapshot
from ifux.io.hdf5 import find, members

LAYOUT = Layout(
    name="illustris",
    attributes=("to_cgs", "a_scaling", "h_scaling"),
    position=Column("Coordinates", cgs=3.085678e21, a=1.0, h=-1.0),
    velocity=Column("Velocities", cgs=1e5, a=0.5),
    mass=Column("GFM_InitialMass", cgs=1.989e43, h=-1.0),
    metallicity=Column("GFM_Metallicity"),
    formation=Column("GFM_StellarFormationTime"),
)


def recognises(file: h5py.File) -> bool:
    """Fields that begin with GFM (galaxy formation model) are Arepo's."""
    stars = find(file, LAYOUT.group)
    return isinstance(stars, h5py.Group) and any(name.startswith("GFM_") for name in members(stars))


def read(file: h5py.File) -> Snapshot:
    """The stars of a snapshot or a cut-out."""
    return read_snapshot(file, LAYOUT)


ILLUSTRIS = hdf5_format(LAYOUT.name, recognises, read)
