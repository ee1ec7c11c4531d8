"""Which lines of the table others mean by a wavelength and an ion."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ifux.emission.lines import LINES, Line
from ifux.emission.table import LineTable
from ifux.errors import InputError
from ifux.grids import to_air

NEAR = 1e-4
"""By how much wavelengths of the same line differ, relatively."""
ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6"}


def ion(line: Line) -> str:
    """The ion of a line as Cloudy writes it: "O  3" without its double blank, "H2"."""
    element, *stage = line.species.strip("[]").split()
    return f"{element} {ROMAN[stage[0]]}" if stage else element


def identified(wavelength: Float[np.ndarray, " given"], ions: Sequence[str] | None = None) -> dict[str, int]:
    """The place of each line of the table among wavelengths [angstrom], in vacuum or in air, where it is there.

    Where ions are given, they decide too. A wavelength that two lines are near is neither's.
    """
    found: dict[str, int] = {}
    for name, line in LINES.items():
        air = float(to_air(np.array([line.wavelength]))[0]) if line.wavelength > 2000 else line.wavelength
        off = np.minimum(np.abs(wavelength / line.wavelength - 1), np.abs(wavelength / air - 1))
        if ions is not None:
            off = np.where([given == ion(line) for given in ions], off, np.inf)
        if off.size and off.min() < NEAR:
            found[name] = int(off.argmin())
    return {name: place for name, place in found.items() if list(found.values()).count(place) == 1}


def assembled(
    path: str,
    found: dict[str, int],
    light: Float[np.ndarray, "given metallicity ionisation density"],
    axes: dict[str, Float[np.ndarray, " node"]],
) -> LineTable:
    """Lines over H-beta, of which all models have some, in increasing order of axes that are no logarithms."""
    if "Hbeta" not in found:
        raise InputError(f"{path}: H-beta is not among its lines, and others are counted in it.")
    nodes = {}
    for place, name in enumerate(("metallicity", "ionisation", "density"), 1):
        order = np.argsort(axes[name])
        light, nodes[name] = light.take(order, axis=place), axes[name][order]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log10(light[[*found.values()]]) - np.log10(light[found["Hbeta"]])
        nodes |= {name: np.log10(nodes[name]) for name in ("ionisation", "density")}
    shines = np.isfinite(ratios).all(axis=(1, 2, 3))
    names = tuple(name for name, there in zip(found, shines, strict=True) if there)
    return LineTable(names, nodes["metallicity"], nodes["ionisation"], nodes["density"], ratios[shines])
