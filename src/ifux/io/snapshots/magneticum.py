"""Magneticum, in the HDF5 layout that its galaxies are handed out in.

Names and unit attributes are EAGLE's, lengths are kpc/h. `Metallicity` holds the masses of eleven elements in
1e10 solar masses/h, of stars as they were at birth: helium over the mass as formed is the primordial quarter, over the
mass that is left it is two thirds more. Metals are all but helium. Star-formation rates are solar masses a year
whatever their attribute says, which would make them 1e10 times as large.

References: Dolag et al. (2025), arXiv:2504.01061; Teklu et al. (2015), ApJ 812, 29, for the elements.
"""

from dataclasses import replace

import h5py

from ifux.io.files.hdf5 import find
from ifux.io.snapshots.eagle import ATTRIBUTES
from ifux.io.snapshots.hydro import hydro_format
from ifux.io.snapshots.layout import GAS, STARS, Column, Elements, GasColumns, Layout, StarColumns

METALS = Column("Metallicity", cgs=1.989e43, h=-1.0, share=True)

LAYOUT = Layout(
    name="magneticum",
    attributes=ATTRIBUTES,
    position=Column("Coordinates", cgs=3.086e21, a=1.0, h=-1.0),
    velocity=Column("Velocity", cgs=1e5, a=0.5, also=("Velocities",)),
    metallicity=replace(METALS, part=slice(1, None)),
    elements=Elements(METALS, ("He", "C", "Ca", "O", "N", "Ne", "Mg", "S", "Si", "Fe")),
    stars=StarColumns(
        mass=Column("InitialMass", cgs=1.989e43, h=-1.0, also=("InitialMasses",)),
    ),
    gas=GasColumns(
        mass=Column("Mass", cgs=1.989e43, h=-1.0, also=("Masses",)),
        density=Column("Density", cgs=6.767792e-22, a=-3.0, h=2.0),
        star_formation_rate=Column("StarFormationRate", cgs=6.306278e25, certain=True),
        temperature=Column("Temperature"),
        smoothing_length=Column("SmoothingLength", cgs=3.086e21, a=1.0, h=-1.0),
    ),
)


def recognises(file: h5py.File) -> bool:
    """Unit attributes of EAGLE on element masses of eleven columns."""
    found = [find(file, f"{name}/Metallicity") for name in (STARS, GAS)]
    return any(
        isinstance(metals, h5py.Dataset) and metals.shape is not None and metals.shape[1:] == (11,)
        and ATTRIBUTES[0] in metals.attrs
        for metals in found
    )  # fmt: skip


MAGNETICUM = hydro_format(LAYOUT, recognises)
