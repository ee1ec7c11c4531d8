"""A galaxy as it comes out of a file: its stars and gas, where it stands, and what was done to it on the way in."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Array, Float

from ifux.galaxies import StarsAndGas
from ifux.particles import AbstractGalaxy, Cells, Gas, Particles, Stars

S = TypeVar("S", bound=Stars)


@dataclass(frozen=True)
class Cosmology:
    """The universe that a simulation was run in."""

    hubble: float
    """H0 / (100 km/s/Mpc)."""
    matter: float
    """Density of matter today in units of the critical one."""


@dataclass(frozen=True)
class Galaxy(Generic[S]):
    """What a reader returns. `telescope(galaxy.model)` observes it.

    It is no PyTree: names and counts would recompile the program for every galaxy.
    """

    stars: S
    """Centred on the galaxy and at rest with it, in physical units at the time of the snapshot."""
    redshift: float
    """Redshift of the snapshot. The telescope's target has its own: a galaxy can be observed from anywhere."""
    source: str = ""
    """File and object that it was read from."""
    format: str = "arrays"
    """Layout of the file."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Particles left out, counted by reason."""
    changed: dict[str, int] = field(default_factory=dict)
    """Particles kept with a changed value, counted by reason."""
    notes: tuple[str, ...] = ()
    """What a careful user should know: the centre that was found, ids that were rounded, headers that lie."""
    gas: Cells | None = None
    """In the frame of the stars; None where the file has none."""
    cosmology: Cosmology | None = None
    """That of the simulation, where the file states it."""

    @property
    def model(self: "Galaxy[Particles]") -> AbstractGalaxy:
        """The stars, and the gas where there is any, for a telescope or an `Observation`.

        Raises:
            ValueError: they are in a file, of which `ifux.run` takes block after block.
        """
        if not isinstance(self.stars, Particles) or not isinstance(self.gas, Gas | None):
            raise ValueError(f"{self.source} is left in its file: read it with ifux.io.read_galaxy to have it whole.")
        return StarsAndGas(self.stars, self.gas) if self.gas is not None and self.gas.count else self.stars

    def report(self) -> str:
        """The summary that `ifux inspect` prints, one fact a line."""
        lines = [f"{self.format} galaxy {self.source}".rstrip()]
        lines += [f"  redshift {self.redshift:.5f}, {self.stars.count} star particles"]
        if isinstance(self.stars, Particles):
            lines += [f"  formed mass {total(self.stars.mass):.4e} Msun"] if self.stars.count else []
        if self.gas is not None and self.gas.count:
            words = f"  {self.gas.count} gas particles"
            if isinstance(self.gas, Gas):
                mass, rate = total(self.gas.mass), total(self.gas.star_formation_rate)
                words += f", {mass:.4e} Msun, forming {rate:.4g} Msun/yr of stars"
            lines.append(words)
        if self.cosmology is not None:
            lines += [f"  H0 {100 * self.cosmology.hubble:.6g} km/s/Mpc, matter {self.cosmology.matter:.6g}"]
        lines += [f"  dropped {count}: {reason}" for reason, count in self.dropped.items() if count]
        lines += [f"  changed {count}: {reason}" for reason, count in self.changed.items() if count]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def total(values: Float[Array, " particle"]) -> float:
    """A sum in double precision on the host."""
    return float(np.sum(np.asarray(values, dtype=np.float64)))
