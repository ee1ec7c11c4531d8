r"""Layouts of the snapshots of hydrodynamical simulations, as tables.

A new simulation is a `Layout`: the names of its datasets and its published units. The attributes of the file itself
come first:

$$\text{physical} = \text{raw} \times \text{CGS} \times a^{\alpha} \times h^{\eta}$$
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ifux.units import MEGAPARSEC


@dataclass(frozen=True)
class Unit:
    """A unit of ours."""

    cgs: float
    word: str
    """As astropy reads it."""
    powers: Mapping[str, int] = field(default_factory=dict)
    """Of length, velocity and mass in it."""


NUMBER = Unit(1.0, "")
"""A pure number."""

KPC = Unit(MEGAPARSEC / 1e3, "kpc", {"length": 1})

KMS = Unit(1e5, "km/s", {"velocity": 1})

ENERGY = Unit(1e10, "km2/s2", {"velocity": 2})
"""Per mass."""

MSUN = Unit(1.988409870698051e33, "Msun", {"mass": 1})
"""IAU 2015 resolution B3 with the constant of gravity of CODATA 2018; 1.989e43 g are 1.0003e10 of it."""

DENSITY = Unit(MSUN.cgs / KPC.cgs**3, "Msun/kpc3", {"mass": 1, "length": -3})

RATE = Unit(MSUN.cgs / 3.15576e7, "Msun/yr")
"""In years of 365.25 days. Simulations state it so, whatever their other units."""

UNITS = {
    "position": KPC, "velocity": KMS, "mass": MSUN, "present_mass": MSUN, "metallicity": NUMBER, "formation": NUMBER,
    "potential": ENERGY, "density": DENSITY, "star_formation_rate": RATE, "temperature": NUMBER,
    "internal_energy": ENERGY, "electron_abundance": NUMBER, "smoothing_length": KPC,
}  # fmt: skip
"""Ours of each column."""

STARS, GAS = "PartType4", "PartType0"
"""The groups of the particles."""


@dataclass(frozen=True)
class Column:
    """A dataset and its published units: raw number 1 is `cgs` times a^`a` times h^`h`."""

    name: str
    cgs: float | None = 1.0
    """None where the simulation has no unit of its own, so that every file must state it."""
    a: float = 0.0
    h: float = 0.0
    also: tuple[str, ...] = ()
    """Other names of it, of other generations of the simulation."""
    part: int | slice | None = None
    """Of a dataset with many columns: the one that is meant, or those that are summed."""
    share: bool = False
    """The dataset holds masses, and what is meant is their share of the particle's."""
    certain: bool = False
    """The published unit holds against the file, because files are known that state a wrong one."""


@dataclass(frozen=True)
class Elements:
    """Abundances by mass: a group of datasets with names such as Oxygen, or a dataset with a column an element."""

    column: Column
    symbols: tuple[str, ...] = ()
    """Chemical symbols of the columns; "" where a column is no element."""


@dataclass(frozen=True)
class StarColumns:
    """Where stars are kept, besides what they have in common with the gas."""

    mass: Column
    """As formed."""
    formation: Column = Column("StellarFormationTime")
    """Scale factor at formation."""
    present_mass: Column | None = None
    """For files that keep no mass as formed."""
    potential: Column | None = Column("Potential", cgs=1e10, a=-1.0)
    unborn: str = "formation time of zero or below"
    """What a particle is whose formation time is zero or below."""


@dataclass(frozen=True)
class GasColumns:
    """Where gas is kept, besides what it has in common with the stars."""

    mass: Column
    density: Column
    star_formation_rate: Column
    temperature: Column | None = None
    internal_energy: Column | None = Column("InternalEnergy", cgs=1e10)
    """Per mass, for files without temperatures."""
    electron_abundance: Column | None = None
    """Electrons per hydrogen nucleus."""
    smoothing_length: Column | None = None
    """None for cells."""
    kernel: str = "radii at which the kernel vanishes"
    """What smoothing lengths are."""
    effective: bool = True
    """Whether star-forming gas follows an effective equation of state, so that its temperature is that of no phase."""


@dataclass(frozen=True)
class Layout:
    """Where a simulation keeps its particles, and in which units."""

    name: str
    position: Column
    velocity: Column
    metallicity: Column
    """Mass fraction."""
    stars: StarColumns
    gas: GasColumns
    elements: Elements | None = None
    subhalo: tuple[tuple[str, ...], ...] = ()
    """Names of the numbers that tell the halo of a particle; alternatives."""
    attributes: tuple[str, ...] = ()
    """Attributes of a dataset that hold its CGS factor and its exponents of a and of h."""
    physical: str | None = None
    """Attribute of a dataset that is one where its numbers are physical, whatever the exponent of a."""
    box: Column | None = None
    """BoxSize in the header, where its unit is not that of the positions."""

    @property
    def base(self) -> dict[str, float | None]:
        """Published CGS factors of length, velocity and mass."""
        return {"length": self.position.cgs, "velocity": self.velocity.cgs, "mass": self.stars.mass.cgs}
