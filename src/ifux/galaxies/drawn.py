"""Random numbers behind particles, drawn once."""

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.program_cache import kept


@kept
def drawn(
    key: PRNGKeyArray, count: int, normals: int
) -> tuple[Float[Array, "particle 4"], Float[Array, "particle normal"]]:
    """Random numbers of so many particles, four uniform and so many normal ones each, by one program."""
    places, motions = jax.random.split(key)
    uniform = jax.random.uniform(places, (count, 4), dtype=float, minval=1e-6, maxval=1 - 1e-6)
    return uniform, jax.random.normal(motions, (count, normals), dtype=float)
