"""Stars as they stand in a file, before the galaxy is centred."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from ifux.errors import InputError

POOREST = 1e-10
"""Mass fraction given to a star whose metallicity is zero or negative: what TNG seeds its gas with."""

COLUMNS = ("position", "velocity", "mass", "age", "metallicity")

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Stars:
    """Stars in double precision on the host, in physical units, where their simulation has them."""

    position: Float[np.ndarray, "particle 3"]
    """[kpc]."""
    velocity: Float[np.ndarray, "particle 3"]
    """Peculiar velocity [km/s]."""
    mass: Float[np.ndarray, " particle"]
    """As formed [solar mass]."""
    age: Float[np.ndarray, " particle"]
    """At the time of the snapshot [Gyr]."""
    metallicity: Float[np.ndarray, " particle"]
    """Mass fraction."""
    redshift: float = 0.0
    box: Float[np.ndarray, "3"] | None = None
    """Period of the positions [kpc], where they have one."""
    source: str = ""
    format: str = "arrays"
    dropped: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of stars."""
        return self.mass.size

    def without(self, reasons: dict[str, Bool[np.ndarray, " particle"]]) -> "Stars":
        """The stars that no mask strikes, counting each lost one under the first reason that does."""
        left = np.ones(self.count, dtype=bool)
        dropped = dict(self.dropped)
        for reason, mask in reasons.items():
            if lost := int(np.sum(mask & left)):
                dropped[reason] = dropped.get(reason, 0) + lost
                left &= ~mask
        if left.all():
            return self
        return replace(
            self,
            position=self.position[left],
            velocity=self.velocity[left],
            mass=self.mass[left],
            age=self.age[left],
            metallicity=self.metallicity[left],
            dropped=dropped,
        )

    def sane(self) -> "Stars":
        """The stars that can shine: finite, of positive mass, born, with a metallicity that has a logarithm.

        A metallicity of zero or below is kept as 1e-10, which every library clamps to its poorest population.
        """
        odd = {}
        for name in COLUMNS:
            small = np.abs(getattr(self, name)) < LARGEST
            odd[f"{name} is not a finite number in single precision"] = ~(
                small if small.ndim == 1 else small.all(axis=1)
            )
        stars = self.without(
            odd
            | {
                "mass is not positive": self.mass <= 0,
                "age is negative": self.age < 0,
                "metallicity is above one, so no mass fraction": self.metallicity > 1,
            }
        )
        barren = stars.metallicity <= 0
        if not barren.any():
            return stars
        reason = f"metallicity of zero or below set to {POOREST:g}"
        return replace(
            stars,
            metallicity=np.where(barren, POOREST, stars.metallicity),
            changed=stars.changed | {reason: stars.changed.get(reason, 0) + int(barren.sum())},
        )


def check_shapes(where: str, columns: dict[str, np.ndarray]):
    """Raises an error unless all columns speak of the same stars, three coordinates each."""
    count = columns["mass"].size
    for name, values in columns.items():
        shape = (count, 3) if name in ("position", "velocity") else (count,)
        if values.shape != shape:
            raise InputError(f"{where}: {name} has shape {values.shape}, but with {count} masses it must be {shape}.")
