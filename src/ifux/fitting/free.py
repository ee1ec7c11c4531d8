"""Which leaves of a model are free, by name, what is known of them before, and how to put them back."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ifux.errors import InputError
from ifux.fitting.bijections import AbstractBijection, Interval
from ifux.fitting.distributions import AbstractDistribution

M = TypeVar("M", bound=eqx.Module)

Parameters = dict[str, Float[Array, "..."]]
"""Free numbers by name, each of them any real number. Those of `free` stand in the order given, which JAX keeps for an
`OrderedDict` alone."""

Name = (
    tuple[Callable[[Any], Any], AbstractBijection] | tuple[Callable[[Any], Any], AbstractBijection, AbstractBijection]
)
"""Where a free leaf stands, the range of its values, and what is known of it before if the range does not say it."""


@final
class Freed(eqx.Module, Generic[M]):
    """A model of which some leaves are free: call it with parameters to have the model that they stand for."""

    model: M
    """The leaves that are not free, and the free ones as they were."""
    bijections: dict[str, AbstractBijection]
    priors: dict[str, AbstractBijection]
    """Of the names that have one beside their bijection; a bijection may be one itself."""
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
        return each(lambda name, number: self.bijections[name].forward(number), parameters)

    def parameters(self) -> Parameters:
        """The parameters of the model as it was."""
        leaves = OrderedDict((name, jnp.asarray(where(self.model))) for name, where in self.places)
        return each(lambda name, leaf: self.bijections[name].inverse(leaf), leaves)

    def deviations(self, parameters: Parameters) -> Parameters:
        """The standard normal numbers of the priors, which measure how far a value is from what was expected.

        Zero for a name without a prior. Half of the sum of their squares is what a prior adds to a loss. It is minus
        the logarithm of the density of these numbers, so that the most probable values are the same whatever the
        bijection that they are fitted by.
        """
        return each(self.deviation, parameters)

    def deviation(self, name: str, number: Float[Array, "..."]) -> Float[Array, "..."]:
        """The same for one name."""
        bijection = self.bijections[name]
        if name in self.priors:
            return self.priors[name].inverse(bijection.forward(number))
        return number if isinstance(bijection, AbstractDistribution) else jnp.zeros_like(number)

    def deviating(self, deviations: Parameters) -> Parameters:
        """The parameters of such deviations, which where there is no prior are the parameters of the model as it was.

        The inverse of `deviations`: of standard normal numbers it makes a draw from the priors, not finite where that
        lies outside of the range.
        """

        now = self.parameters()

        def number(name: str, deviation: Float[Array, "..."]) -> Float[Array, "..."]:
            if name in self.priors:
                return self.bijections[name].inverse(self.priors[name].forward(deviation))
            return deviation if self.expected(name) else now[name]

        return each(number, deviations)

    def expected(self, name: str) -> bool:
        """Whether a name has a prior."""
        return name in self.priors or isinstance(self.bijections[name], AbstractDistribution)

    def log_prior(self, parameters: Parameters) -> Float[Array, ""]:
        """Of the density of the free numbers, for samplers and importance weights.

        Where a name has no prior, all values of an `Interval` are alike, all steps of a `Real`, all ratios of a
        `Positive`: the density of these two is no distribution, and is taken for one.
        """
        terms = [self.log_density(name, number) for name, number in parameters.items()]
        return jnp.sum(jnp.stack(terms))

    def log_density(self, name: str, number: Float[Array, "..."]) -> Float[Array, ""]:
        """The same for one name."""
        if self.expected(name):
            units = jnp.ones_like(number)
            deviation, change = jax.jvp(lambda number: self.deviation(name, number), (number,), (units,))
            return jnp.sum(jnp.log(change) - 0.5 * deviation**2 - 0.5 * math.log(2 * math.pi))
        if isinstance(self.bijections[name], Interval):
            return -jnp.sum(jax.nn.softplus(number) + jax.nn.softplus(-number))
        return jnp.zeros((), number.dtype)


def free(model: M, **names: Name) -> tuple[Parameters, Freed[M]]:
    """Frees some leaves of a telescope, of a galaxy, or of an `Observation` that holds both.

        parameters, model = free(telescope, seeing=(lambda t: t.psf.fwhm, Positive()))
        telescope = model(parameters)

    Nothing else is free. `parameters` is what an optimiser steps; `model` holds the rest, and is a module: give it to
    `jit` as an argument. The other way, without names or ranges, is Equinox's own: a `filter_spec` and `eqx.partition`,
    which the README shows.

    What is known before is a distribution of the value. It stands in place of the range, and the free numbers are
    standard normal; or beside it, as in `(where, Interval(0.0, 0.1), LogNormal(0.02, 0.2))`. A range alone says no more
    than its limits.

    Args:
        model: Any module.
        **names: A name for each leaf, with a function that selects it, the range of its values or their distribution,
            and their distribution if the range is none.

    Raises:
        InputError: a name selects no array of real numbers, or one that is out of range, or a leaf has two names, or
            what should be a range or a distribution is not.
    """
    taken: dict[int, str] = {}
    for name, given in names.items():
        if not (isinstance(given, tuple) and len(given) in (2, 3) and isinstance(given[1], AbstractBijection)):
            raise InputError(
                f"free: {name} must be a function that selects a leaf and the range of its values, such as "
                f"(lambda t: t.psf.fwhm, Positive()), and is {given!r}."
            )
        leaf = given[0](model)
        if not eqx.is_inexact_array(leaf):
            raise InputError(f"free: {name} must select one array of real numbers, but selects {leaf!r}.")
        for range_ in given[1:]:
            check(name, leaf, range_)
        if len(given) == 3 and not isinstance(given[2], AbstractDistribution):
            raise InputError(f"free: {name} has {given[2]} for a prior: give a distribution, such as Normal.")
        if (other := taken.setdefault(id(leaf), name)) != name:
            raise InputError(f"free: {other} and {name} are the same leaf: free it once.")
    freed = Freed(
        model,
        {name: given[1] for name, given in names.items()},
        {name: given[2] for name, given in names.items() if len(given) == 3},
        tuple((name, given[0]) for name, given in names.items()),
    )
    return jax.tree.map(lambda leaf: jnp.asarray(leaf), freed.parameters()), freed


def each(function: Callable[[str, Array], Array], parameters: Parameters) -> Parameters:
    """What a function makes of every name and its numbers, in the order in which they stand."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: function(path[0].key, leaf), parameters)


def check(name: str, leaf: Float[Array, "..."], bijection: AbstractBijection) -> None:
    """That a leaf has values that a range allows."""
    if not bool(jnp.isfinite(bijection.inverse(leaf)).all()):
        low, high = float(jnp.min(leaf)), float(jnp.max(leaf))
        found = f"{low:g}" if low == high else f"between {low:g} and {high:g}"
        raise InputError(f"free: {name} is {found}, which is outside of {bijection}.")
