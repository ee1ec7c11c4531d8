"""Horizon-AGN, in the HDF5 layout that its galaxies are handed out in.

Names and unit attributes are EAGLE's, but all numbers are physical: kpc of 3.08e21 cm, solar masses of 2e33 g, km/s,
solar masses per kpc^3. Only BoxSize is in comoving Mpc/h. Gas is in the cells of a grid. Star-formation rates are solar
masses a year whatever their attribute says, which would make them 1e8 times as small.

References: Dubois et al. (2014), MNRAS 444, 1453.
"""

import h5py

from ifux.io.files.hdf5 import find, number, text
from ifux.io.snapshots.eagle import ATTRIBUTES
from ifux.io.snapshots.hydro import read_snapshot
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import FACTS

POSITION = Column("Coordinates", cgs=3.08e21)
VELOCITY = Column("Velocity", cgs=1e5, also=("Velocities",))
METALLICITY = Column("SmoothedMetallicity")
ELEMENTS = Elements(Column("SmoothedElementAbundance"))

LAYOUT = Layout(
    name="horizon-agn",
    attributes=ATTRIBUTES,
    box=Column("BoxSize", cgs=3.0857e24, a=1.0, h=-1.0),
    stars=StarColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("InitialMass", cgs=2e33, also=("InitialMasses",)),
        metallicity=METALLICITY,
        formation=Column("StellarFormationTime"),
        elements=ELEMENTS,
    ),
    gas=GasColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("Mass", cgs=2e33, also=("Masses",)),
        density=Column("Density", cgs=2e33 / 3.08e21**3),
        metallicity=METALLICITY,
        star_formation_rate=Column("StarFormationRate", cgs=2e33 / 3.15576e7, certain=True),
        temperature=Column("Temperature"),
        elements=ELEMENTS,
    ),
)


def recognises(file: h5py.File) -> bool:
    """The name of the run, or the code units of RAMSES in the header beside stars as EAGLE keeps them."""
    header, stars = find(file, "Header"), find(file, LAYOUT.stars.group)
    if not isinstance(header, h5py.Group) or not isinstance(stars, h5py.Group):
        return False
    return find(stars, "StellarFormationTime") is not None and (
        text(header, "RunLabel").startswith("Horizon") or number(header, "unit_l") is not None
    )


def read(file: h5py.File, **stated: object) -> Snapshot:
    """The stars and the gas of a galaxy."""
    return read_snapshot(file, LAYOUT, **stated)


HORIZON = snapshot_format(LAYOUT.name, recognises, read, options=FACTS)
