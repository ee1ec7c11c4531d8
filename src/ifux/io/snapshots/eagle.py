"""EAGLE: snapshots, and galaxies cut out of them.

Metallicities and abundances are those smoothed over the kernel of the gas. Lengths are Mpc/h comoving, masses 1e10
solar masses/h, velocities km/s with the square root of a; every dataset says so itself. The subhalo of a particle is
named by two numbers, its group and its sub-group.

References: The EAGLE team (2017), arXiv:1706.09899.
"""

import h5py

from ifux.io.files.hdf5 import find, number, text
from ifux.io.snapshots.hydro import hydro_format
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.particle_group import particle_groups, stating

SMALLEST = 1000.0
"""No box of a cosmological run with galaxies in it is as small in kpc, and hardly one as large in Mpc."""

ATTRIBUTES = ("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent")

LAYOUT = Layout(
    name="eagle",
    attributes=ATTRIBUTES,
    position=Column("Coordinates", cgs=3.085678e24, a=1.0, h=-1.0),
    velocity=Column("Velocity", cgs=1e5, a=0.5, also=("Velocities",)),
    metallicity=Column("SmoothedMetallicity", also=("Metallicity", "SmoothedMetallicities", "Metallicities")),
    elements=Elements(Column("SmoothedElementAbundance", also=("ElementAbundance",))),
    subhalo=(("GroupNumber", "SubGroupNumber"),),
    stars=StarColumns(
        mass=Column("InitialMass", cgs=1.989e43, h=-1.0, also=("InitialMasses",)),
        formation=Column("StellarFormationTime", also=("StellarFormationTimes",)),
    ),
    gas=GasColumns(
        mass=Column("Mass", cgs=1.989e43, h=-1.0, also=("Masses",)),
        density=Column("Density", cgs=6.769911e-31, a=-3.0, h=2.0),
        star_formation_rate=Column("StarFormationRate", cgs=6.30427892e25),
        temperature=Column("Temperature"),
        smoothing_length=Column("SmoothingLength", cgs=3.085678e24, a=1.0, h=-1.0),
    ),
)


def recognises(file: h5py.File) -> bool:
    """Unit attributes of EAGLE on the stars or the gas; without any, EAGLE's names in a box of Mpc.

    Others took over the attributes: Magneticum keeps eleven element masses in Metallicity, Horizon-AGN says its name or
    the code units of RAMSES. Others took over the names too, with kpc: these have larger boxes.
    """
    group = next(iter(particle_groups(file)), None)
    header = find(file, "Header")
    if group is None or not isinstance(header, h5py.Group):
        return False
    elements = find(group, "Metallicity")
    if (isinstance(elements, h5py.Dataset) and elements.ndim == 2) or number(header, "unit_l") is not None:
        return False
    if text(header, "RunLabel").startswith(("Horizon", "Magneticum")):
        return False
    if stating(group, ATTRIBUTES):
        return True
    named = all(
        find(group, name) is not None for name in ("SmoothedMetallicity", "StellarFormationTime", "Coordinates")
    )
    return named and not stating(group) and 0 < (number(header, "BoxSize") or 0) < SMALLEST


EAGLE = hydro_format(LAYOUT, recognises)
