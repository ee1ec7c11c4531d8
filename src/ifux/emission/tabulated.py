"""H II regions by a table of photoionisation models."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ifux.emission.base import AbstractEmission, gas_of, motion
from ifux.emission.hydrogen import RATIOS
from ifux.emission.lines import Line, known
from ifux.emission.oxygen import SOLAR_METALS, SOLAR_OXYGEN, oxygen
from ifux.emission.table import LineTable
from ifux.numerics.stencil import Stencil, between
from ifux.particles import Gas, Particles
from ifux.typing import DATA, real, within
from ifux.units import SOLAR_LUMINOSITY

FIXED = 1e-3
"""Lines of a species whose ratio a table changes by less are one element [dex]."""


@final
class TabulatedEmission(AbstractEmission):
    r"""Lines of gas that forms stars, from a table of photoionisation models.

    $$\log U = -3.58 - 0.8\,\log(Z/Z_\odot)$$

    is the ionisation parameter by default; the density is one for all regions: that of a cell is not that of the gas
    around its stars. The light in H-alpha is that of `StarFormingEmission`. Logarithms of ratios are linear in those of
    metals, ionisation and density between nodes, and held at the ends. Metals are counted by their oxygen where the
    simulation counts it.

    References: Carton et al. (2017), MNRAS 468, 2140, for the ionisation.
    """

    lines: tuple[Line, ...] = eqx.field(static=True)
    """Those wanted, with the places of their elements."""
    metallicity: Float[Array, " metallicity"] = eqx.field(converter=real, metadata=DATA)
    """Nodes of log(Z / Z_sun), with 0.0134 for the Sun."""
    ionisation: Float[Array, " ionisation"] = eqx.field(converter=real, metadata=DATA)
    """Nodes of log U."""
    density: Float[Array, " density"] = eqx.field(converter=real, metadata=DATA)
    """Nodes of the logarithm of the hydrogen nuclei per cm^3."""
    ratios: Float[Array, "metallicity ionisation density element"] = eqx.field(converter=real, metadata=DATA)
    """Logarithms of the first line of every element over H-alpha."""
    relative: Float[Array, " line"] = eqx.field(converter=real, metadata=DATA)
    """Luminosity of every line over the first of its element."""
    efficiency: Float[Array, ""] = eqx.field(converter=real, default=41.27)
    """Logarithm of the luminosity in H-alpha of a solar mass of stars a year [erg/s]."""
    parameter: Float[Array, ""] = eqx.field(converter=real, default=-3.58)
    """log U at solar metallicity."""
    slope: Float[Array, ""] = eqx.field(converter=real, default=-0.8)
    """Of log U with log Z."""
    regions: Float[Array, ""] = eqx.field(converter=real, default=2.0)
    """Logarithm of the hydrogen nuclei per cm^3 in H II regions."""
    temperature: Float[Array, ""] = eqx.field(converter=real, default=1e4, metadata=within(above=0))
    """Of the ions, for the width of lines alone [K]."""
    turbulence: Float[Array, ""] = eqx.field(converter=real, default=20.0, metadata=within(least=0))
    """Standard deviation of the velocity that is not thermal, as in `StarFormingEmission` [km/s]."""

    @classmethod
    def of_table(cls, table: LineTable, lines: Sequence[str] = (), **given: float) -> "TabulatedEmission":
        """The stage of a table: all of its lines where none are named.

        Raises:
            ValueError: the table has not all of the lines.
        """
        names = [*(lines or table.lines)]
        if missing := [name for name in names if name not in table.lines]:
            raise ValueError(f"{missing[0]!r} is not among the lines of the table, which are {', '.join(table.lines)}.")
        if len(set(names)) < len(names):
            raise ValueError(f"Every line is named once, but these are {', '.join(names)}.")
        ratios = {name: table.ratios[table.lines.index(name)] for name in names}
        halpha = RATIOS["Halpha"][0] / math.log(10)
        if "Halpha" in table.lines:
            halpha = table.ratios[table.lines.index("Halpha")]
        firsts: list[str] = []
        found, relative = [], []
        for name in names:
            line = known(name)
            place = next((i for i, first in enumerate(firsts) if fixed(ratios, name, first)), len(firsts))
            firsts += [name] if place == len(firsts) else []
            found.append(replace(line, element=place))
            relative.append(10 ** float((ratios[name] - ratios[firsts[place]]).mean()))
        return cls(
            lines=tuple(found),
            metallicity=np.log10(table.metallicity / SOLAR_METALS),
            ionisation=table.ionisation,
            density=table.density,
            ratios=np.stack([ratios[name] - halpha for name in firsts], axis=-1),
            relative=np.array(relative),
            **given,
        )

    @property
    def size(self) -> int:
        """Lines, but for those of fixed ratio."""
        return self.ratios.shape[-1]

    @property
    def of_stars(self) -> bool:
        """Gas shines."""
        return False

    def coefficients(self, emitters: Gas | Particles) -> Float[Array, "cell element"]:
        """By the star-formation rate and the metals."""
        gas = gas_of(emitters)
        metals = self.metals(gas)
        place = along(metals, self.metallicity).outer(along(self.parameter + self.slope * metals, self.ionisation))
        place = place.outer(along(jnp.broadcast_to(self.regions, metals.shape), self.density))
        ratios = place.gather(self.ratios.reshape(-1, self.size))
        halpha = 10 ** (self.efficiency - math.log10(SOLAR_LUMINOSITY)) * gas.star_formation_rate
        return halpha[:, None] * 10**ratios

    def metals(self, gas: Gas) -> Float[Array, " cell"]:
        """Logarithm of the metals of cells over those of the Sun, held at the ends of the table."""
        ends = 10 ** self.metallicity[0], 10 ** self.metallicity[-1]
        return jnp.log10(jnp.clip(oxygen(gas) * 10 ** (12 - SOLAR_OXYGEN), *ends))

    def shares(self) -> Float[Array, " line"]:
        """Over the first line of the element."""
        return self.relative

    def variances(self) -> Float[Array, " line"]:
        """Thermal and turbulent."""
        return motion(self.lines, self.temperature, self.turbulence)

    def covered(self, emitters: Gas | Particles) -> Bool[Array, " cell"]:
        """Whether metals, ionisation and density are on the table."""
        found = oxygen(emitters) * 10 ** (12 - SOLAR_OXYGEN)
        parameter = self.parameter + self.slope * self.metals(gas_of(emitters))
        ends = 10 ** self.metallicity[0], 10 ** self.metallicity[-1]
        inside = (found >= ends[0]) & (found <= ends[1])
        inside &= (parameter >= self.ionisation[0]) & (parameter <= self.ionisation[-1])
        return inside & (self.regions >= self.density[0]) & (self.regions <= self.density[-1])


def fixed(ratios: dict[str, Float[np.ndarray, "..."]], name: str, other: str) -> bool:
    """Whether a table changes nothing in the ratio of two lines of one species."""
    return known(name).species == known(other).species and bool(np.ptp(ratios[name] - ratios[other]) < FIXED)


def along(position: Float[Array, " cell"], nodes: Float[Array, " node"]) -> Stencil:
    """Linear weights between nodes, of which there may be one."""
    if nodes.size > 1:
        return between(position, nodes)
    return Stencil(jnp.zeros((position.size, 1), jnp.int32), jnp.ones((position.size, 1), position.dtype), 1)
