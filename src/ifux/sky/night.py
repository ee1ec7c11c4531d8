"""The night sky of a dark mountain, from its published brightness."""

import math
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from ifux.sky.bands import BANDS, flux_of
from ifux.sky.curve import Curve
from ifux.sky.extinction import extinction
from ifux.sky.lines import LINES
from ifux.sky.sky import Sky
from ifux.typing import Limits
from ifux.units import FLUX_UNIT

BRIGHTNESS = {
    "paranal": {"U": 22.3, "B": 22.6, "V": 21.6, "R": 20.9, "I": 19.7, "J": 16.5, "H": 14.4, "K": 13.0},
    "ctio": {"U": 22.0, "B": 22.7, "V": 21.8, "R": 20.9, "I": 19.9, "J": 15.7, "H": 14.1, "K": 13.0},
}
"""At the zenith without moon [mag/arcsec2].

References: Patat (2003), A&A 400, 1183 (UBVRI of Paranal, at the maximum of the sun's cycle); Cuby, Lidman & Moutou
(2000), The Messenger 101, 2 (JHK); NOAO Newsletter 10 (1987) for Cerro Tololo.
"""

END = 1e4
"""Of the lines [angstrom]: from there on they are in the continuum."""

AIRGLOW = 0.6
"""Share of the sky that is made within the atmosphere (Patat 2003, appendix C)."""

SUN = 5772.0
"""Temperature [K] of a black body whose colour stands for that of moonlight."""

MOON = 45.0
"""Height of the moon [degree]."""


def night_sky(
    site: Literal["paranal", "ctio"] = "paranal",
    airmass: Annotated[float, Limits(least=1, most=10)] = 1.0,
    moon: Annotated[float, Limits(least=0, most=1)] = 0.0,
    moon_distance: Annotated[float, Limits(least=5, most=120)] = 90.0,
    fwhm: Annotated[float, Limits(above=0)] = 2.5,
) -> Sky:
    r"""A dark and clear sky of published brightness, with its strong lines, from 3000 to 25,000 angstrom.

    The continuum between the lines is that which makes up, with them, the brightness of each broad band. From 10,000
    angstrom on the lines are in it, and in K the heat of a telescope. With the airmass X it brightens as
    $(1 - f) + fX$, dimmed by the additional extinction. The bands of water and oxygen are not in the transmission:
    ESO's SkyCalc has them, a better continuum (this one is half as bright again at 7000 angstrom, and a third fainter
    at 8000) and a thousand lines more.

    Args:
        site: Whose brightness; the transmission is that of Paranal.
        airmass: Of the source.
        moon: The share of its disc that is lit; 0 for none above the horizon.
        moon_distance: From the source [degree].
        fwhm: That the spectrograph gives the lines [angstrom].

    References: Patat (2003), A&A 400, 1183, appendix C (airmass); moonlight by Krisciunas & Schaefer (1991), PASP 103,
    1033, in V, and elsewhere in proportion to what the atmosphere scatters of sunlight.
    """
    wavelength = np.linspace(3000, 25000, 4401)
    zenith = extinction(wavelength)
    slant = (1 - AIRGLOW) + AIRGLOW * airmass

    def seen(light: Float[np.ndarray, " node"], along: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
        return light * slant * 10 ** (-0.4 * extinction(along) * (airmass - 1))

    radiance = seen(continuum(BRIGHTNESS[site], wavelength), wavelength)
    if moon > 0:
        radiance = radiance + moonlight(wavelength, zenith, airmass, moon, moon_distance)
    name = f"the night sky of {site}"
    return Sky(
        Curve(name, wavelength, radiance),
        Curve(name, wavelength, 10 ** (-0.4 * zenith * airmass)),
        np.column_stack([LINES[:, 0], seen(LINES[:, 1], LINES[:, 0])]),
        fwhm,
    )


def continuum(magnitudes: dict[str, float], wavelength: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """What makes up, with the lines, the brightness of all bands [1e-20 erg/s/cm2/angstrom/arcsec2].

    Its logarithm runs straight between their effective wavelengths, up to the end of the lines and from there on.
    """
    centres = np.array([BANDS[band][0] for band in magnitudes])
    level = np.log([between(band, magnitude) for band, magnitude in magnitudes.items()])
    inner = centres < END
    parts = (np.interp(wavelength, centres[some], level[some]) for some in (inner, ~inner))
    return np.exp(np.where(wavelength < END, *parts))


def between(band: str, magnitude: float) -> float:
    """Of the brightness of a band, what its lines leave to the continuum [1e-20 erg/s/cm2/angstrom/arcsec2]."""
    centre, width, _ = BANDS[band]
    inside = np.abs(LINES[:, 0] - centre) < width / 2
    return flux_of(band, magnitude) / FLUX_UNIT - LINES[inside, 1].sum() / width


def moonlight(
    wavelength: Float[np.ndarray, " node"], zenith: Float[np.ndarray, " node"], airmass: float, moon: float, away: float
) -> Float[np.ndarray, " node"]:
    """What the atmosphere scatters of it into the line of sight [1e-20 erg/s/cm2/angstrom/arcsec2]."""
    phase = math.degrees(math.acos(2 * moon - 1))
    illuminance = 10 ** (-0.4 * (3.84 + 0.026 * phase + 4e-9 * phase**4))
    angular = 10**5.36 * (1.06 + math.cos(math.radians(away)) ** 2) + 10 ** (6.15 - away / 40)
    high = (1 - 0.96 * math.cos(math.radians(MOON)) ** 2) ** -0.5
    share = 10 ** (-0.4 * zenith * high) * (1 - 10 ** (-0.4 * zenith * airmass))
    centre = BANDS["V"][0]
    lamberts = angular * illuminance * np.interp(centre, wavelength, share)
    magnitude = (20.7233 - math.log(lamberts / 34.08)) / 0.92104
    colour = share * wavelength**-5 / np.expm1(1.438777e8 / (wavelength * SUN))
    return flux_of("V", magnitude) / FLUX_UNIT * colour / np.interp(centre, wavelength, colour)
