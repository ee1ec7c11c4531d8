"""The night sky of a dark mountain, from its published brightness."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from ifux.sky.airglow import airglow, layer
from ifux.sky.bands import BANDS, ZERO_POINTS, ZERO_POINTS_OF_ESO, flux_of, photons_through
from ifux.sky.curve import Curve
from ifux.sky.extinction import extinction
from ifux.sky.lines import LINES
from ifux.sky.moonlight import moonlight
from ifux.sky.sky import Sky
from ifux.sky.sunlight import sunlight
from ifux.sky.telluric import bands
from ifux.typing import Limits
from ifux.units import FLUX_UNIT

BRIGHTNESS = {
    "paranal": {"U": 22.09, "B": 22.78, "V": 21.83, "R": 21.06, "I": 19.74, "J": 16.87, "H": 14.42, "K": 13.0},
    "ctio": {"U": 22.0, "B": 22.7, "V": 21.8, "R": 20.9, "J": 15.7, "H": 14.1, "K": 13.0},
}
"""At the zenith without moon [mag/arcsec2], Paranal's in the system of ESO.

Of Paranal at a mean activity of the sun, with the heat of a telescope in K. In 2000 and 2001, when the sun was at its
maximum, the sky was brighter by up to a quarter: 22.3, 22.6, 21.6, 20.9 and 19.7 in UBVRI (Patat 2003). I is there to
compare, with lines that are those of Paranal at Cerro Tololo too. J, H and K of Cerro Tololo are assumed: they have not
been seen in print.

References: Paranal by ESO's SkyCalc, version 1.4.3, for a monthly mean of 130 solar flux units, the ecliptic pole and
the whole year (its output is kept in github.com/sdss/lvmetc_lco_script, database/sky/readme_0.txt), the model of Noll
et al. (2012), A&A 543, A92; K by Cuby, Lidman & Moutou (2000), The Messenger 101, 2; Patat (2003), A&A 400, 1183; Cerro
Tololo in UBVRI by NOAO Newsletter 10 (1987), at the minimum of the sun's cycle.
"""

END = 1e4
"""Of the lines [angstrom]: from there on they are in the continuum."""


def night_sky(
    site: Literal["paranal", "ctio"] = "paranal",
    airmass: Annotated[float, Limits(least=1, most=10)] = 1.0,
    moon: Annotated[float, Limits(least=0, most=1)] = 0.0,
    moon_distance: Annotated[float, Limits(least=5, most=120)] = 90.0,
    fwhm: Annotated[float, Limits(above=0)] = 2.5,
) -> Sky:
    r"""A dark and clear sky of published brightness, with its lines, from 3000 to 25,000 angstrom.

    The continuum between the lines is that which makes up, with them, the brightness of U, B, V and R through their
    passbands. From R to 10,000 angstrom it is the airglow's, whose shape is published, and the rest of what it is in R
    in the colour of sunlight: of zodiacal light and of stars. From 10,000 angstrom on the lines are in the continuum,
    and in K the heat of a telescope. With the airmass lines and airglow brighten, all that is beyond 10,000 angstrom
    with them; zodiacal light and stars do not. The additional extinction dims them all.

    Beside ESO's calculator this sky is 4 per cent too bright at 7000 angstrom and 16 too faint at 8000, where no strong
    line is near; through Bessell's I it is a tenth brighter than SkyCalc's through its own.

    Args:
        site: Whose brightness; the transmission is that of Paranal.
        airmass: Of the source; the molecules' bands deepen with it more slowly than the rest.
        moon: The share of its disc that is lit; 0 for none above the horizon.
        moon_distance: From the source [degree].
        fwhm: That the spectrograph gives the lines [angstrom].
    """
    wavelength = np.linspace(3000, 25000, 4401)
    zenith = extinction(wavelength)
    further, path = airmass - 1, layer(airmass)
    total = continuum(site, wavelength)
    glow = np.where(wavelength < END, np.minimum(airglow(wavelength), total), total)
    radiance = (total + (path - 1) * glow) * 10 ** (-0.4 * zenith * further)
    if moon > 0:
        radiance = radiance + moonlight(wavelength, airmass, moon, moon_distance)
    name = f"the night sky of {site}"
    return Sky(
        Curve(name, wavelength, radiance),
        Curve(name, wavelength, 10 ** (-0.4 * zenith * airmass) * bands(wavelength, airmass)),
        LINES * np.column_stack([np.ones(len(LINES)), path * 10 ** (-0.4 * extinction(LINES[:, 0]) * further)]),
        fwhm,
    )


def published(site: str, band: str) -> float:
    """Brightness of a site in a band [1e-20 erg/s/cm2/angstrom/arcsec2]."""
    system = ZERO_POINTS_OF_ESO if site == "paranal" else ZERO_POINTS
    return flux_of(band, BRIGHTNESS[site][band], system) / FLUX_UNIT


def continuum(site: str, wavelength: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """What makes up, with the lines, the brightness of all bands [1e-20 erg/s/cm2/angstrom/arcsec2].

    Its logarithm runs straight between the effective wavelengths of U, B, V and R. Each is divided by what its band has
    too much, until none has.
    """
    goals = np.array([published(site, band) for band in "UBVR"])
    level, fine = np.log(goals), np.arange(3000.0, END, 5.0)
    for _ in range(30):
        smooth = between_lines(level, fine)
        level -= np.log([through(band, fine, smooth) for band in "UBVR"]) - np.log(goals)
    beyond = np.log([published(site, band) for band in "JHK"])
    lines_in = np.exp(np.interp(wavelength, [BANDS[band] for band in "JHK"], beyond))
    return np.where(wavelength < END, between_lines(level, wavelength), lines_in)


def between_lines(level: Float[np.ndarray, "4"], wavelength: Float[np.ndarray, " node"]) -> Float[np.ndarray, " node"]:
    """The continuum up to 10,000 angstrom, of its logarithms in U, B, V and R."""
    last = np.array([BANDS["R"]], np.float64)
    rest = np.exp(level[-1]) - airglow(last)
    redward = airglow(wavelength) + rest * sunlight(wavelength) / sunlight(last)
    return np.where(wavelength < last, np.exp(np.interp(wavelength, [BANDS[b] for b in "UBVR"], level)), redward)


def through(band: str, wavelength: Float[np.ndarray, " node"], smooth: Float[np.ndarray, " node"]) -> float:
    """The mean over an optical band of the lines and of a continuum, on even wavelengths."""
    counts, of_lines = photons_through(band, wavelength), photons_through(band, LINES[:, 0])
    return float((counts @ smooth + of_lines @ LINES[:, 1] / (wavelength[1] - wavelength[0])) / counts.sum())
