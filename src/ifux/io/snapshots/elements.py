r"""Chemical elements in snapshots, and [alpha/Fe].

$$[\text{Mg/Fe}] = \log_{10} \frac{X_\text{Mg}}{X_\text{Fe}} -
\log_{10} \frac{A_\text{Mg}\,10^{7.60}}{A_\text{Fe}\,10^{7.50}}$$

References: Asplund et al. (2009), ARA&A 47, 481, for the abundances by number in the photosphere of the Sun.
"""

import h5py
import numpy as np
from jaxtyping import Float

from ifux.io.files.hdf5 import find, members, numbers, require_dataset, whole
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.layout import MSUN
from ifux.io.snapshots.particle_group import ParticleGroup

SYMBOLS = {
    "Hydrogen": "H", "Helium": "He", "Carbon": "C", "Nitrogen": "N", "Oxygen": "O", "Neon": "Ne", "Magnesium": "Mg",
    "Silicon": "Si", "Sulfur": "S", "Sulphur": "S", "Calcium": "Ca", "Iron": "Fe", "Strontium": "Sr", "Barium": "Ba",
    "Europium": "Eu",
}  # fmt: skip
"""Symbols by the names that simulations write."""

SUN = {"O": (8.69, 15.999), "Mg": (7.60, 24.305), "Fe": (7.50, 55.845)}
"""Abundance by number, 12 + log10 relative to hydrogen, and atomic weight."""


def abundances(table: ParticleGroup, mass: Float[np.ndarray, "..."]) -> dict[str, Float[np.ndarray, "..."]]:
    """Mass fractions by chemical symbol, as far as the file tells; masses turn masses of elements into fractions."""
    elements = table.layout.elements
    name = None if elements is None else table.name(elements.column)
    if elements is None or name is None:
        return {}
    node = find(table.group, name)
    if isinstance(node, h5py.Group):
        remedy = "it must be a column of mass fractions"
        columns = {word: require_dataset(node, word, remedy) for word in members(node) if word in SYMBOLS}
        return {SYMBOLS[word]: numbers(column) for word, column in columns.items()}
    dataset = require_dataset(table.group, name, f"element abundances of {table.layout.name} are read from there")
    symbols = elements.symbols or named_columns(table.group.file, name)
    values = numbers(dataset)
    if values.ndim != 2 or not symbols or values.shape[1] < len(symbols):
        table.notes.append(
            f"{dataset.name} of shape {values.shape} was not read: {len(symbols)} elements were expected in columns"
        )
        return {}
    scale = np.ones(1)
    if elements.column.share:
        check_shapes(table.where, {"mass": mass, "abundance of elements": values[:, 0]})
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = table.conversion(dataset, elements.column, MSUN) / (mass * MSUN.cgs)
    return {symbol: values[:, place] * scale for place, symbol in enumerate(symbols) if symbol}


def named_columns(file: h5py.File, name: str) -> tuple[str, ...]:
    """The elements that SWIFT says the columns of a dataset are."""
    node = find(file, f"SubgridScheme/NamedColumns/{name}")
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "SO" or node.shape is None or len(node.shape) != 1:
        return ()
    words = [word.decode(errors="replace") if isinstance(word, bytes) else str(word) for word in whole(node)]
    return tuple(SYMBOLS.get(word.strip("\0 "), "") for word in words)


def alpha_enhancement(
    elements: dict[str, Float[np.ndarray, " particle"]],
) -> tuple[Float[np.ndarray, " particle"] | None, str]:
    """[alpha/Fe] by magnesium or else oxygen [dex], NaN where there is none of it or no iron; and which."""
    element = next((symbol for symbol in ("Mg", "O") if symbol in elements), None)
    if element is None or "Fe" not in elements:
        return None, ""
    (ours, weight), (iron, heavy) = SUN[element], SUN["Fe"]
    solar = ours - iron + np.log10(weight / heavy)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(elements[element] / elements["Fe"]) - solar
    return np.where(np.isfinite(ratio), ratio, np.nan), f"[{element}/Fe]"
