"""SIMBA and FIRE: snapshots of GIZMO in HDF5.

Lengths are kpc/h comoving, masses 1e10 solar masses/h, velocities km/s with the square root of a, unless the header or
the option `units` says otherwise: most files say nothing. `Metallicity` has eleven columns or more: all metals, helium,
and nine elements. Stars keep only the mass that they have left, which is taken for that as formed: they are up to 0.2
dex too faint, the old ones most. Formation times are scale factors. The star-forming gas of SIMBA is pressurised to an
equation of state, that of FIRE is not.

References: Hopkins, http://www.tapir.caltech.edu/~phopkins/Site/GIZMO_files/gizmo_documentation.html; Dave et al.
(2019), MNRAS 486, 2827 (SIMBA); Wetzel et al. (2023), ApJS 265, 44 (FIRE-2).
"""

from collections.abc import Mapping
from dataclasses import replace

import h5py

from ifux.io.files.hdf5 import find, number, text
from ifux.io.snapshots.hydro import hydro_format, read_snapshot
from ifux.io.snapshots.layout import STARS, Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.particle_group import particle_groups, stating
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import DIMENSIONS, header_units

MASS = Column("Masses", cgs=1.989e43, h=-1.0, also=("Mass",))

FIRE_LAYOUT = Layout(
    name="fire",
    position=Column("Coordinates", cgs=3.085678e21, a=1.0, h=-1.0),
    velocity=Column("Velocities", cgs=1e5, a=0.5, also=("Velocity",)),
    metallicity=Column("Metallicity", part=0),
    elements=Elements(Column("Metallicity"), ("", "He", "C", "N", "O", "Ne", "Mg", "Si", "S", "Ca", "Fe")),
    subhalo=(("HaloID",),),
    stars=StarColumns(
        mass=Column("InitialMasses", cgs=1.989e43, h=-1.0, also=("InitialMass", "StellarInitialMass")),
        present_mass=MASS,
    ),
    gas=GasColumns(
        mass=MASS,
        density=Column("Density", cgs=6.769911e-22, a=-3.0, h=2.0),
        star_formation_rate=Column("StarFormationRate", cgs=6.30276e25),
        electron_abundance=Column("ElectronAbundance"),
        smoothing_length=Column("SmoothingLength", cgs=3.085678e21, a=1.0, h=-1.0),
        effective=False,
    ),
)

SIMBA_LAYOUT = replace(FIRE_LAYOUT, name="simba", gas=replace(FIRE_LAYOUT.gas, effective=True))

ONLY_SIMBA = ("Dust_Masses", "Dust_Metallicity", "FractionH2", "GrackleHI", "HaloID", "NWindLaunches", "DelayTime")
"""Columns that SIMBA writes and FIRE does not."""


def of_gizmo(file: h5py.File) -> bool:
    """Stars with formation times, in the plural names of Gadget and without unit attributes, of a cosmological run."""
    header = find(file, "Header")
    if header is not None and number(header, "Omega0") == 0:
        return False
    group = next(iter(particle_groups(file)), None)
    names = ("Masses", "Coordinates", *(["StellarFormationTime"] if find(file, STARS) == group else []))
    return (
        group is not None
        and all(find(group, name) is not None for name in names)
        and isinstance(find(group, "Metallicity"), h5py.Dataset)
        and not stating(group)
    )


def of_simba(file: h5py.File) -> bool:
    """A snapshot of GIZMO that says it is SIMBA's, or has columns that only SIMBA writes."""
    header = find(file, "Header")
    label = text(header, "RunLabel").lower() if header is not None else ""
    own = any(find(group, name) is not None for group in particle_groups(file) for name in ONLY_SIMBA)
    return of_gizmo(file) and (own or "simba" in label)


def read(file: h5py.File, layout: Layout, units: object = None, **stated: object) -> Snapshot:
    """A snapshot in the units that are stated, by its header or else published."""
    own = header_units(file, {key: value for key, value in layout.base.items() if value is not None})
    if units is None or isinstance(units, Mapping):
        units = own = own | dict(units or {})
    snapshot = read_snapshot(file, layout, units=units, **stated)
    if {*DIMENSIONS} <= {*own}:
        return snapshot
    return snapshot.noted(
        "nothing in the file states the unit of its "
        f"{' and '.join(key for key in DIMENSIONS if key not in own)}: that of GIZMO was taken, of kpc/h, km/s and "
        "1e10 Msun/h"
    )


SIMBA = hydro_format(SIMBA_LAYOUT, of_simba, read)
FIRE = hydro_format(FIRE_LAYOUT, of_gizmo, read)
