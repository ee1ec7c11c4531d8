"""How numbers enter modules, and what the fields that hold them say of them.

A field may say between which limits its number makes sense, and that its numbers are data, which nobody is to fit:

    fwhm: Float[Array, ""] = eqx.field(converter=real, metadata=within(above=0))
    age: Float[Array, " age"] = eqx.field(converter=real, metadata=DATA)
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, PyTree

T = TypeVar("T")


def real(x: ArrayLike | Sequence) -> Float[Array, "..."]:
    """A floating-point array of the default precision: the converter of every leaf that may be fitted.

    The explicit dtype drops weak types, which would recompile a program after the first optimiser step. Numbers that
    are on the host are converted there: on the device, JAX makes a program for each shape.
    """
    if all(on_host(number) for number in (x if isinstance(x, list | tuple) else [x])):
        x = np.asarray(x, dtype=jax.dtypes.canonicalize_dtype(float))
    return jnp.asarray(x, dtype=float)


def on_host(x: Any) -> bool:
    """A number or an array of real numbers of Python's or NumPy's."""
    return isinstance(x, int | float) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fiub")


def decimal(number: ArrayLike) -> float:
    """The double with the fewest digits that is a number in its own precision: 0.2 for what single precision has of it.

    On the host.
    """
    return float(str(np.asarray(number)[()]))


def real_if_any(x: ArrayLike | Sequence | None) -> Float[Array, "..."] | None:
    """The same for a leaf that may be absent."""
    return None if x is None else real(x)


def ranges(given: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    """Pairs of numbers, as JSON gives them, in a form that can be compared and hashed."""
    return tuple((float(low), float(high)) for low, high in given)


DATA = {"data": True}
"""Metadata of a field whose numbers are data: no parameter of a model is among them."""


@dataclass(frozen=True)
class Limits:
    """Where a number makes sense."""

    above: float | None = None
    """It is greater than this,"""
    least: float | None = None
    """not below this,"""
    most: float | None = None
    """and not greater than this."""
    instead: str = ""
    """What would do, to end a sentence with."""

    def breach(self, value: Any) -> str | None:
        """What is wrong with a number or an array, after which its sentence goes on; None if nothing is.

        The value of a tracer is not asked, nor that of an array which other hosts hold.
        """
        if isinstance(value, Tracer) or not isinstance(value, int | float | tuple | np.ndarray | jax.Array):
            return None
        if isinstance(value, jax.Array) and not value.is_fully_addressable:
            return None
        number = np.asarray(jax.device_get(value), np.float64)
        wrong = None
        if np.isnan(number).any():
            wrong = "is not a number"
        elif self.above is not None and not (number > self.above).all():
            wrong = f"is not greater than {spelled(self.above)}"
        elif self.least is not None and not (number >= self.least).all():
            wrong = f"is below {spelled(self.least)}"
        elif self.most is not None and not (number <= self.most).all():
            wrong = f"is greater than {spelled(self.most)}"
        return wrong and f"{wrong}{'; ' if self.instead else ''}{self.instead}"


def spelled(number: float) -> str:
    """A number as a sentence has it."""
    return {0.0: "zero", 1.0: "one"}.get(number, f"{number:g}")


def within(
    *, above: float | None = None, least: float | None = None, most: float | None = None, instead: str = ""
) -> dict[str, Limits]:
    """Metadata of a field whose number makes sense between limits."""
    return {"limits": Limits(above, least, most, instead)}


class AbstractLimited(eqx.Module):
    """A module that cannot be made of concrete numbers beyond the limits of its fields."""

    def __check_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "limits" in field.metadata and (wrong := field.metadata["limits"].breach(value)):
                raise ValueError(f"{type(self).__name__}.{field.name}: {value} {wrong}.")


def branches(node: Any) -> tuple[list[tuple[dataclasses.Field | None, Any]], Any]:
    """What a tree holds one level down, each with the field that holds it, and the structure to put it back into."""
    found, structure = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda child: child is not node)
    fields = {field.name: field for field in dataclasses.fields(node)} if isinstance(node, eqx.Module) else {}
    return [(fields.get(getattr(path[0], "name", "")) if path else None, child) for path, child in found], structure


def parameters(model: PyTree) -> PyTree:
    """A `filter_spec` of a tree: true on the numbers that an optimiser may move, false on all else.

        learnt, held = equinox.partition(model, ifux.parameters(model))

    Parameters are the physical numbers of stages and galaxies, and the arrays of real numbers of any network. Data are
    not: the nodes and spectra of a stellar library, the universe, the axes to which a galaxy was aligned, random
    numbers, and what an encoder knows of its mocks. Fewer are chosen with `equinox.tree_at`.
    """
    children, structure = branches(model)
    if any(child is model for _, child in children):
        return eqx.is_inexact_array(model)
    return structure.unflatten(
        jax.tree.map(lambda _: False, child) if field is not None and field.metadata.get("data") else parameters(child)
        for field, child in children
    )


def ready(tree: T) -> T:
    """A tree as a model computes with it: half precision is made single, and a batch is refused.

    Raises:
        ValueError: an array has more or fewer axes than its field states.
    """
    check_one(tree)
    return jax.tree.map(lambda x: real(x) if eqx.is_inexact_array(x) and jnp.finfo(x.dtype).bits < 32 else x, tree)


def check_one(tree: PyTree) -> None:
    """That modules are one model and no batch of them.

    Raises:
        ValueError: an array has more or fewer axes than its field states.
    """
    for sentence in misshapen(tree):
        raise ValueError(sentence)


def misshapen(tree: PyTree) -> Iterator[str]:
    """A sentence for every array of a tree of modules whose number of axes is not that of its field."""
    for field, child in branches(tree)[0]:
        if field is not None and eqx.is_array(child):
            stated: Any = get_args(field.type)[0] if get_origin(field.type) is UnionType else field.type
            if getattr(stated, "index_variadic", 0) is None and child.ndim != len(stated.dims):
                axes = " ".join(stated.dim_str.split()) or "no axis"
                yield (
                    f"{type(tree).__name__}.{field.name} has shape {child.shape} where one model has {axes}: give a "
                    "batch of them to equinox.filter_vmap, which takes them one by one."
                )
        elif child is not tree:
            yield from misshapen(child)
