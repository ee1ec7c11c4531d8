"""EAGLE: snapshots, and galaxies cut out of them.

Metallicities are those smoothed over the kernel of the star's parent gas. Lengths are Mpc/h comoving, masses
1e10 solar masses/h, velocities km/s with the square root of a; every dataset says so itself.

References: The EAGLE team (2017), arXiv:1706.09899.
"""

import h5py

from ifux.io.galaxies.format import hdf5_format
from ifux.io.galaxies.hydro import Column, Layout, read_snapshot
from ifux.io.galaxies.snapshot import Snapshot
from ifux.io.hdf5 import find, number

LAYOUT = Layout(
    name="eagle",
    attributes=("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent"),
    position=Column("Coordinates", cgs=3.085678e24, a=1.0, h=-1.0),
    velocity=Column("Velocity", cgs=1e5, a=0.5),
    mass=Column("InitialMass", cgs=1.989e43, h=-1.0),
    metallicity=Column("SmoothedMetallicity"),
    formation=Column("StellarFormationTime"),
)


def recognises(file: h5py.File) -> bool:
    """Unit attributes of EAGLE on the stars, and its header.

    Others took over the attributes: Magneticum keeps eleven element masses in Metallicity, Horizon-AGN gives no Time.
    """
    stars, header = find(file, LAYOUT.group), find(file, "Header")
    if not isinstance(stars, h5py.Group) or not isinstance(header, h5py.Group):
        return False
    columns = [find(stars, name) for name in ("Coordinates", "StellarFormationTime", "InitialMass")]
    elements = find(stars, "Metallicity")
    return (
        any(column is not None and LAYOUT.attributes[0] in column.attrs for column in columns)
        and number(header, "Time") is not None
        and not (isinstance(elements, h5py.Dataset) and elements.ndim == 2)
    )


def read(file: h5py.File) -> Snapshot:
    """The stars of a snapshot or of a cut-out."""
    return read_snapshot(file, LAYOUT)


EAGLE = hdf5_format(LAYOUT.name, recognises, read)
