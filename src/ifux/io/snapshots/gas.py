"""Gas as it stands in a file, before the galaxy is centred, and what follows from its columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from ifux.io.snapshots.columns import check_shapes

UNITS = {
    "position": "kpc",
    "velocity": "km/s",
    "mass": "Msun",
    "density": "Msun/kpc3",
    "temperature": "K",
    "metallicity": "",
    "star_formation_rate": "Msun/yr",
    "smoothing_length": "kpc",
}
"""What is known of all gas."""

FURTHER = {"internal_energy": "km2/s2", "electron_abundance": ""}
"""What may be known: the energy per mass, electrons per hydrogen nucleus."""

HYDROGEN = 0.76
"""Mass fraction of hydrogen in a gas whose elements are not counted."""

IONISED = 1.0 + 2.0 * (1.0 - HYDROGEN) / (4.0 * HYDROGEN)
"""Electrons per hydrogen nucleus where hydrogen and helium have lost all of theirs."""

KELVIN = 1.67262192369e-24 * 1e10 / 1.380649e-16
"""Mass of the proton times (km/s)^2 over the constant of Boltzmann [K]."""

ADIABATIC = 5.0 / 3.0


@dataclass(frozen=True)
class Gas:
    """Gas particles or cells in double precision on the host, in physical units, where their simulation has them."""

    position: Float[np.ndarray, "cell 3"]
    """[kpc]."""
    velocity: Float[np.ndarray, "cell 3"]
    """Peculiar velocity [km/s]."""
    mass: Float[np.ndarray, " cell"]
    """[solar mass]."""
    density: Float[np.ndarray, " cell"]
    """[solar mass/kpc^3]."""
    temperature: Float[np.ndarray, " cell"]
    """[K]. Of star-forming gas on an effective equation of state it is that of no phase."""
    metallicity: Float[np.ndarray, " cell"]
    """Mass fraction."""
    star_formation_rate: Float[np.ndarray, " cell"]
    """[solar mass/yr]."""
    smoothing_length: Float[np.ndarray, " cell"]
    """[kpc], as the simulation defines it; of cells the radius of a ball of their volume."""
    electron_abundance: Float[np.ndarray, " cell"] | None = None
    """Electrons per hydrogen nucleus."""
    elements: dict[str, Float[np.ndarray, " cell"]] = field(default_factory=dict)
    """Mass fractions by chemical symbol."""
    ids: Int[np.ndarray, " cell"] | None = None
    """Identifiers, those of 64 bits without a sign wrapped into those with one."""
    subhalo: Int[np.ndarray, "cell level"] | None = None
    """Numbers of the halo that the gas belongs to, such as group and sub-group."""

    @property
    def count(self) -> int:
        """Number of particles or cells."""
        return self.mass.size


def gas_of(
    where: str,
    columns: Mapping[str, np.ndarray | None],
    elements: Mapping[str, np.ndarray] | None = None,
    subhalo: Int[np.ndarray, "cell level"] | None = None,
) -> tuple[Gas, list[str]]:
    """Gas of the columns that a file has, and notes on what was made of others because it is not there.

    Args:
        where: File, for sentences.
        columns: By the names and in the units of `UNITS` and `FURTHER`, and identifiers, `ids`. Without a temperature,
            the internal energy must be known.
        elements: Mass fractions by chemical symbol.
        subhalo: Numbers of the halo.
    """
    known = {name: values for name, values in columns.items() if values is not None}
    check_shapes(where, known | dict(elements or {}))
    energy, electrons, notes = known.pop("internal_energy", None), known.get("electron_abundance"), []
    for name in ("metallicity", "star_formation_rate"):
        if name not in known:
            known[name] = np.zeros(known["mass"].size)
            notes.append(f"the file states no {name.replace('_', ' ')} of the gas: zero was taken")
    if "temperature" not in known and energy is not None:
        known["temperature"] = temperature(energy, electrons)
        if electrons is None:
            notes.append("electrons of the gas are not counted: above 1e4 K it was taken to be ionised, below neutral")
    fractions = dict(elements or {})
    if "He" in fractions and "H" not in fractions:
        fractions["H"] = 1 - fractions["He"] - known["metallicity"]
        notes.append("hydrogen of the gas is what helium and metals leave")
    if "smoothing_length" not in known:
        known["smoothing_length"] = cell_radius(known["mass"], known["density"])
        notes.append("smoothing lengths of the gas are radii of balls of its cells' volumes, mass over density")
    return Gas(**known, elements=fractions, subhalo=subhalo), notes


def temperature(
    energy: Float[np.ndarray, " cell"], electrons: Float[np.ndarray, " cell"] | None = None
) -> Float[np.ndarray, " cell"]:
    r"""Temperature [K] from the internal energy per mass [(km/s)^2] and the electrons per hydrogen nucleus.

    $$T = (\gamma-1) \frac{\mu m_p}{k} u, \quad \mu = \frac{4}{1 + 3X + 4X x_e}$$

    Where electrons are not counted, gas that is hotter than 1e4 K with all atoms ionised is taken to be so, and other
    gas to be neutral.

    References: https://www.tng-project.org/data/docs/faq.
    """

    def heat(electrons: Float[np.ndarray, "..."] | float) -> Float[np.ndarray, " cell"]:
        weight = 4 / (1 + 3 * HYDROGEN + 4 * HYDROGEN * electrons)
        return (ADIABATIC - 1) * weight * KELVIN * energy

    if electrons is not None:
        return heat(electrons)
    hot = heat(IONISED)
    return np.where(hot > 1e4, hot, heat(0.0))


def cell_radius(mass: Float[np.ndarray, " cell"], density: Float[np.ndarray, " cell"]) -> Float[np.ndarray, " cell"]:
    """Radius of a ball of the volume of a cell, in the unit of length of its density."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.cbrt(3 / (4 * np.pi) * mass / density)
