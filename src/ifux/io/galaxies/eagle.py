"""EAGLE: snapshots, and galaxies cut out of them.

Metallicities and abundances are those smoothed over the kernel of the gas. Lengths are Mpc/h comoving, masses 1e10
solar masses/h, velocities km/s with the square root of a; every dataset says so itself. The subhalo of a particle is
named by two numbers, its group and its sub-group.

References: The EAGLE team (2017), arXiv:1706.09899.
"""

import h5py

from ifux.io.galaxies.format import hdf5_format
from ifux.io.galaxies.hydro import read_snapshot
from ifux.io.galaxies.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.galaxies.snapshot import Snapshot
from ifux.io.hdf5 import find, number, text

ATTRIBUTES = ("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent")
POSITION = Column("Coordinates", cgs=3.085678e24, a=1.0, h=-1.0)
VELOCITY = Column("Velocity", cgs=1e5, a=0.5)
METALLICITY = Column("SmoothedMetallicity", also=("Metallicity",))
ELEMENTS = Elements(Column("SmoothedElementAbundance", also=("ElementAbundance",)))
SUBHALO = (("GroupNumber", "SubGroupNumber"),)

LAYOUT = Layout(
    name="eagle",
    attributes=ATTRIBUTES,
    stars=StarColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("InitialMass", cgs=1.989e43, h=-1.0),
        metallicity=METALLICITY,
        formation=Column("StellarFormationTime"),
        potential=Column("Potential", cgs=1e10, a=-1.0),
        elements=ELEMENTS,
        subhalo=SUBHALO,
    ),
    gas=GasColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("Mass", cgs=1.989e43, h=-1.0),
        density=Column("Density", cgs=6.769911e-31, a=-3.0, h=2.0),
        metallicity=METALLICITY,
        star_formation_rate=Column("StarFormationRate", cgs=6.30427892e25),
        temperature=Column("Temperature"),
        energy=Column("InternalEnergy", cgs=1e10),
        smoothing_length=Column("SmoothingLength", cgs=3.085678e24, a=1.0, h=-1.0),
        elements=ELEMENTS,
        subhalo=SUBHALO,
    ),
)


def recognises(file: h5py.File) -> bool:
    """Unit attributes of EAGLE on the stars, and its header.

    Others took over the attributes: Magneticum keeps eleven element masses in Metallicity, Horizon-AGN gives no Time.
    """
    stars, header = find(file, LAYOUT.stars.group), find(file, "Header")
    if not isinstance(stars, h5py.Group):
        stars = find(file, LAYOUT.gas.group)
    if not isinstance(stars, h5py.Group) or not isinstance(header, h5py.Group):
        return False
    columns = [find(stars, name) for name in ("Coordinates", "StellarFormationTime", "InitialMass")]
    elements = find(stars, "Metallicity")
    return (
        any(column is not None and ATTRIBUTES[0] in column.attrs for column in columns)
        and number(header, "Time") is not None
        and not (isinstance(elements, h5py.Dataset) and elements.ndim == 2)
        and not text(header, "RunLabel").startswith(("Horizon", "Magneticum"))
    )


def read(file: h5py.File) -> Snapshot:
    """The stars and the gas of a snapshot or of a cut-out."""
    return read_snapshot(file, LAYOUT)


EAGLE = hdf5_format(LAYOUT.name, recognises, read)
