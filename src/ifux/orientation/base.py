"""What an orientation does: it turns the galaxy towards the observer."""

from abc import abstractmethod
from typing import TypeVar

import equinox as eqx
from jaxtyping import Array, Float

from ifux.particles import AbstractEmitters, Stars
from ifux.typing import AbstractLimited

E = TypeVar("E", bound=AbstractEmitters)


def turned(vectors: Float[Array, "particle 3"], axes: Float[Array, "3 3"]) -> Float[Array, "particle 3"]:
    """Components along axes. Written out, since a CPU is slow at matrix products so narrow."""
    x, y, z = (vectors[:, i, None] * axes[None, :, i] for i in range(3))
    return x + y + z


class AbstractOrientation(AbstractLimited):
    """A rotation from the galaxy frame to the sky frame (east, north, away), of determinant one."""

    @abstractmethod
    def rotation(self) -> Float[Array, "3 3"]:
        """The rotation matrix: its columns are the axes of the galaxy frame on the sky."""

    @abstractmethod
    def aligned_to(self, stars: Stars) -> "AbstractOrientation":
        """This orientation, its angles counted from the principal axes of the particles if it has to do with them.

        Called once for a galaxy, on concrete arrays. The alignment is then a constant: it is the same for every block
        and device, and moving a particle does not turn the others.
        """

    def __call__(self, emitters: E) -> E:
        """Particles or gas in the sky frame."""
        axes = self.rotation()
        seen = turned(emitters.position, axes), turned(emitters.velocity, axes)
        return eqx.tree_at(lambda e: (e.position, e.velocity), emitters, seen)
