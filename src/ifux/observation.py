"""A telescope and the galaxy that it looks at."""

from typing import Any, Generic, TypeVar, final, overload

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.particles import AbstractGalaxy
from ifux.spectrograph import Spectrograph
from ifux.telescope import Telescope

T = TypeVar("T", bound=Telescope | Spectrograph)


@final
class Observation(eqx.Module, Generic[T]):
    """A telescope and the galaxy that it looks at, as one tree: every gradient at once.

    Or a spectrograph, whose cubes are one for each arm: what fits a cube fits such a dictionary of them, and the
    likelihood is the product of theirs.
    """

    telescope: T
    galaxy: AbstractGalaxy
    """Particles, or a model that makes them."""

    @overload
    def __call__(self: "Observation[Telescope]", *, key: PRNGKeyArray | None = None) -> Float[Array, "y x wave"]: ...

    @overload
    def __call__(
        self: "Observation[Spectrograph]", *, key: PRNGKeyArray | None = None
    ) -> dict[str, Float[Array, "_ _ _"]]: ...

    def __call__(self, *, key: PRNGKeyArray | None = None) -> Any:
        """The data cube, or that of every arm [1e-20 erg/s/cm2/angstrom per spaxel]."""
        return self.telescope(self.galaxy, key=key)

    def expose(self, *, key: PRNGKeyArray | None = None) -> Any:
        """The spectra of the elements, or those of every arm: what data are to be compared with."""
        return self.telescope.expose(self.galaxy, key=key)

    def variance(self, elements: Any) -> Any:
        """Of the noise of noiseless elements, or of those of all arms."""
        if isinstance(self.telescope, Spectrograph):
            return {name: arm.noise.variance(elements[name]) for name, arm in self.telescope.arms.items()}
        return self.telescope.noise.variance(elements)
