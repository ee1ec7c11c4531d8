"""Magneticum, in the HDF5 layout that its galaxies are handed out in.

Names and unit attributes are EAGLE's, lengths are kpc/h. `Metallicity` holds the masses of eleven elements in
1e10 solar masses/h, of stars as they were at birth: helium over the mass as formed is the primordial quarter, over the
mass that is left it is two thirds more. Metals are all but helium. Star-formation rates are solar masses a year
whatever their attribute says, which would make them 1e10 times as large.

References: Dolag et al. (2025), arXiv:2504.01061; Teklu et al. (2015), ApJ 812, 29, for the elements.
"""

import h5py

from ifux.io.files.hdf5 import find
from ifux.io.snapshots.eagle import ATTRIBUTES
from ifux.io.snapshots.hydro import read_snapshot
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import FACTS

POSITION = Column("Coordinates", cgs=3.086e21, a=1.0, h=-1.0)
VELOCITY = Column("Velocity", cgs=1e5, a=0.5, also=("Velocities",))
METALLICITY = Column("Metallicity", cgs=1.989e43, h=-1.0, part=slice(1, None), share=True)
ELEMENTS = Elements(
    Column("Metallicity", cgs=1.989e43, h=-1.0, share=True), ("He", "C", "Ca", "O", "N", "Ne", "Mg", "S", "Si", "Fe")
)

LAYOUT = Layout(
    name="magneticum",
    attributes=ATTRIBUTES,
    stars=StarColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("InitialMass", cgs=1.989e43, h=-1.0, also=("InitialMasses",)),
        metallicity=METALLICITY,
        formation=Column("StellarFormationTime"),
        potential=Column("Potential", cgs=1e10, a=-1.0),
        elements=ELEMENTS,
    ),
    gas=GasColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("Mass", cgs=1.989e43, h=-1.0, also=("Masses",)),
        density=Column("Density", cgs=6.767792e-22, a=-3.0, h=2.0),
        metallicity=METALLICITY,
        star_formation_rate=Column("StarFormationRate", cgs=6.306278e25, certain=True),
        temperature=Column("Temperature"),
        energy=Column("InternalEnergy", cgs=1e10),
        smoothing_length=Column("SmoothingLength", cgs=3.086e21, a=1.0, h=-1.0),
        elements=ELEMENTS,
    ),
)


def recognises(file: h5py.File) -> bool:
    """Unit attributes of EAGLE on element masses of eleven columns."""
    found = [find(file, f"{name}/Metallicity") for name in (LAYOUT.stars.group, LAYOUT.gas.group)]
    return any(
        isinstance(metals, h5py.Dataset) and metals.shape is not None and metals.shape[1:] == (11,)
        and ATTRIBUTES[0] in metals.attrs
        for metals in found
    )  # fmt: skip


def read(file: h5py.File, **stated: object) -> Snapshot:
    """The stars and the gas of a galaxy."""
    return read_snapshot(file, LAYOUT, **stated)


MAGNETICUM = snapshot_format(LAYOUT.name, recognises, read, options=FACTS)
