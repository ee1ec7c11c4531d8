"""Lines that gas may shine in: where they are, and how heavy is what emits them."""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ifux.emission.transitions import MASSES, TRANSITIONS


@dataclass(frozen=True)
class Line:
    """One line, and the element of a basis that it shines with."""

    name: str
    """As in the table: "Halpha", "[N II] 6583"."""
    species: str
    """What emits it, in brackets where the line is forbidden: "H I", "[N II]"."""
    wavelength: float
    """At rest in vacuum [angstrom]."""
    mass: float
    """Of what emits it [u]."""
    element: int = 0
    """Place of its element among the coefficients."""


LINES: dict[str, Line] = {
    name: Line(name, species, wavelength, MASSES[species.strip("[]").split()[0]])
    for species, found in TRANSITIONS.items()
    for name, wavelength in found.items()
}
"""Every line of the table by its name, from the bluest of a species to the reddest."""


def known(name: str) -> Line:
    """A line by its name.

    Raises:
        ValueError: no line of the table has the name.
    """
    if name not in LINES:
        near = difflib.get_close_matches(str(name), LINES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f", which are {', '.join(LINES)}."
        raise ValueError(f"{name!r} is not among the lines{hint}")
    return LINES[name]


def chosen(names: Sequence[str | Line], among: Collection[str]) -> tuple[Line, ...]:
    """Lines by their names, those of a species in one element: elements are numbered in the order of the lines.

    Raises:
        ValueError: a line is not among those that are known here, or is named twice.
    """
    lines = [known(name.name if isinstance(name, Line) else name) for name in names]
    for line in lines:
        if line.name not in among:
            raise ValueError(f"{line.name!r} is not among the lines that are known here, which are {', '.join(among)}.")
    if len(set(lines)) < len(lines):
        raise ValueError(f"Every line is named once, but these are {', '.join(line.name for line in lines)}.")
    there = species(lines)
    return tuple(replace(line, element=there.index(line.species)) for line in lines)


def species(lines: Sequence[Line]) -> tuple[str, ...]:
    """What emits lines, in the order in which it first does."""
    return tuple(dict.fromkeys(line.species for line in lines))
