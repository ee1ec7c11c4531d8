"""Horizon-AGN, in the HDF5 layout that its galaxies are handed out in.

Names and unit attributes are EAGLE's, but all numbers are physical: kpc of 3.08e21 cm, solar masses of 2e33 g, km/s,
solar masses per kpc^3. Only BoxSize is in comoving Mpc/h. Gas is in the cells of a grid. Star-formation rates are solar
masses a year whatever their attribute says, which would make them 1e8 times as small.

References: Dubois et al. (2014), MNRAS 444, 1453.
"""

import h5py

from ifux.io.files.hdf5 import find, number, text
from ifux.io.snapshots.eagle import ATTRIBUTES
from ifux.io.snapshots.hydro import hydro_format
from ifux.io.snapshots.layout import STARS, Column, Elements, GasColumns, Layout, StarColumns

LAYOUT = Layout(
    name="horizon-agn",
    attributes=ATTRIBUTES,
    position=Column("Coordinates", cgs=3.08e21),
    velocity=Column("Velocity", cgs=1e5, also=("Velocities",)),
    metallicity=Column("SmoothedMetallicity"),
    elements=Elements(Column("SmoothedElementAbundance")),
    box=Column("BoxSize", cgs=3.0857e24, a=1.0, h=-1.0),
    stars=StarColumns(
        mass=Column("InitialMass", cgs=2e33, also=("InitialMasses",)),
        potential=None,
    ),
    gas=GasColumns(
        mass=Column("Mass", cgs=2e33, also=("Masses",)),
        density=Column("Density", cgs=2e33 / 3.08e21**3),
        star_formation_rate=Column("StarFormationRate", cgs=2e33 / 3.15576e7, certain=True),
        temperature=Column("Temperature"),
        internal_energy=None,
    ),
)


def recognises(file: h5py.File) -> bool:
    """The name of the run, or the code units of RAMSES in the header beside stars as EAGLE keeps them."""
    header, stars = find(file, "Header"), find(file, STARS)
    if not isinstance(header, h5py.Group) or not isinstance(stars, h5py.Group):
        return False
    return find(stars, "StellarFormationTime") is not None and (
        text(header, "RunLabel").startswith("Horizon") or number(header, "unit_l") is not None
    )


HORIZON = hydro_format(LAYOUT, recognises)
