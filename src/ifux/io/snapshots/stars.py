"""Stars as they stand in a file, before the galaxy is centred."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

UNITS = {"position": "kpc", "velocity": "km/s", "mass": "Msun", "age": "Gyr", "metallicity": ""}
"""What every file must tell."""

PRESENT = "the file keeps no masses as formed: the present ones were taken, which are up to 0.2 dex lower"
"""A remark."""

YOUNGEST = 1e-6
"""Age of a star that formed in the very step of the snapshot [Gyr]: its logarithm is taken later."""


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
    ids: Int[np.ndarray, " particle"] | None = None
    """Identifiers, those of 64 bits without a sign wrapped into those with one."""
    potential: Float[np.ndarray, " particle"] | None = None
    """Gravitational potential [(km/s)^2]; only its lowest point matters."""
    alpha: Float[np.ndarray, " particle"] | None = None
    """[alpha/Fe] [dex]."""
    subhalo: Int[np.ndarray, "particle level"] | None = None
    """Numbers of the halo that a star belongs to, such as group and sub-group."""

    @property
    def count(self) -> int:
        """Number of stars."""
        return self.mass.size
