"""H II regions in gas that forms stars."""

import math
from typing import final

import equinox as eqx
from jaxtyping import Array, Bool, Float

from ifux.emission.base import AbstractEmission, gas_of, motion
from ifux.emission.diffuse import DIFFUSE_RATIOS, diffuse_halpha
from ifux.emission.lines import Line, species
from ifux.emission.oxygen import oxygen
from ifux.emission.regions import KNOWN, luminosities, recipe_lines, recipe_shares
from ifux.emission.strong_lines import CALIBRATION, calibrated, strong_lines
from ifux.particles import Gas, Particles
from ifux.typing import real, within
from ifux.units import SOLAR_LUMINOSITY


@final
class StarFormingEmission(AbstractEmission):
    r"""Lines of the H II regions around stars that gas is forming, by its rate and its oxygen.

    $$\log L_{\mathrm{H}\alpha} = \log\mathrm{SFR} + 41.27$$

    in erg/s and solar masses a year, for the IMF of Kroupa & Weidner (2003). Other lines of hydrogen follow `case_b`,
    those of metals by `over_hydrogen`. Nothing is dimmed by dust here. Gas that forms no stars is dark but for a
    diffuse part, which is off by default: `diffuse` times what a cell emits at its own density and temperature, see
    `ifux.emission.diffuse`.

    References: Kennicutt & Evans (2012), ARA&A 50, 531, eq. 12 and table 1.
    """

    lines: tuple[Line, ...] = eqx.field(static=True, converter=recipe_lines, default=KNOWN)
    """Those wanted, by name: all of H I, [O II], [O III], [N II] and [S II] that are known here by default."""
    efficiency: Float[Array, ""] = eqx.field(converter=real, default=41.27)
    """Logarithm of the luminosity in H-alpha of a solar mass of stars a year [erg/s]."""
    temperature: Float[Array, ""] = eqx.field(converter=real, default=1e4, metadata=within(above=0))
    """Of the electrons and ions in H II regions [K]."""
    turbulence: Float[Array, ""] = eqx.field(converter=real, default=20.0, metadata=within(least=0))
    """Standard deviation of the velocity within a cell that is not thermal [km/s].

    With 9 km/s of heat it is 22 in H-alpha. Varidel et al. (2020), MNRAS 495, 2265, find 17 +- 3 to 24 +- 5 in galaxies
    nearby that form 1e-3 to 1 solar mass a year.
    """
    diffuse: Float[Array, ""] = eqx.field(converter=real, default=0.0, metadata=within(least=0))
    """Of what recombines outside of H II regions at the density of a cell: clumping makes it more than one."""
    diffuse_ratios: Float[Array, " species"] = eqx.field(converter=real, default=DIFFUSE_RATIOS)
    """Of that gas: logarithms of [O II] and [O III] over H-beta, [N II] and [S II] over H-alpha."""

    def __check_init__(self):
        if self.diffuse_ratios.shape[-1:] != (len(CALIBRATION),):
            raise ValueError(
                f"StarFormingEmission.diffuse_ratios must be {len(CALIBRATION)} numbers, for {', '.join(CALIBRATION)}."
            )

    @property
    def size(self) -> int:
        """Hydrogen, and each pair of lines that is wanted."""
        return len(species(self.lines))

    @property
    def of_stars(self) -> bool:
        """Gas shines."""
        return False

    def coefficients(self, emitters: Gas | Particles) -> Float[Array, "cell element"]:
        """By the star-formation rate and the oxygen, and what is diffuse."""
        gas = gas_of(emitters)
        per_rate = 10 ** (self.efficiency - math.log10(SOLAR_LUMINOSITY))
        regions = luminosities(
            self.lines, per_rate * gas.star_formation_rate, strong_lines(oxygen(gas)), self.temperature
        )
        ratios = list(10 ** self.diffuse_ratios[:, None])
        return regions + luminosities(self.lines, self.diffuse * diffuse_halpha(gas), ratios, self.temperature)

    def shares(self) -> Float[Array, " line"]:
        """Case B for hydrogen; those of a pair are fixed."""
        return recipe_shares(self.lines, self.temperature)

    def variances(self) -> Float[Array, " line"]:
        """Thermal and turbulent."""
        return motion(self.lines, self.temperature, self.turbulence)

    def covered(self, emitters: Gas | Particles) -> Bool[Array, " cell"]:
        """Whether a cell has the oxygen that the calibration holds for."""
        return calibrated(oxygen(emitters))
