"""SWIFT: COLIBRE, FLAMINGO, SWIFT-EAGLE and others, snapshots and cut-outs.

Every dataset states its unit and its exponents of a and h; what is stored as physical needs no a. There are no units
that all runs share, so a dataset without them is refused. Velocities are peculiar as they stand. The scale factor is in
the group Cosmology, beside which `Time` in the header is a time; cut-outs without that group give a there. A negative
star-formation rate is SWIFT's way to say when gas last formed stars: it becomes zero.

References: https://swift.strw.leidenuniv.nl/docs/Snapshots; Schaller et al. (2024), MNRAS 530, 2378.
"""

import h5py

from ifux.io.files.hdf5 import find
from ifux.io.snapshots.hydro import hydro_format
from ifux.io.snapshots.layout import Column, Elements, GasColumns, Layout, StarColumns
from ifux.io.snapshots.particle_group import CGS, particle_groups, stating

LAYOUT = Layout(
    name="swift",
    attributes=(CGS, "a-scale exponent", "h-scale exponent"),
    physical="Value stored as physical",
    position=Column("Coordinates", cgs=None, a=1.0),
    velocity=Column("Velocities", cgs=None),
    metallicity=Column("MetalMassFractions", also=("SmoothedMetalMassFractions",)),
    elements=Elements(Column("ElementMassFractions", also=("SmoothedElementMassFractions",))),
    subhalo=(("HaloCatalogueIndex",), ("GroupNr_bound",), ("SubhaloIDs",)),
    stars=StarColumns(
        mass=Column("InitialMasses", cgs=None),
        formation=Column("BirthScaleFactors"),
        potential=Column("Potentials", cgs=None),
    ),
    gas=GasColumns(
        mass=Column("Masses", cgs=None),
        density=Column("Densities", cgs=None, a=-3.0),
        star_formation_rate=Column("StarFormationRates", cgs=None),
        temperature=Column("Temperatures"),
        internal_energy=Column("InternalEnergies", cgs=None, a=-2.0),
        smoothing_length=Column("SmoothingLengths", cgs=None, a=1.0),
        kernel="full widths of the kernel at half its maximum",
        effective=False,
    ),
)


def recognises(file: h5py.File) -> bool:
    """The unit attributes of SWIFT on any dataset of the stars or the gas, or its name for when stars formed."""
    return find(file, "PartType4/BirthScaleFactors") is not None or any(
        stating(group, LAYOUT.attributes) for group in particle_groups(file)
    )


SWIFT = hydro_format(LAYOUT, recognises)
