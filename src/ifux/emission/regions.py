"""What H II regions emit, by their light in H-alpha and their oxygen."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ifux.emission.hydrogen import RATIOS, case_b
from ifux.emission.lines import LINES, Line, chosen, species
from ifux.emission.strong_lines import CALIBRATION, DOUBLETS

KNOWN = tuple(name for name in LINES if name in RATIOS or name in DOUBLETS)
"""Lines whose luminosity is known here."""


def recipe_lines(names: Sequence[str | Line]) -> tuple[Line, ...]:
    """Lines by their names, as a description gives them: those of hydrogen are one element, each of four pairs another.

    Raises:
        ValueError: a line is not known here, or is named twice.
    """
    return chosen(names, KNOWN)


def luminosities(
    lines: tuple[Line, ...],
    halpha: Float[Array, " cell"],
    ratios: Sequence[Float[Array, "#cell"]],
    temperature: Float[Array, ""],
) -> Float[Array, "cell element"]:
    """Of every element of some lines [solar luminosity], of regions of a luminosity in H-alpha.

    Ratios are those of the species of `CALIBRATION`, in its order, over the line of hydrogen that they have there. The
    element of hydrogen counts H-beta.
    """
    hydrogen = {"Halpha": halpha, "Hbeta": halpha / case_b(("Halpha",), temperature)}
    found = {"H I": hydrogen["Hbeta"]}
    for (name, (relative, _)), ratio in zip(CALIBRATION.items(), ratios, strict=True):
        found[name] = hydrogen[relative] * ratio
    return jnp.stack([found[name] for name in species(lines)], axis=1)


def recipe_shares(lines: tuple[Line, ...], temperature: Float[Array, ""]) -> Float[Array, " line"]:
    """Luminosity of every line per unit of its element."""
    place = np.array([line.species == "H I" for line in lines])
    hydrogen = case_b(tuple(line.name if line.species == "H I" else "Hbeta" for line in lines), temperature)
    fixed = jnp.asarray([DOUBLETS.get(line.name, 1.0) for line in lines], temperature.dtype)
    return jnp.where(jnp.asarray(place), hydrogen, fixed)
