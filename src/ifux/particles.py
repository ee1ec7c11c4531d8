"""Star particles: in the frame of their galaxy, and as an observer sees them."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol, final, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.typing import real, real_if_any


class AbstractGalaxy(eqx.Module):
    """Anything that can be turned into star particles: particles themselves, a parametric model, a network."""

    @abstractmethod
    def particles(self) -> "Particles":
        """The star particles in the galaxy frame."""


@final
class Particles(AbstractGalaxy):
    """Star particles in the frame of their galaxy, centred and at rest. Every array can be differentiated."""

    position: Float[Array, "particle 3"] = eqx.field(converter=real)
    """Offset from the centre of the galaxy [kpc, physical]."""
    velocity: Float[Array, "particle 3"] = eqx.field(converter=real)
    """Velocity relative to the galaxy [km/s]."""
    mass: Float[Array, " particle"] = eqx.field(converter=real)
    """Stellar mass *as formed* [solar mass]."""
    age: Float[Array, " particle"] = eqx.field(converter=real)
    """Time since formation, at the time of the snapshot [Gyr]."""
    metallicity: Float[Array, " particle"] = eqx.field(converter=real)
    """Mass fraction of metals Z."""
    alpha: Float[Array, " particle"] | None = eqx.field(converter=real_if_any, default=None)
    """[alpha/Fe] [dex]; None where all have that of the library stage. Without effect on a library of one mixture."""

    def __check_init__(self):
        shapes = {
            "position": (self.count, 3),
            "velocity": (self.count, 3),
            "mass": (self.count,),
            "age": (self.count,),
            "metallicity": (self.count,),
        }
        if self.alpha is not None:
            shapes["alpha"] = (self.count,)
        for name, expected in shapes.items():
            if (shape := getattr(self, name).shape) != expected:
                raise ValueError(
                    f"Particles.{name} has shape {shape}, but mass has {self.count} particles, "
                    f"so {name} must have shape {expected}."
                )

    @property
    def count(self) -> int:
        """Number of particles."""
        return self.mass.size

    def particles(self) -> "Particles":
        """The particles themselves."""
        return self

    def blocks(self, size: int) -> Iterator["Particles"]:
        """The particles in their order, so many at a time; fewer in the last block."""
        for start in range(0, self.count, size):
            yield jax.tree.map(lambda leaf, start=start: leaf[start : start + size], self)

    def filled(self, count: int) -> "Particles":
        """Filled up to a count with particles without mass, so that one program serves all blocks."""
        spare = count - self.count
        return jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, spare)] + [(0, 0)] * (leaf.ndim - 1)), self)


@runtime_checkable
class Stars(Protocol):
    """Particles in memory, or in a file that may be larger than it."""

    @property
    def count(self) -> int:
        """Number of particles."""
        ...

    def blocks(self, size: int) -> Iterator[Particles]:
        """The particles, at most so many at a time."""
        ...


@final
class Projected(eqx.Module):
    """Star particles as the telescope sees them. (east, north, away) is right-handed."""

    sky: Float[Array, "particle 2"]
    """Offset from the centre of the field to the (east, north) [arcsec]."""
    depth: Float[Array, " particle"]
    """Distance behind the centre of the galaxy, away from the observer [kpc]."""
    velocity: Float[Array, " particle"]
    """Line-of-sight velocity relative to the systemic one, receding is positive [km/s]."""
    mass: Float[Array, " particle"]
    """Stellar mass as formed [solar mass]."""
    age: Float[Array, " particle"]
    """Time since formation [Gyr]."""
    metallicity: Float[Array, " particle"]
    """Mass fraction of metals Z."""
    alpha: Float[Array, " particle"] | None = None
    """[alpha/Fe] [dex], where the particles have their own."""
