"""Strong lines of metals by the oxygen abundance of the gas."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ifux.emission.oxygen import SOLAR_OXYGEN

LOWEST, HIGHEST = 7.6, 8.9
"""12 + log(O/H) between which the calibration holds."""

CALIBRATION = {
    "[O II]": ("Hbeta", (0.435, -1.362, -5.655, -4.851, -0.478, 0.736)),
    "[O III]": ("Hbeta", (-0.277, -3.549, -3.593, -0.981)),
    "[N II]": ("Halpha", (-0.489, 1.513, -2.554, -5.293, -2.867)),
    "[S II]": ("Halpha", (-0.442, -0.360, -6.271, -8.339, -3.559)),
}
"""By species: the line of hydrogen that it is relative to, and coefficients of rising powers of x.

Not [O I], [S III] or others, which this calibration has not: their light is from a table alone, `TabulatedEmission`.
"""

DOUBLETS = {
    "[O II] 3726": 0.4257, "[O II] 3729": 0.5743,
    "[O III] 4959": 1 / 2.98, "[O III] 5007": 1.0,
    "[N II] 6548": 1 / 3.05, "[N II] 6583": 1.0,
    "[S II] 6716": 0.5747, "[S II] 6731": 0.4253,
}  # fmt: skip
"""Luminosity of each line in units of that of which its calibration is: both of a pair, or the stronger.

[O III] 2.98 and [N II] 3.05: Storey & Zeippen (2000), MNRAS 312, 813. [O II] and [S II] are those at 1e4 K and 100
electrons per cm^3, 3729/3726 = 1.349 and 6716/6731 = 1.351, by collision strengths of Kisielius et al. (2009), MNRAS
397, 903, and Tayal & Zatsarinny (2010), ApJS 188, 32.
"""


def strong_lines(oxygen: Float[Array, " cell"]) -> list[Float[Array, " cell"]]:
    """Ratios of the species of `CALIBRATION`, in its order, in gas with so many atoms of oxygen for one of hydrogen.

    Where there is more or less than the calibration holds for, the ratios are those at its ends.
    """
    abundance = 12 + jnp.log10(jnp.clip(oxygen, 10 ** (LOWEST - 12), 10 ** (HIGHEST - 12)))
    return [over_hydrogen(species, abundance) for species in CALIBRATION]


def calibrated(oxygen: Float[Array, " cell"]) -> Bool[Array, " cell"]:
    """Whether the calibration holds for so many atoms of oxygen for one of hydrogen."""
    return (oxygen >= 10 ** (LOWEST - 12)) & (oxygen <= 10 ** (HIGHEST - 12))


def over_hydrogen(species: str, abundance: Float[Array, " cell"]) -> Float[Array, " cell"]:
    r"""Luminosity of a species over that of its line of hydrogen, at abundances 12 + log(O/H).

    $$\log R = \sum_n c_n\,x^n, \quad x = 12 + \log(\mathrm{O/H}) - 8.69$$

    with R of [O II] 3726, 3729 and of [O III] 5007 over H-beta, of [N II] 6583 and of [S II] 6716, 6731 over H-alpha.
    Galaxies scatter about it by 0.06 to 0.1 dex in the abundance.

    References: Curti et al. (2020), MNRAS 491, 944, table 2.
    """
    x = abundance - SOLAR_OXYGEN
    coefficients = jnp.asarray(CALIBRATION[species][1][::-1], x.dtype)
    return 10 ** jnp.polyval(coefficients, x)
