"""Ages and metallicities for particles that have none: as stated, or drawn from a star-formation history.

A population is a description of names and numbers, one for each particle type that stands for stars:

    {"PartType2": {"history": "exponential", "start": 10.0, "end": 0.0, "timescale": 4.0, "metallicity": 0.02},
     "PartType3": {"age": 10.0, "metallicity": 0.01, "scatter": 0.2, "seed": 7}}

    age          Gyr before the snapshot, the same for all
    history      in its place: mass formed per time, from which each particle draws its own age; with t the time since
                 the first star, "constant": 1; "exponential": exp(-t / timescale); "delayed": t exp(-t / timescale)
    start, end   ages of the oldest and of the youngest star [Gyr before the snapshot]; end is 0 if not given
    timescale    [Gyr]
    metallicity  mass fraction; the median of all, where there is a scatter
    scatter      standard deviation of the logarithm of the metallicity [dex]; none if not given
    seed         of what is drawn; 0 if not given. The same seed gives the same stars

A type is named "PartType2", 2, "2", or as Gadget calls it: "gas", "halo", "disc", "bulge", "stars", "boundary".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.snapshots.snapshot import OLDEST
from ifux.io.snapshots.stars import YOUNGEST

SPECIES = ("gas", "halo", "disc", "bulge", "stars", "boundary")
"""Particle types of Gadget, in their order."""

HISTORIES = ("constant", "exponential", "delayed")

KEYS = ("age", "history", "start", "end", "timescale", "metallicity", "scatter", "seed")

NODES = 65536
"""Steps of the table that inverts a history without a closed inverse: ages are right to a step of it."""

EXAMPLE = (
    'populations={"PartType2": {"age": 5.0, "metallicity": 0.02}} or, in place of the age, '
    '"history": "constant", "start": 10.0'
)


@dataclass(frozen=True)
class Population:
    """What the particles of one type are made of."""

    age: float | None = None
    """[Gyr]."""
    history: str | None = None
    start: float | None = None
    """[Gyr before the snapshot]."""
    end: float = 0.0
    """[Gyr before the snapshot]."""
    timescale: float | None = None
    """[Gyr]."""
    metallicity: float | None = None
    """Mass fraction."""
    scatter: float = 0.0
    """[dex]."""
    seed: int = 0

    def ages(self, count: int, species: int) -> Float[np.ndarray, " particle"] | None:
        """Ages [Gyr]; None where none are stated."""
        if self.age is not None:
            return np.full(count, max(self.age, YOUNGEST))
        if self.history is None or self.start is None:
            return None
        span = self.start - self.end
        elapsed = since_start(self.draws(species, 0).random(count), self.history, span, self.timescale or span)
        return np.maximum(self.start - elapsed, max(self.end, YOUNGEST))

    def metallicities(self, count: int, species: int) -> Float[np.ndarray, " particle"] | None:
        """Mass fractions; None where none are stated."""
        if self.metallicity is None:
            return None
        if not self.scatter:
            return np.full(count, self.metallicity)
        return self.metallicity * 10 ** (self.scatter * self.draws(species, 1).standard_normal(count))

    def columns(self, count: int, species: int = 4) -> dict[str, Float[np.ndarray, " particle"]]:
        """Ages [Gyr] and metallicities of so many particles, stars unless said otherwise, as far as they are stated."""
        found = {"age": self.ages(count, species), "metallicity": self.metallicities(count, species)}
        return {role: values for role, values in found.items() if values is not None}

    def draws(self, species: int, purpose: int) -> np.random.Generator:
        """Numbers that depend on the seed, on the type and on what they are for, and on nothing else."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, species, purpose])))

    def summary(self) -> str:
        """In words, for a note."""
        words = []
        if self.age is not None:
            words.append(f"age {self.age:g} Gyr")
        elif self.history is not None:
            scale = f" with a timescale of {self.timescale:g} Gyr" if self.timescale else ""
            words.append(f"{self.history} star formation{scale} from {self.start:g} to {self.end:g} Gyr ago")
        if self.metallicity is not None:
            spread = f" with a scatter of {self.scatter:g} dex" if self.scatter else ""
            words.append(f"metallicity {self.metallicity:g}{spread}")
        drawn = self.history is not None or self.scatter > 0
        return ", ".join(words) + (f" (seed {self.seed})" if drawn else "")


def since_start(
    share: Float[np.ndarray, " particle"], history: str, span: float, timescale: float
) -> Float[np.ndarray, " particle"]:
    r"""Time since the first star by which a history has formed a share of its mass [Gyr].

    $$F(t) \propto t, \quad 1 - e^{-t/\tau}, \quad 1 - (1 + t/\tau) e^{-t/\tau}$$
    """
    if history == "constant":
        return share * span
    if history == "exponential":
        return -timescale * np.log1p(share * np.expm1(-span / timescale))
    times = np.linspace(0, min(span, 40 * timescale), NODES + 1)
    ratio = times / timescale
    formed = -np.expm1(-ratio) - ratio * np.exp(-ratio)
    return np.interp(share * formed[-1], formed, times)


def populations_of(given: object, where: str) -> dict[int, Population]:
    """Populations by particle type, from their description.

    Raises:
        InputError: a type, a key or a number that makes no sense.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"{where}: populations is a table such as {EXAMPLE}, got {given!r}.")
    found: dict[int, Population] = {}
    for name, entry in given.items():
        species = species_of(name, where)
        if species in found:
            raise InputError(f"{where}: populations names PartType{species} twice.")
        found[species] = population_of(entry, f"{where}: populations.{name}")
    return found


def species_of(name: object, where: str) -> int:
    """The number of a particle type."""
    word = str(name).strip().lower().removeprefix("parttype")
    word = {"disk": "disc", "star": "stars", "bndry": "boundary"}.get(word, word)
    if word in SPECIES:
        return SPECIES.index(word)
    if word.isascii() and word.isdigit() and int(word) < len(SPECIES):
        return int(word)
    raise InputError(f"{where}: populations.{name} is no particle type: name one as PartType2, 2 or {SPECIES}.")


def population_of(entry: object, where: str) -> Population:
    """One population from its description."""
    if not isinstance(entry, Mapping):
        raise InputError(f'{where} is a table such as {{"age": 5.0, "metallicity": 0.02}}, got {entry!r}.')
    unknown = [key for key in entry if key not in KEYS]
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is not one of {', '.join(KEYS)}.")
    values = dict(entry)
    history, seed = values.pop("history", None), values.pop("seed", 0)
    if history is not None and history not in HISTORIES:
        raise InputError(f"{where}.history: {history!r} is not one of {', '.join(HISTORIES)}.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"{where}.seed: {seed!r} is no whole number from zero.")
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
            raise InputError(f"{where}.{key}: {value!r} is no number from zero.")
    for key in ("age", "start"):
        if values.get(key, 0) > OLDEST:
            raise InputError(f"{where}.{key}: {values[key]} Gyr is older than the universe: ages are in Gyr.")
    if values.get("metallicity", 0) > 1:
        raise InputError(f"{where}.metallicity: {values['metallicity']} is no mass fraction: the Sun has about 0.02.")
    if "scatter" in values and "metallicity" not in values:
        raise InputError(f"{where}.scatter: it is about the metallicity, which is not given.")
    if history is not None:
        check_history(history, values, where)
    elif stray := [key for key in ("start", "end", "timescale") if key in values]:
        raise InputError(f"{where}.{stray[0]}: this belongs to a history; add one of {', '.join(HISTORIES)}.")
    return Population(history=history, seed=seed, **{key: float(value) for key, value in values.items()})


def check_history(history: str, values: dict, where: str) -> None:
    """Raises an error unless the numbers of a history go together."""
    if "age" in values:
        raise InputError(f"{where}: give an age or a history, not both.")
    if "start" not in values:
        raise InputError(f"{where}.start: a history needs the age of its oldest star in Gyr before the snapshot.")
    if not values["start"] > values.get("end", 0):
        raise InputError(
            f"{where}: start = {values['start']} must be above end = {values.get('end', 0)}, both in Gyr before the "
            "snapshot."
        )
    if history == "constant":
        if "timescale" in values:
            raise InputError(f"{where}.timescale: a constant history has none.")
    elif not values.get("timescale", 0) > 0:
        raise InputError(f"{where}.timescale: the history {history!r} needs one above zero, in Gyr.")
