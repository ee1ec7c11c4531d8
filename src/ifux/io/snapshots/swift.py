"""SWIFT: COLIBRE, FLAMINGO, SWIFT-EAGLE and others, snapshots and cut-outs.

Every dataset states its unit and its exponents of a and h; what is stored as physical needs no a. There are no units
that all runs share, so a dataset without them is refused. Velocities are peculiar as they stand. The scale factor is in
the group Cosmology, beside which `Time` in the header is a time; cut-outs without that group give a there. A negative
star-formation rate is SWIFT's way to say when gas last formed stars: it becomes zero.

References: https://swift.strw.leidenuniv.nl/docs/Snapshots; Schaller et al. (2024), MNRAS 530, 2378.
"""

import h5py

from ifux.io.files.hdf5 import find
from ifux.io.snapshots.hydro import read_snapshot
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.particle_group import CGS, marked
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import FACTS

POSITION = Column("Coordinates", cgs=None, a=1.0)
VELOCITY = Column("Velocities", cgs=None)
MASS = Column("Masses", cgs=None)
METALLICITY = Column("MetalMassFractions", also=("SmoothedMetalMassFractions",))
ELEMENTS = Elements(Column("ElementMassFractions", also=("SmoothedElementMassFractions",)))
SUBHALO = (("HaloCatalogueIndex",), ("GroupNr_bound",), ("SubhaloIDs",))

LAYOUT = Layout(
    name="swift",
    attributes=(CGS, "a-scale exponent", "h-scale exponent"),
    physical="Value stored as physical",
    stars=StarColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=Column("InitialMasses", cgs=None),
        metallicity=METALLICITY,
        formation=Column("BirthScaleFactors"),
        potential=Column("Potentials", cgs=None),
        elements=ELEMENTS,
        subhalo=SUBHALO,
    ),
    gas=GasColumns(
        position=POSITION,
        velocity=VELOCITY,
        mass=MASS,
        density=Column("Densities", cgs=None, a=-3.0),
        metallicity=METALLICITY,
        star_formation_rate=Column("StarFormationRates", cgs=None),
        temperature=Column("Temperatures"),
        energy=Column("InternalEnergies", cgs=None, a=-2.0),
        smoothing_length=Column("SmoothingLengths", cgs=None, a=1.0),
        kernel="full widths of the kernel at half its maximum",
        elements=ELEMENTS,
        subhalo=SUBHALO,
        effective=False,
    ),
)


def recognises(file: h5py.File) -> bool:
    """The unit attributes of SWIFT on any dataset of the stars or the gas, or its name for when stars formed."""
    groups = [find(file, name) for name in (LAYOUT.stars.group, LAYOUT.gas.group)]
    return find(file, "PartType4/BirthScaleFactors") is not None or any(
        isinstance(group, h5py.Group) and marked(group, LAYOUT.attributes or ()) for group in groups
    )


def read(file: h5py.File, **stated: object) -> Snapshot:
    """The stars and the gas of a snapshot or of a cut-out."""
    return read_snapshot(file, LAYOUT, **stated)


SWIFT = snapshot_format(LAYOUT.name, recognises, read, options=FACTS)
