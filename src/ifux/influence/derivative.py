r"""Which particles move an observable: one reverse pass.

An observable is one number that an observer would measure of a galaxy. Its derivative with respect to every array of
every particle costs as much as a few cubes, whatever their number. An index, a mean velocity or a spin parameter does
not change when all masses are scaled: the derivatives with respect to mass, times mass, sum to zero.
"""

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.influence.base import AbstractObservable
from ifux.particles import Particles
from ifux.telescope import Telescope


@final
class Influence(eqx.Module):
    """An observable, and what moves it."""

    value: Float[Array, ""]
    """[unit]."""
    derivative: Particles
    """By every number of every particle [unit per kpc, km/s, solar mass, Gyr, and metallicity of one]."""
    unit: str = eqx.field(static=True)
    """Of the observable."""

    def of_removal(self, particles: Particles) -> Float[Array, " particle"]:
        """What taking one particle away would change, to first order in its mass [unit]."""
        return -particles.mass * self.derivative.mass


def influence(observable: AbstractObservable, telescope: Telescope, particles: Particles) -> Influence:
    """The value of an observable and its derivative by every array of the particles, in one reverse pass.

    An orientation that was `aligned_to` the particles is held: moving one of them does not turn the others.

    Raises:
        InputError: the telescope does not show the observable, or it is not a finite number.
    """
    observable.check(telescope)
    value, derivative = differentiated(particles, observable, telescope)
    if not bool(jnp.isfinite(value)):
        raise InputError(f"influence: the {type(observable).__name__} is {float(value)}: no light is in its aperture.")
    return Influence(value, derivative, observable.unit)


@eqx.filter_jit
def differentiated(particles: Particles, observable: AbstractObservable, telescope: Telescope):
    """Value and derivative."""
    return eqx.filter_value_and_grad(lambda particles: observable(telescope, particles))(particles)
