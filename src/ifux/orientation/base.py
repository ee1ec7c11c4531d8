"""What an orientation does: it turns the galaxy towards the observer."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.particles import Particles, Stars
from ifux.typing import AbstractLimited


def along(vectors: Float[Array, "particle 3"], axis: Float[Array, "3"]) -> Float[Array, " particle"]:
    """Components along an axis. Written out, since a CPU is slow at matrix products so narrow."""
    x, y, z = vectors.T
    return x * axis[0] + y * axis[1] + z * axis[2]


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

    def __call__(self, particles: Particles) -> Particles:
        """The particles in the sky frame."""
        axes = self.rotation()
        position, velocity = (
            jnp.stack([along(vectors, axis) for axis in axes], axis=1)
            for vectors in (particles.position, particles.velocity)
        )
        return eqx.tree_at(lambda p: (p.position, p.velocity), particles, (position, velocity))
