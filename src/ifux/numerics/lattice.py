"""A lattice of coarse nodes behind the fine ones of an axis, and around them: light is brought to it and back."""

from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

HIGHEST = jax.lax.Precision.HIGHEST

OVERLAP = 4
"""Coarse nodes at either end of an axis that lie among the fine ones: those that a spline just beyond these touches,
or, where those on the fine ones are of the fifth degree, two fine nodes from the last."""

SIDE = 2
"""Coarse nodes beside the nearest one, on either side, that a cubic spline touches."""


class Lattice(NamedTuple):
    """An axis whose first and last nodes are coarse, the others fine. All coarse nodes are evenly spaced.

    Behind the fine nodes there are coarse ones too, one for every few of them and in their middle: they are no nodes of
    the axis.
    """

    fine: int
    """Number of fine nodes."""
    ring: int
    """Coarse nodes at either end."""
    coarse: int
    """Fine nodes from one coarse node to the next."""

    @property
    def origin(self) -> float:
        """Where the first coarse node behind the fine ones is [fine node]."""
        return (self.coarse - 1) / 2

    @property
    def before(self) -> int:
        """Coarse nodes before that one, and after the last."""
        return self.ring - OVERLAP

    @property
    def blocks(self) -> int:
        """Coarse nodes behind the fine ones; the last may have fewer of these."""
        return -(-self.fine // self.coarse)

    @property
    def size(self) -> int:
        """Number of all coarse nodes."""
        return self.blocks + 2 * self.before

    @property
    def right(self) -> int:
        """The first coarse node of those at the upper end."""
        return self.size - self.ring

    def gathered(self, light: Float[Array, "lead node trail"], degree: int) -> Float[Array, "lead coarse trail"]:
        """All light of an axis on coarse nodes, each fine node spread by a cubic B-spline: none is lost or made.

        The B-spline of a degree with which light came to fine nodes is taken out: what came to coarse ones has none.
        """
        lead, size, trail = light.shape
        fine = light[:, self.ring : size - self.ring]
        fine = jnp.pad(fine, ((0, 0), (0, self.blocks * self.coarse - self.fine), (0, 0)))
        fine = fine.reshape(lead, self.blocks, self.coarse, trail)
        weights = jnp.asarray(weights_within(self.coarse, (degree + 1) / 12), light.dtype)
        parts = [
            (0, light[:, : self.ring]),
            (self.right, light[:, size - self.ring :]),
            *enumerate(jnp.einsum("js,abjc->sabc", weights, fine, precision=HIGHEST), self.before - SIDE),
        ]
        return reduce(
            jnp.add,
            (jnp.pad(part, ((0, 0), (first, self.size - first - part.shape[1]), (0, 0))) for first, part in parts),
        )


def refined(values: Float[Array, "lead coarse trail"], coarse: int) -> Float[Array, "lead node trail"]:
    """The spline with these coefficients at fine nodes, `coarse` to every coarse one but for two at either end."""
    lead, size, trail = values.shape
    blocks = size - 2 * SIDE
    near = jnp.stack([values[:, step : step + blocks] for step in range(2 * SIDE + 1)])
    weights = jnp.asarray(weights_within(coarse), values.dtype)
    return jnp.einsum("js,sabc->abjc", weights, near, precision=HIGHEST).reshape(lead, blocks * coarse, trail)


def weights_within(coarse: int, variance: float = 0.0) -> Float[np.ndarray, "node five"]:
    """Cubic B-splines of five coarse nodes at the fine nodes around the one in the middle.

    Narrowed by a variance [fine node^2], to its first order: by half of it times the second derivative.
    """
    offset = (np.arange(coarse)[:, None] - (coarse - 1) / 2) / coarse - np.arange(-SIDE, SIDE + 1)[None, :]
    distance = np.abs(offset)
    value = np.where(distance < 1, 2 / 3 - distance**2 * (1 - distance / 2), np.maximum(2 - distance, 0) ** 3 / 6)
    bend = np.where(distance < 1, 3 * distance - 2, np.maximum(2 - distance, 0))
    return value - variance / (2 * coarse**2) * bend
