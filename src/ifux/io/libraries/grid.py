"""Models one by one, put on a grid."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ifux.errors import InputError


def gridded(
    path: Path, models: Mapping[str, Sequence[Any]], axes: Sequence[str]
) -> tuple[list[list[Any]], dict[tuple[int, ...], str]]:
    """The values along each axis, sorted, and which model stands where.

    Args:
        path: For the sentence about a model that is missing or double.
        models: By name, where each model stands on each axis.
        axes: Names of the axes.

    Raises:
        InputError: two models stand at one place, or at one place stands none.
    """
    values = [sorted({place[axis] for place in models.values()}) for axis in range(len(axes))]
    places = [{value: index for index, value in enumerate(along)} for along in values]
    found: dict[tuple[int, ...], str] = {}
    for name, place in models.items():
        where = tuple(index[value] for index, value in zip(places, place, strict=True))
        if where in found:
            raise InputError(f"{path}: {found[where]} and {name} are the same population: keep one of them.")
        found[where] = name
    for where in product(*(range(len(along)) for along in values)):
        if where not in found:
            lost = [along[index] for along, index in zip(values, where, strict=True)]
            words = ", ".join(f"{axis} {value:g}" for axis, value in zip(axes, lost, strict=True))
            near = nearest(lost, models)
            raise InputError(
                f"{path}: the grid of {len(models)} models is incomplete: the one of {words} is missing, beside "
                f"{near}; add it, or take away the others of one of these values."
            )
    return values, found


def nearest(lost: Sequence[Any], models: Mapping[str, Sequence[Any]]) -> str:
    """The model that differs in as few values as can be, the last ones first."""

    def shared(name: str) -> tuple[int, list[bool]]:
        same = [one == other for one, other in zip(models[name], lost, strict=True)]
        return sum(same), same

    return max(sorted(models), key=shared)
