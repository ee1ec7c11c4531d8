"""What shines: star particles and gas, in the frame of their galaxy and as an observer sees them."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Protocol, TypeVar, final, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ifux.program_cache import kept
from ifux.typing import AbstractLimited, check_one, ready, real, real_if_any

E = TypeVar("E", bound="AbstractEmitters")


class AbstractGalaxy(AbstractLimited):
    """Anything that can be turned into star particles: particles themselves, a parametric model, a network."""

    @abstractmethod
    def particles(self) -> "Particles":
        """The star particles in the galaxy frame."""


class AbstractGasGalaxy(AbstractGalaxy):
    """A galaxy that has gas, too."""

    @abstractmethod
    def gas(self) -> "Gas":
        """The gas in the galaxy frame, that of the stars."""


class AbstractEmitters(AbstractLimited):
    """What shines from places in the frame of a galaxy, each with a velocity."""

    position: eqx.AbstractVar[Float[Array, "emitter 3"]]
    """Offset from the centre of the galaxy [kpc, physical]."""
    velocity: eqx.AbstractVar[Float[Array, "emitter 3"]]
    """Velocity relative to the galaxy [km/s]."""

    @property
    def count(self) -> int:
        """Number of them."""
        return self.position.shape[0]

    def blocks(self: E, size: int) -> Iterator[E]:
        """All of them in their order, so many at a time; fewer in the last block."""
        for start in range(0, self.count, size):
            yield jax.tree.map(lambda leaf, start=start: leaf[start : start + size], self)

    def filled(self: E, count: int) -> E:
        """Filled up to a count with dark ones, all of whose numbers are zero, so that one program serves all blocks."""
        spare = count - self.count
        if not spare:
            return self
        return jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, spare)] + [(0, 0)] * (leaf.ndim - 1)), self)


@final
class Particles(AbstractGalaxy, AbstractEmitters):
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
    mixture: Float[Array, "particle basis"] | None = eqx.field(converter=real_if_any, default=None)
    """How much of each basis spectrum is in one solar mass; None where the library stage finds it by age and metals."""

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
        if self.mixture is not None:
            shapes["mixture"] = (self.count, self.mixture.shape[-1])
        for name, expected in shapes.items():
            if (shape := getattr(self, name).shape) != expected:
                raise ValueError(
                    f"Particles.{name} has shape {shape}, but mass has {self.count} particles, "
                    f"so {name} must have shape {expected}."
                )

    def particles(self) -> "Particles":
        """The particles themselves."""
        return self


def stars_of(galaxy: AbstractGalaxy) -> Particles:
    """The star particles of one galaxy, in single precision at least.

    Raises:
        ValueError: it has none, or is a batch of several.
    """
    if not isinstance(galaxy, AbstractGalaxy):
        raise ValueError(f"A telescope observes Particles or a model that makes them, and no {type(galaxy).__name__}.")
    check_one(galaxy)
    return ready(galaxy.particles())


def gas_of(galaxy: AbstractGalaxy) -> "Gas | None":
    """The gas of one galaxy, in single precision at least; None where it has none.

    Raises:
        ValueError: it is a batch of several.
    """
    if not isinstance(galaxy, AbstractGasGalaxy):
        return None
    check_one(galaxy)
    return ready(galaxy.gas())


def particles_of(galaxy: AbstractGalaxy) -> "Particles":
    """The particles of a galaxy, made by one program where there is none yet."""
    return Particles(**columns_of(galaxy))


def cells_of(galaxy: AbstractGalaxy) -> "Gas | None":
    """The gas of a galaxy, made by one program where there is none yet; None where it has none."""
    return Gas(**gas_columns_of(galaxy)) if isinstance(galaxy, AbstractGasGalaxy) else None


@kept
def columns_of(galaxy: AbstractGalaxy) -> dict[str, Any]:
    """The fields of its particles, by name."""
    particles = galaxy.particles()
    return {field.name: getattr(particles, field.name) for field in fields(particles)}


@kept
def gas_columns_of(galaxy: AbstractGasGalaxy) -> dict[str, Any]:
    """The fields of its gas, by name."""
    gas = galaxy.gas()
    return {field.name: getattr(gas, field.name) for field in fields(gas)}


def reals(columns: Mapping[str, ArrayLike]) -> dict[str, Float[Array, "..."]]:
    """Each of several columns as `real` makes it."""
    return {name: real(values) for name, values in columns.items()}


def real_or_none(x: ArrayLike | None) -> Float[Array, "..."] | None:
    """As `real`, for what may be absent."""
    return None if x is None else real(x)


@final
class Gas(AbstractEmitters):
    """Gas particles or cells in the frame of their galaxy, that of its stars. Every array can be differentiated."""

    position: Float[Array, "cell 3"] = eqx.field(converter=real)
    """Offset from the centre of the galaxy [kpc, physical]."""
    velocity: Float[Array, "cell 3"] = eqx.field(converter=real)
    """Velocity relative to the galaxy [km/s]."""
    mass: Float[Array, " cell"] = eqx.field(converter=real)
    """[solar mass]."""
    density: Float[Array, " cell"] = eqx.field(converter=real)
    """[solar mass/kpc^3]."""
    temperature: Float[Array, " cell"] = eqx.field(converter=real)
    """[K]. Of star-forming gas on an effective equation of state it is that of no phase."""
    metallicity: Float[Array, " cell"] = eqx.field(converter=real)
    """Mass fraction of metals Z."""
    star_formation_rate: Float[Array, " cell"] = eqx.field(converter=real)
    """[solar mass/yr]."""
    smoothing_length: Float[Array, " cell"] = eqx.field(converter=real)
    """[kpc], as the simulation defines it; of cells the radius of a ball of their volume."""
    electron_abundance: Float[Array, " cell"] | None = eqx.field(converter=real_or_none, default=None)
    """Electrons per hydrogen nucleus, where the simulation counts them."""
    elements: dict[str, Float[Array, " cell"]] = eqx.field(converter=reals, default_factory=dict)
    """Mass fractions by chemical symbol, those that the simulation counts."""

    def __check_init__(self):
        optional = {"electron_abundance": self.electron_abundance} | self.elements
        for name in ("position", "velocity"):
            if (shape := getattr(self, name).shape) != (self.count, 3):
                raise ValueError(
                    f"Gas.{name} has shape {shape}, but mass has {self.count} particles, so it must have "
                    f"shape {(self.count, 3)}."
                )
        for name in ("density", "temperature", "metallicity", "star_formation_rate", "smoothing_length"):
            optional[name] = getattr(self, name)
        for name, values in optional.items():
            if values is not None and values.shape != (self.count,):
                raise ValueError(
                    f"Gas.{name} has shape {values.shape}, but mass has {self.count} particles, so it must have "
                    f"shape {(self.count,)}."
                )


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


@runtime_checkable
class Cells(Protocol):
    """Gas in memory, or in a file that may be larger than it."""

    @property
    def count(self) -> int:
        """Number of particles or cells."""
        ...

    def blocks(self, size: int) -> Iterator[Gas]:
        """The gas, at most so many particles or cells at a time."""
        ...


class AbstractSeen(eqx.Module):
    """What shines as the telescope sees it. (east, north, away) is right-handed."""

    sky: eqx.AbstractVar[Float[Array, "emitter 2"]]
    """Offset from the centre of the field to the (east, north) [arcsec]."""
    depth: eqx.AbstractVar[Float[Array, " emitter"]]
    """Distance behind the centre of the galaxy, away from the observer [kpc]."""
    velocity: eqx.AbstractVar[Float[Array, " emitter"]]
    """Line-of-sight velocity relative to the systemic one, receding is positive [km/s]."""
    brightness: eqx.AbstractVar[Float[Array, " emitter"] | None]
    """Flux over that of the same light at the centre of the galaxy, where each has a distance of its own."""


@final
class Seen(AbstractSeen):
    """Places and velocities on the sky, whatever shines there."""

    sky: Float[Array, "emitter 2"]
    depth: Float[Array, " emitter"]
    velocity: Float[Array, " emitter"]
    brightness: Float[Array, " emitter"] | None = None


@final
class Projected(AbstractSeen):
    """Star particles as the telescope sees them."""

    sky: Float[Array, "particle 2"]
    depth: Float[Array, " particle"]
    velocity: Float[Array, " particle"]
    mass: Float[Array, " particle"]
    """Stellar mass as formed [solar mass]."""
    age: Float[Array, " particle"]
    """Time since formation [Gyr]."""
    metallicity: Float[Array, " particle"]
    """Mass fraction of metals Z."""
    alpha: Float[Array, " particle"] | None = None
    """[alpha/Fe] [dex], where the particles have their own."""
    mixture: Float[Array, "particle basis"] | None = None
    """How much of each basis spectrum is in one solar mass, where the particles say it themselves."""
    brightness: Float[Array, " particle"] | None = None

    @property
    def seen_mass(self) -> Float[Array, " particle"]:
        """Mass that is as bright at the centre of the galaxy as what is seen here [solar mass]."""
        return self.mass if self.brightness is None else self.mass * self.brightness
