"""What the binary and the HDF5 snapshots of Gadget and its relatives have in common: header, units, populations.

Raw numbers become physical as Gadget defines them, with h the HubbleParam of the header and a = 1 / (1 + redshift):

    position   length / h x a          velocity   velocity x sqrt(a)        mass      mass / h
    energy     velocity^2              density    mass / length^3 x h^2 / a^3
    time of formation: the scale factor, or of runs without cosmology length / velocity / h since the start

with length = kpc, velocity = km/s and mass = 1e10 solar masses unless `units` says otherwise, as in
`units={"length": "Mpc", "mass": "Msun"}`; any unit that astropy knows will do. With `physical=True` positions,
velocities and masses are already physical: neither h nor a is applied. `cosmology` and `redshift` say what the header
does not: see `ifux.io.snapshots.stated`.

Collisionless particles of isolated galaxies have no ages and no metallicities: `populations` states them for each
particle type that stands for stars. Their masses are taken as those formed.

References: Springel (2005), MNRAS 364, 1105; https://wwwmpa.mpa-garching.mpg.de/gadget/users-guide.pdf.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.snapshots.centre import periodic
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.expansion import HUBBLE_TIME, Expansion, little_h
from ifux.io.snapshots.gas import Gas, gas_of
from ifux.io.snapshots.populations import EXAMPLE, SPECIES, Population, populations_of
from ifux.io.snapshots.quantity import factor
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import PRESENT, YOUNGEST, Stars
from ifux.io.snapshots.stated import COSMOLOGY, DIMENSIONS, FACTS, Facts

GAS, STARS = 0, 4
"""Particle types that may come with what they are made of."""

UNITS = {"length": "kpc", "velocity": "km/s", "mass": "1e10 Msun"}
"""Units of Gadget's numbers, short of h and a."""

OPTIONS = ("populations", "physical", *FACTS)
"""What a snapshot of Gadget leaves open."""

TIME = HUBBLE_TIME / 10
"""One kpc/(km/s) [Gyr]."""

STATED = {
    "Time": ("time", -1e15, 1e15), "Redshift": ("redshift", -0.999, 1000), "HubbleParam": ("hubble", 0.01, 300),
    "Omega0": ("matter", -1e15, 1e15), "OmegaLambda": ("vacuum", -1e15, 1e15), "BoxSize": ("box", -1e15, 1e15),
}  # fmt: skip
"""Numbers of the header: the field that holds each, and what it is above, and not above."""


@dataclass(frozen=True)
class Header:
    """What a snapshot says of itself."""

    counts: tuple[int, ...]
    """Particles of each type that are there."""
    masses: tuple[float, ...]
    """Mass of all particles of a type, where it is not zero."""
    time: float = 0.0
    """Scale factor of cosmological runs, else the time since the start."""
    redshift: float = 0.0
    hubble: float = 1.0
    """H0 / (100 km/s/Mpc)."""
    matter: float | None = 0.0
    """None where the header says nothing of it."""
    vacuum: float = 0.0
    box: float = 0.0

    @property
    def scale(self) -> float:
        """Scale factor of the snapshot."""
        return 1 / (1 + self.redshift)

    @property
    def cosmological(self) -> bool:
        """Whether times are scale factors."""
        return bool(self.matter) and self.scaled

    @property
    def scaled(self) -> bool:
        """Whether the time is a scale factor, or one is known by the redshift."""
        return self.redshift != 0 or abs(self.time / self.scale - 1) < 1e-3

    def short_of(self, facts: Facts) -> "Header":
        """The header with what is stated in the place of what it says."""
        header = self if facts.redshift is None else replace(self, redshift=facts.redshift)
        if (universe := facts.cosmology) is None:
            return header
        matter = universe.matter
        return replace(header, hubble=universe.hubble, matter=matter, vacuum=1 - matter, time=header.scale)

    def check(self, where: str) -> None:
        """Raises an error where a number of the header is none that a snapshot can have."""
        for name, (key, least, most) in STATED.items():
            value = getattr(self, key)
            if not (value is None or least < value <= most or (key == "hubble" and value == 0)):
                raise InputError(f"{where}: {name} of the header is {value}: the file is damaged, or no snapshot.")
        for species, mass in enumerate(self.masses):
            if not (isfinite(mass) and 0 <= mass < 1e30):
                raise InputError(f"{where}: the header gives PartType{species} a mass of {mass} each.")
        if not sum(self.counts):
            raise InputError(f"{where} holds no particles: ask for a complete file.")


@dataclass(frozen=True)
class Raw:
    """A snapshot in its own units, of which only what is asked for is read."""

    path: Path
    format: str
    header: Header
    column: Callable[[str, int], np.ndarray | None]
    """Numbers of a role such as "position" for a particle type; None where there are none."""
    notes: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    """What the file states of its units."""


Scales = Mapping[str, float]
"""What raw numbers of each role are multiplied by, one where it is none of these; and times."""


def assembled(raw: Raw, *, populations: object = None, physical: object = False, **stated: object) -> Snapshot:
    """Stars and gas of a snapshot, in physical units."""
    facts = Facts.of(str(raw.path), **stated)
    raw = replace(raw, header=raw.header.short_of(facts))
    raw.header.check(str(raw.path))
    if not isinstance(physical, bool):
        raise InputError(f"{raw.path}: physical is true or false, got {physical!r}.")
    if raw.header.hubble >= 10:
        hubble, remarks = little_h(raw.header.hubble, str(raw.path))
        raw = replace(raw, header=replace(raw.header, hubble=hubble), notes=(*raw.notes, *remarks))
    with np.errstate(all="ignore"):
        scales, notes = scales_of(raw, facts, physical)
        made = populations_of(populations, str(raw.path))
        species = stellar(raw, made)
        parts = [star_columns(raw, number, made.get(number), scales, facts) for number in species]
        stars = {name: together([part[name] for part in parts]) for name in parts[0]}
        gas, lost = (None, []) if GAS in made else with_gas(raw, scales, facts)
        size, places = raw.header.box * scales["position"], together([part["position"] for part in parts])
        box, remark = (None, []) if places is None or not size > 0 else periodic(np.full(3, size), places)
    notes += [f"PartType{number}: {made[number].summary()}, as stated" for number in sorted(made)]
    notes += [
        f"{count} particles of PartType{number} ({SPECIES[number]}) are not stars here"
        for number, count in enumerate(raw.header.counts)
        if count and number not in (GAS, *species)
    ]
    notes += lost + remark
    if STARS in species and STARS not in made and raw.column("formed", STARS) is None:
        notes.append(PRESENT)
    if any(number != STARS for number in made):
        notes.append("masses of particles that did not form in the run are taken as those formed")
    return Snapshot(
        stars=Stars(**stars),  # pyright: ignore[reportArgumentType]
        gas=gas,
        redshift=raw.header.redshift,
        cosmology=None if (expansion := expansion_of(raw.header)) is None else expansion.cosmology,
        box=box,
        source=raw.path.name,
        format=raw.format,
        notes=(*raw.notes, *notes),
    )


def scales_of(raw: Raw, facts: Facts, physical: bool) -> tuple[Scales, list[str]]:
    """Factors to kpc, km/s, solar masses and Gyr, and the notes about them."""
    header, notes = raw.header, []
    given = {**raw.units, **facts.units}
    stated = {
        name: factor(given.get(name, usual), DIMENSIONS[name].word, f"{raw.path}: units.{name}")
        for name, usual in UNITS.items()
    }
    hubble, scale = (1.0, 1.0) if physical else (header.hubble or 1.0, header.scale)
    if not header.hubble and not physical:
        notes.append("the header gives no HubbleParam, so h = 1 was taken")
    words = ", ".join(f"{name} in {given.get(name, usual)}" for name, usual in UNITS.items())
    notes.append(f"{words}, {'physical' if physical else f'with h = {hubble:g} and a = {scale:.6g}'}")
    if guesses := [name for name in UNITS if name not in given]:
        notes.append(f"the unit of {' and '.join(guesses)} is a guess, because nothing in the file states it")
    time = stated["length"] / stated["velocity"] * TIME / hubble
    velocity = stated["velocity"] * scale**0.5
    length, mass, energy = stated["length"] / hubble * scale, stated["mass"] / hubble, stated["velocity"] ** 2
    scales = {"position": length, "smoothing_length": length, "velocity": velocity, "mass": mass, "formed": mass}
    scales |= {"density": mass / length**3, "internal_energy": energy, "potential": energy, "time": time}
    return scales, notes


def stellar(raw: Raw, made: dict[int, Population]) -> list[int]:
    """Particle types that are stars: those with a population, and type 4 where it says itself what it is made of."""
    counts = raw.header.counts
    for species in made:
        if not counts[species]:
            raise InputError(
                f"{raw.path}: populations names PartType{species} ({SPECIES[species]}), of which it holds none; there "
                f"are {census(raw)}."
            )
    if counts[STARS] and STARS not in made and all(raw.column(role, STARS) is not None for role in INNATE):
        return sorted({*made, STARS})
    if not made:
        likely = next(species for species in (2, 3, 4, 1, 5, 0) if counts[species])
        raise InputError(
            f"{raw.path} states no ages and metallicities of its particles, {census(raw)}: say which of them are "
            f"stars and what these are made of, as in {EXAMPLE.replace('PartType2', f'PartType{likely}')}."
        )
    return sorted(made)


INNATE = {
    "formation": ("age", 'ages: give {} an "age" in Gyr or a "history"'),
    "metallicity": ("metallicity", 'metallicities: give {} a "metallicity" as a mass fraction'),
}
"""What stars say of themselves in runs that form them: the column of it, and what to state where they do not."""


def census(raw: Raw) -> str:
    """How many particles of which type there are, in words."""
    words = [f"{count} of PartType{i} ({SPECIES[i]})" for i, count in enumerate(raw.header.counts) if count]
    return " and ".join(words)


def star_columns(
    raw: Raw, species: int, population: Population | None, scales: Scales, facts: Facts
) -> dict[str, np.ndarray | None]:
    """Columns of `Stars` of one particle type."""
    where = f"{raw.path}: PartType{species}"
    columns: dict[str, np.ndarray | None] = dict(moving(raw, species, scales))
    columns |= population.columns(raw.header.counts[species], species) if population else {}
    for role, (name, words) in INNATE.items():
        if name not in columns:
            if (values := scaled(raw, role, species, scales)) is None:
                raise InputError(f"{where} states no {words.format(f'populations.PartType{species}')}.")
            columns[name] = since(values, raw, scales) if name == "age" else facts.fractions(values)
    if not population and (formed := scaled(raw, "formed", species, scales)) is not None:
        columns["mass"] = formed
    columns["potential"] = scaled(raw, "potential", species, scales)
    check_shapes(where, columns)
    return columns


def scaled(raw: Raw, role: str, species: int, scales: Scales) -> np.ndarray | None:
    """The numbers of a role for a particle type, in our unit of it; None where there are none."""
    values = raw.column(role, species)
    return None if values is None else values.astype(np.float64) * scales.get(role, 1.0)


def moving(raw: Raw, species: int, scales: Scales) -> dict[str, np.ndarray]:
    """Positions [kpc], velocities [km/s], masses [solar mass] of one particle type, and identifiers if it has any."""
    each, count, columns = raw.header.masses[species], raw.header.counts[species], {}
    for role in ("position", "velocity", "mass"):
        values = scaled(raw, role, species, scales)
        if values is None and role == "mass" and each > 0:
            values = np.full(count, each * scales["mass"])
        if values is None:
            raise InputError(f"{raw.path}: PartType{species} has no {role}: ask for a complete file.")
        columns[role] = values
    if (ids := raw.column("ids", species)) is not None:
        columns["ids"] = signed(ids, f"{raw.path}: PartType{species}: ids")
    return columns


def since(formation: np.ndarray, raw: Raw, scales: Scales) -> Float[np.ndarray, " particle"]:
    """Ages of stars that tell when they formed [Gyr]; negative for those that formed after the snapshot."""
    header = raw.header
    if not header.cosmological and header.scaled and (header.matter is None or header.redshift):
        raise InputError(f"{raw.path} states no cosmology, but the ages of its stars need it: {COSMOLOGY}.")
    if not header.cosmological:
        return rested((header.time - formation) * scales["time"], 1e-5 * max(abs(header.time), 1e-3) * scales["time"])
    expansion = expansion_of(header)
    if expansion is None:
        raise InputError(
            f"{raw.path}: ages follow from scale factors in a flat universe alone, but HubbleParam is {header.hubble}, "
            f"Omega0 is {header.matter} and OmegaLambda is {header.vacuum}: {COSMOLOGY}, or ages in `populations`."
        )
    born = expansion.time(np.where(formation > 0, formation, 1e-10))
    return np.where(formation > 0, rested(expansion.now() - born, 1e-5 * expansion.now()), -1.0)


def rested(age: np.ndarray, rounding: float) -> Float[np.ndarray, " particle"]:
    """Ages, those that are zero but for rounding just above it."""
    return np.where(np.abs(age) < rounding, YOUNGEST, age)


def expansion_of(header: Header) -> Expansion | None:
    """The universe of a cosmological run; None where it is not flat, or not stated."""
    matter = header.matter or 0.0
    if not (header.cosmological and abs(matter + header.vacuum - 1) < 1e-3 and 0 < matter <= 1 and header.hubble):
        return None
    return Expansion(header.scale, header.hubble, matter)


def together(columns: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """One column of those of several particle types or files; None unless all have it."""
    found = [column for column in columns if column is not None]
    return np.concatenate(found) if found and len(found) == len(columns) else None


def with_gas(raw: Raw, scales: Scales, facts: Facts) -> tuple[Gas | None, list[str]]:
    """The gas, and a note where there is some that cannot be used."""
    if not raw.header.counts[GAS]:
        return None, []
    columns: dict[str, np.ndarray | None] = dict(moving(raw, GAS, scales))
    needed = ("density", "internal_energy")
    roles = (*needed, "metallicity", "electron_abundance", "smoothing_length", "star_formation_rate")
    columns |= {role: scaled(raw, role, GAS, scales) for role in roles}
    for role in needed:
        if columns[role] is None:
            words = f"{raw.header.counts[GAS]} gas particles were left out: the file states no {role.replace('_', ' ')}"
            return None, [f"the {words} of theirs"]
    if (metals := columns["metallicity"]) is not None:
        columns["metallicity"] = facts.fractions(metals)
    return gas_of(f"{raw.path}: PartType0", columns)
