"""How much oxygen gas has."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.particles import Gas, Particles

SOLAR_OXYGEN = 8.69
"""12 + log(O/H) of the Sun: Asplund et al. (2009), ARA&A 47, 481, table 1."""
SOLAR_METALS = 0.0134
"""Mass fraction of metals in its photosphere: the same, table 4."""
WEIGHTS = 15.999 / 1.008
"""Of oxygen and hydrogen, one in units of the other."""


def oxygen(emitters: Gas | Particles) -> Float[Array, " cell"]:
    """Atoms of oxygen for one of hydrogen.

    By the mass fractions where the simulation counts both elements; else in proportion to all metals, as in the Sun. A
    cell without hydrogen, such as one that fills up a block, has none.
    """
    found = emitters.elements if isinstance(emitters, Gas) else {}
    if "O" not in found or "H" not in found:
        return emitters.metallicity * (10 ** (SOLAR_OXYGEN - 12) / SOLAR_METALS)
    has = found["H"] > 0
    return jnp.where(has, found["O"] / jnp.where(has, found["H"], 1) * (1 / WEIGHTS), 0)
