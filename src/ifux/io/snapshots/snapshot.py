"""What a reader of any format hands over: stars and gas where their simulation has them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from ifux.galaxy import Cosmology
from ifux.io.snapshots import gas as gases
from ifux.io.snapshots import stars as suns
from ifux.io.snapshots.columns import SMALLEST, mapped, unusable
from ifux.io.snapshots.gas import Gas
from ifux.io.snapshots.stars import Stars

POOREST = 1e-10
"""Mass fraction given to a star whose metallicity is zero or negative: what TNG seeds its gas with."""

OLDEST = 20.0
"""Age that no universe has that anybody simulates [Gyr]: years in the place of Gyr, or numbers that mean nothing."""

SHORTEST = 100.0
"""Time in which no gas turns into stars [yr]: that of free fall at 1e11 atoms/cm3, which no simulation of galaxies has.

Star-formation rates in other units than solar masses a year are beyond it.
"""

OF_GAS = "gas: "
"""What reasons of gas begin with."""

Masks = dict[str, Bool[np.ndarray, " particle"]]
"""Particles to leave out, by reason."""


@dataclass(frozen=True)
class Snapshot:
    """Stars and gas of a file, in physical units at the time of the snapshot."""

    stars: Stars
    gas: Gas | None = None
    """None where the file has no gas, or where a reader does not take it."""
    redshift: float = 0.0
    cosmology: Cosmology | None = None
    box: Float[np.ndarray, "3"] | None = None
    """Period of the positions [kpc], where they have one."""
    source: str = ""
    format: str = "arrays"
    dropped: dict[str, int] = field(default_factory=dict)
    """Particles left out, by reason; reasons of gas begin with "gas: "."""
    changed: dict[str, int] = field(default_factory=dict)
    """Particles with a changed value, by reason; reasons of gas begin with "gas: "."""
    notes: tuple[str, ...] = ()

    def without(
        self, stars: Masks | None = None, gas: dict[str, Bool[np.ndarray, " cell"]] | None = None
    ) -> "Snapshot":
        """The particles that no mask strikes, counting each lost one under the first reason that does."""
        result = self
        for name, masks, prefix in (("stars", stars, ""), ("gas", gas, OF_GAS)):
            if masks and (table := getattr(self, name)) is not None:
                left, lost = kept(masks, table.count)
                dropped = added(result.dropped, {f"{prefix}{reason}": count for reason, count in lost.items()})
                if lost:
                    table = mapped(lambda column, left=left: column[left], table)
                    result = replace(result, **{name: table}, dropped=dropped)
        return result

    def noted(self, *notes: str) -> "Snapshot":
        """With more notes, each said once."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def sane(self) -> "Snapshot":
        """The stars that can shine and the gas that can be: finite, of positive mass, with fractions in range.

        A star's metallicity of zero or below is kept as 1e-10, which every library clamps to its poorest population;
        metallicities, element fractions and star-formation rates of gas below zero become zero.
        """
        return self.sane_stars().sane_gas()

    def sane_stars(self) -> "Snapshot":
        """The stars that can shine."""
        snapshot = self.without(
            odd(self.stars, suns.UNITS, ["mass"])
            | {
                "age is negative": self.stars.age < 0,
                f"age is beyond {OLDEST:g} Gyr, older than any universe": self.stars.age > OLDEST,
                "metallicity is above one, so no mass fraction": self.stars.metallicity > 1,
            }
        )
        stars, changed = snapshot.stars, {}
        if (barren := stars.metallicity <= 0).any():
            stars = replace(stars, metallicity=np.where(barren, POOREST, stars.metallicity))
            changed[f"metallicity of zero or below set to {POOREST:g}"] = int(barren.sum())
        if stars.alpha is not None and (unknown := unusable(stars.alpha)).any():
            stars = replace(stars, alpha=np.where(unknown, 0.0, stars.alpha))
            changed["[alpha/Fe] that is not finite set to 0"] = int(unknown.sum())
        return replace(snapshot, stars=stars, changed=added(snapshot.changed, changed)) if changed else snapshot

    def sane_gas(self) -> "Snapshot":
        """The gas that can be."""
        if self.gas is None:
            return self
        reasons = odd(self.gas, gases.UNITS, ["mass", "density", "temperature", "smoothing_length"])
        reasons[f"its star formation uses it up within {SHORTEST:g} years"] = (
            self.gas.star_formation_rate * SHORTEST > self.gas.mass
        )
        for name, fraction in ({"metallicity": self.gas.metallicity} | self.gas.elements).items():
            reasons[f"{name} is above one, so no mass fraction"] = fraction > 1
        if "H" in self.gas.elements:
            reasons["it has no hydrogen"] = ~(self.gas.elements["H"] > 0)
        snapshot = self.without(gas=reasons)
        gas, changed, mended = snapshot.gas, {}, {}
        assert gas is not None
        abundances = {} if gas.electron_abundance is None else {"electron_abundance": gas.electron_abundance}
        columns = {name: getattr(gas, name) for name in ("metallicity", "star_formation_rate")} | abundances
        for name, values in (columns | gas.elements).items():
            if (wrong := unusable(values) | (values < 0)).any():
                words = "below zero" if name in gases.UNITS else "below zero or not finite"
                changed[f"{OF_GAS}{name} {words} set to zero"] = int(wrong.sum())
                mended[name] = np.where(wrong, 0.0, values)
        if not changed:
            return snapshot
        elements = {name: mended.pop(name, values) for name, values in gas.elements.items()}
        gas = replace(gas, **mended, elements=elements)
        return replace(snapshot, gas=gas, changed=added(snapshot.changed, changed))


def odd(table: Stars | Gas, finite: Iterable[str], positive: Iterable[str]) -> Masks:
    """Particles of which a number is none in single precision, or not above zero where it must be."""
    masks = {f"{name} is not a finite number in single precision": unusable(getattr(table, name)) for name in finite}
    return masks | {f"{name} is not positive in single precision": getattr(table, name) < SMALLEST for name in positive}


def kept(reasons: Masks, count: int) -> tuple[Bool[np.ndarray, " particle"], dict[str, int]]:
    """The particles that no mask strikes, and how many each reason took."""
    left, lost = np.ones(count, dtype=bool), {}
    for reason, mask in reasons.items():
        if number := int(np.sum(mask & left)):
            lost[reason] = number
            left &= ~mask
    return left, lost


def added(before: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    """Counts by reason, summed."""
    return before | {reason: before.get(reason, 0) + count for reason, count in more.items()}
