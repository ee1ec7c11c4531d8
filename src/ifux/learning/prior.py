"""What is known of galaxies and views before a cube is seen."""

import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from ifux.errors import InputError
from ifux.fitting import AbstractDistribution, Freed, free
from ifux.fitting.fisher import labels
from ifux.observation import Observation
from ifux.spectrograph import Spectrograph
from ifux.telescope import Telescope

M = TypeVar("M", bound=eqx.Module)

FAR = 4.0
"""Free numbers within which a value is drawn, but for one in 16,000."""


@final
class Prior(eqx.Module, Generic[M]):
    """A model some leaves of which are drawn at random, each from a distribution of its own.

        prior = Prior.of(
            Observation(telescope, galaxy),
            inclination=(lambda o: o.telescope.orientation.inclination, Isotropic(20.0, 80.0)),
            disc_age=(lambda o: o.galaxy.disc_age, LogUniform(1.0, 12.0)),
        )
        observation = prior(prior.sample(key=key))

    A network sees the drawn leaves as one vector of free numbers, in the order in which they are named, all of them
    independent and standard normal.
    """

    freed: Freed[M]

    @staticmethod
    def of(model: M, **names: tuple[Callable[[M], Any], AbstractDistribution]) -> "Prior[M]":
        """A name for each leaf, with a function that selects it and its distribution.

        Raises:
            InputError: a name has no distribution, selects no array of real numbers, or one out of range, or a leaf has
                two names; or the library of a telescope does not reach its wavelengths at all redshifts that may be
                drawn.
        """
        freed = free(model, **names)[1]
        telescope = model.telescope if isinstance(model, Observation) else model
        for name, (where, distribution) in names.items():
            if not isinstance(distribution, AbstractDistribution):
                raise InputError(
                    f"Prior.of: {name} needs a distribution such as Uniform(0.0, 1.0), and has {distribution!r}, "
                    "whose free numbers are not standard normal."
                )
            if isinstance(telescope, Telescope | Spectrograph) and where(model) is telescope.target.redshift:
                low, high = np.asarray(distribution.forward(jnp.asarray([-FAR, FAR], telescope.target.redshift.dtype)))
                try:
                    telescope.check_reached((float(low), float(high)))
                except InputError as error:
                    raise InputError(f"Prior.of: {name}: {error}") from error
        return Prior(freed)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every free number, in the order given; for an entry of an array its name and its place."""
        return labels(self.freed.parameters())

    @property
    def size(self) -> int:
        """How many free numbers there are."""
        return self.flat()[0].size

    def flat(self) -> tuple[Float[Array, " parameter"], Callable]:
        """The free numbers of the model as it was, and the way back from a vector to names."""
        return ravel_pytree(self.freed.parameters())

    def __call__(self, numbers: Float[Array, " parameter"]) -> M:
        """The model that free numbers stand for."""
        return self.freed(self.flat()[1](numbers))

    def values(self, numbers: Float[Array, " parameter"]) -> Float[Array, " parameter"]:
        """The values that free numbers stand for, in the physical units of the leaves."""
        return ravel_pytree(self.freed.values(self.flat()[1](numbers)))[0]

    def sample(self, *, key: PRNGKeyArray) -> Float[Array, " parameter"]:
        """Free numbers at random."""
        like, _ = self.flat()
        return jax.random.normal(key, like.shape, like.dtype)

    def log_prob(self, numbers: Float[Array, " parameter"]) -> Float[Array, ""]:
        """Of free numbers."""
        return -0.5 * jnp.sum(numbers**2 + math.log(2 * math.pi))
