"""SIMBA and FIRE: snapshots of GIZMO in HDF5.

Lengths are kpc/h comoving, masses 1e10 solar masses/h, velocities km/s with the square root of a, and nothing in the
file says so. `Metallicity` has eleven columns or more: all metals, helium, and nine elements. Stars keep only the mass
that they have left, which is taken for that as formed: they are up to 0.2 dex too faint, the old ones most. Formation
times are scale factors. The star-forming gas of SIMBA is pressurised to an equation of state, that of FIRE is not.

References: Hopkins, http://www.tapir.caltech.edu/~phopkins/Site/GIZMO_files/gizmo_documentation.html; Dave et al.
(2019), MNRAS 486, 2827 (SIMBA); Wetzel et al. (2023), ApJS 265, 44 (FIRE-2).
"""

from dataclasses import replace

import h5py

from ifux.errors import InputError
from ifux.io.galaxies.format import hdf5_format
from ifux.io.galaxies.hydro import read_snapshot
from ifux.io.galaxies.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.galaxies.snapshot import Snapshot
from ifux.io.hdf5 import find, number, text

POSITION = Column("Coordinates", cgs=3.085678e21, a=1.0, h=-1.0)
VELOCITY = Column("Velocities", cgs=1e5, a=0.5)
MASS = Column("Masses", cgs=1.989e43, h=-1.0)
METALLICITY = Column("Metallicity", part=0)
ELEMENTS = Elements(Column("Metallicity"), ("", "He", "C", "N", "O", "Ne", "Mg", "Si", "S", "Ca", "Fe"))
SUBHALO = (("HaloID",),)

UNITS = {"UnitLength_In_CGS": 3.085678e21, "UnitMass_In_CGS": 1.989e43, "UnitVelocity_In_CGS": 1e5}
"""What newer headers say, and must."""

FIRE_LAYOUT = Layout(
    name="fire",
    stars=StarColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("InitialMasses", cgs=1.989e43, h=-1.0, also=("InitialMass", "StellarInitialMass")),
        present=MASS,
        metallicity=METALLICITY,
        formation=Column("StellarFormationTime"),
        potential=Column("Potential", cgs=1e10, a=-1.0),
        elements=ELEMENTS,
        subhalo=SUBHALO,
    ),
    gas=GasColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=MASS,
        density=Column("Density", cgs=6.769911e-22, a=-3.0, h=2.0),
        metallicity=METALLICITY,
        star_formation_rate=Column("StarFormationRate", cgs=6.30276e25),
        energy=Column("InternalEnergy", cgs=1e10),
        electron_abundance=Column("ElectronAbundance"),
        smoothing_length=Column("SmoothingLength", cgs=3.085678e21, a=1.0, h=-1.0),
        elements=ELEMENTS,
        subhalo=SUBHALO,
        effective=False,
    ),
)

SIMBA_LAYOUT = replace(FIRE_LAYOUT, name="simba", gas=replace(FIRE_LAYOUT.gas, effective=True))

ONLY_SIMBA = ("Dust_Masses", "Dust_Metallicity", "FractionH2", "GrackleHI", "HaloID", "NWindLaunches", "DelayTime")
"""Columns that SIMBA writes and FIRE does not."""


def of_gizmo(file: h5py.File) -> bool:
    """Stars with formation times, in the plural names of Gadget and without unit attributes."""
    for name in ("PartType4", "PartType0"):
        group = find(file, name)
        if isinstance(group, h5py.Group):
            metals, place = find(group, "Metallicity"), find(group, "Coordinates")
            return (
                (name == "PartType0" or find(group, "StellarFormationTime") is not None)
                and find(group, "Masses") is not None
                and isinstance(metals, h5py.Dataset)
                and place is not None
                and not len(place.attrs)
            )
    return False


def of_simba(file: h5py.File) -> bool:
    """A snapshot of GIZMO that says it is SIMBA's, or has columns that only SIMBA writes."""
    header = find(file, "Header")
    label = text(header, "RunLabel").lower() if header is not None else ""
    groups = [find(file, name) for name in ("PartType4", "PartType0")]
    own = any(
        isinstance(group, h5py.Group) and find(group, name) is not None for group in groups for name in ONLY_SIMBA
    )
    return of_gizmo(file) and (own or "simba" in label)


def checked_units(file: h5py.File, layout: Layout) -> Snapshot:
    """The stars and the gas of a snapshot whose header does not contradict the units."""
    header = find(file, "Header")
    for name, wanted in UNITS.items():
        found = None if header is None else number(header, name)
        if found is not None and abs(found / wanted - 1) > 0.01:
            raise InputError(
                f"{file.filename}: Header gives {name} = {found:g}, but {layout.name} is read in units of {wanted:g}: "
                "convert it, or hand the arrays to `galaxy_from_arrays`."
            )
    return read_snapshot(file, layout)


def read_simba(file: h5py.File) -> Snapshot:
    """The stars and the gas of a snapshot."""
    return checked_units(file, SIMBA_LAYOUT)


def read_fire(file: h5py.File) -> Snapshot:
    """The stars and the gas of a snapshot."""
    return checked_units(file, FIRE_LAYOUT)


SIMBA = hdf5_format("simba", of_simba, read_simba)
FIRE = hdf5_format("fire", of_gizmo, read_fire)
