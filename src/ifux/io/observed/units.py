"""Units of flux density as pipelines spell them, in ours.

The spellings differ: `10**(-20)*erg/s/cm**2/Angstrom`, `10**-20 Angstrom-1 cm-2 erg s-1`, `FLAM16`, `MJy/sr`,
`1E-17 erg/s/cm^2/Ang/spaxel`, `10**(-16) erg /s /cm**2 /angstrom /pixel`. A cube's spaxels and pixels are one thing.
"""

import math
import re
import warnings
from typing import Any

import numpy as np
from astropy import units
from jaxtyping import Float

from ifux.errors import InputError
from ifux.grids import AbstractWavelengths
from ifux.units import ARCSEC

FLUX = "1e-20 erg / (s cm2 angstrom)"
"""That of a cube."""

POWER = re.compile(r"^\s*10\s*(?:\*\*|\^)?\s*\(?\s*([+-]\d+)\s*\)?\s*[*. ]?\s*")
NUMBER = re.compile(r"^\s*(\d+\.?\d*(?:[eE][+-]?\d+)?)\s*[*. ]?\s*")
ONE = "(?:spaxel|spax|pixel|pix|fiber|fibre)"
PLACE = re.compile(rf"\s*(?:/\s*{ONE}|\b{ONE}\*?\*?\(?-1\)?)(?![A-Za-z])", re.IGNORECASE)
WORDS = {"Ang": "Angstrom", "ang": "Angstrom", "A": "Angstrom", "Angstroms": "Angstrom", "ergs": "erg", "sec": "s"}
OLD = re.compile(r"^FLAM(\d+)$")


def quantity(value: Any, unit: Any) -> Any:
    """A number or an array with a unit; type checkers know none of what astropy makes of it."""
    # FITS discourages units with several slashes, as SKIRT and the MUSE pipeline write them.
    with warnings.catch_warnings(action="ignore", category=units.UnitsWarning):
        return units.Quantity(value, unit)


def parsed(unit: str) -> tuple[float, str]:
    """The number before a unit, and the unit in a spelling that astropy reads."""
    if old := OLD.match(unit.strip()):
        return 10.0 ** -int(old[1]), "erg / (s cm2 Angstrom)"
    number, rest = 1.0, unit.strip()
    if power := POWER.match(rest):
        number, rest = 10.0 ** int(power[1]), rest[power.end() :]
    elif digits := NUMBER.match(rest):
        number, rest = float(digits[1]), rest[digits.end() :]
    rest = PLACE.sub("", rest)
    rest = re.sub(r"[A-Za-z]+", lambda word: WORDS.get(word[0], word[0]), rest)
    rest = rest.replace("angstrom", "Angstrom").replace("^", "**")
    rest = re.sub(r"(?<=[\w)])\s*\.\s*(?=[A-Za-z])", " ", rest)
    return number, re.sub(r"\*\*\((-?\d+)\)", r"**\1", rest).strip()


def per_spaxel(
    unit: str, wavelengths: AbstractWavelengths, sides: tuple[float, float] | None, path: Any
) -> Float[np.ndarray, " wave"]:
    """What the number one in a unit is in every channel [1e-20 erg/s/cm2/angstrom per spaxel].

    Flux by wavelength, by frequency, or times either; of a spaxel, or of a solid angle.

    Raises:
        InputError: the unit is none of these.
    """
    number, words = parsed(unit)
    try:
        known = quantity(np.full(wavelengths.size, number), words)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: its unit, {unit!r}, is none that astropy knows: give unit, such as '1e-20 erg/s/cm2/Angstrom'."
        ) from error
    density = units.spectral_density(quantity(wavelengths.centres(), "angstrom"))
    solid = [] if sides is None else [known * quantity(math.prod(sides) * ARCSEC**2, "sr")]
    for one in (known, *solid):
        if one.unit.is_equivalent(FLUX, density):
            return np.asarray(one.to_value(FLUX, density))
    raise InputError(
        f"{path}: its unit, {unit!r}, is no flux density and no surface brightness: give unit, such as "
        "'1e-20 erg/s/cm2/Angstrom'."
    )
