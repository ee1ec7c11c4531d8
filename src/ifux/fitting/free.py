"""Which leaves of a model are free, by name, and how to put them back."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.fitting.bijections import AbstractBijection

M = TypeVar("M", bound=eqx.Module)

Parameters = dict[str, Float[Array, "..."]]
"""Free numbers by name, each of them any real number."""


@final
class Freed(eqx.Module, Generic[M]):
    """A model of which some leaves are free: call it with parameters to have the model that they stand for."""

    model: M
    """The leaves that are not free, and the free ones as they were."""
    bijections: dict[str, AbstractBijection]
    places: tuple[tuple[str, Callable[[Any], Any]], ...] = eqx.field(static=True)

    def __call__(self, parameters: Parameters) -> M:
        """The model with the free leaves replaced."""
        values = self.values(parameters)
        return eqx.tree_at(
            lambda model: [where(model) for _, where in self.places],
            self.model,
            [values[name] for name, _ in self.places],
        )

    def values(self, parameters: Parameters) -> Parameters:
        """The physical values that the parameters stand for, in the units of the leaves."""
        return {name: bijection.forward(parameters[name]) for name, bijection in self.bijections.items()}

    def parameters(self) -> Parameters:
        """The parameters of the model as it was."""
        return {name: self.bijections[name].inverse(jnp.asarray(where(self.model))) for name, where in self.places}


def free(model: M, **names: tuple[Callable[[M], Any], AbstractBijection]) -> tuple[Parameters, Freed[M]]:
    """Frees some leaves of a telescope, of a galaxy, or of an `Observation` that holds both.

        parameters, model = free(telescope, seeing=(lambda t: t.psf.fwhm, Positive()))
        telescope = model(parameters)

    Nothing else is free. `parameters` is what an optimiser steps; `model` holds the rest, and is a module: give it to
    `jit` as an argument. The other way, without names or ranges, is Equinox's own: a `filter_spec` and `eqx.partition`,
    which the README shows.

    Args:
        model: Any module.
        **names: A name for each leaf, with a function that selects it and the range of its values.

    Raises:
        InputError: a name selects no array of real numbers, or one that is out of range, or a leaf has two names.
    """
    taken: dict[int, str] = {}
    for name, pair in names.items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], AbstractBijection)):
            raise InputError(
                f"free: {name} must be a function that selects a leaf and the range of its values, such as "
                f"(lambda t: t.psf.fwhm, Positive()), and is {pair!r}."
            )
        where, bijection = pair
        leaf = where(model)
        if not eqx.is_inexact_array(leaf):
            raise InputError(f"free: {name} must select one array of real numbers, but selects {leaf!r}.")
        if not bool(jnp.isfinite(bijection.inverse(leaf)).all()):
            low, high = float(jnp.min(leaf)), float(jnp.max(leaf))
            found = f"{low:g}" if low == high else f"between {low:g} and {high:g}"
            raise InputError(f"free: {name} is {found}, which is outside of {bijection}.")
        if (other := taken.setdefault(id(leaf), name)) != name:
            raise InputError(f"free: {other} and {name} are the same leaf: free it once.")
    freed = Freed(
        model, {name: pair[1] for name, pair in names.items()}, tuple((name, pair[0]) for name, pair in names.items())
    )
    return jax.tree.map(lambda leaf: jnp.asarray(leaf), freed.parameters()), freed
