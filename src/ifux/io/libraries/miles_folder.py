"""A folder of MILES, MIUSCAT or E-MILES spectra as the MILES web site gives them, one FITS file for a population.

Everything is in the names, such as `Mkb1.30Zm0.25T07.0000_iTp0.00_baseFe.fits`:

    M          MILES; I: MIUSCAT; E: E-MILES
    kb         IMF: un (unimodal), bi (bimodal), ku (Kroupa universal), kb (Kroupa revised), ch (Chabrier)
    1.30       slope of the IMF; several of them make an axis
    Zm0.25     [M/H], m for minus and p for plus
    T07.0000   age [Gyr]
    iTp0.00    isochrones, T: BaSTI (Teramo), P: Padova00, and their [alpha/Fe]
    baseFe     base models, which follow the abundances of the Galaxy; or
    Ep0.40     models of one [alpha/Fe]; several of them make an axis. Without either, that of the isochrones counts

Wavelengths are in air, fluxes in solar luminosities of 3.826e33 erg/s per angstrom and solar mass formed. The
resolution is 2.51 angstrom for MILES and MIUSCAT; for E-MILES, FWHM, it is 3 angstrom below 3060, 5 up to 3541, 2.51 up
to 8950, and from there a dispersion of 60 km/s.

`metallicity="isochrone"` (default) gives every population the mass fraction of metals of its isochrones, as a
simulation counts them; `"label"` takes Z = `solar_metallicity` x 10^[M/H] from the name, for comparison with others.

References: Vazdekis et al. (2010), MNRAS 404, 1639 (MILES with Padova00); Ricciardelli et al. (2012), MNRAS 424, 172
(MIUSCAT); Vazdekis et al. (2015), MNRAS 449, 1177 (BaSTI, [alpha/Fe]); Vazdekis et al. (2016), MNRAS 463, 3409
(E-MILES).
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.format import Format
from ifux.io.libraries.fits_image import read_image
from ifux.io.libraries.grid import gridded
from ifux.io.libraries.options import assembled, check_size, mass_fractions
from ifux.library import SSPLibrary
from ifux.units import SPEED_OF_LIGHT

NAME = re.compile(
    r"(?P<range>[MIE])(?P<imf>un|bi|ku|kb|ch)(?P<slope>\d+\.\d+)Z(?P<sign>[mp])(?P<metals>\d+\.\d+)T(?P<age>\d+\.\d+)"
    r"_i(?P<tracks>[TP])(?P<tsign>[mp])(?P<tracks_alpha>\d+\.\d+)"
    r"(?:_(?P<base>baseFe)|_E(?P<asign>[mp])(?P<alpha>\d+\.\d+))?(?:_linear_FWHM_variable)?\.fits(?:\.gz)?"
)
FITS = re.compile(r"\.(fits|fit)(\.gz)?$", re.IGNORECASE)
RANGES = {"M": "MILES", "I": "MIUSCAT", "E": "E-MILES"}
IMFS = {"un": "unimodal", "bi": "bimodal", "ku": "Kroupa universal", "kb": "Kroupa revised", "ch": "Chabrier"}
TRACKS = {"T": "BaSTI", "P": "Padova00"}
ISOCHRONES = {
    "T": {
        -2.27: 0.0001, -1.79: 0.0003, -1.49: 0.0006, -1.26: 0.001, -0.96: 0.002, -0.66: 0.004, -0.35: 0.008,
        -0.25: 0.01, 0.06: 0.0198, 0.15: 0.024, 0.26: 0.03, 0.40: 0.04,
    },
    "P": {-2.32: 0.0001, -1.71: 0.0004, -1.31: 0.001, -0.71: 0.004, -0.40: 0.008, 0.0: 0.019, 0.22: 0.03},
}  # fmt: skip
"""Mass fraction of metals of the isochrones behind each [M/H]."""
SUN = 3.826e33
"""[erg/s]."""
CITATION = {
    "M": "Vazdekis et al. (2010), MNRAS 404, 1639; Vazdekis et al. (2015), MNRAS 449, 1177",
    "I": "Vazdekis et al. (2012), MNRAS 424, 157; Ricciardelli et al. (2012), MNRAS 424, 172",
    "E": "Vazdekis et al. (2016), MNRAS 463, 3409",
}
AXES = ("IMF slope", "[alpha/Fe]", "[M/H]", "age")


def files(path: Path) -> dict[str, re.Match[str]]:
    """The files of a folder with such a name, or the file itself."""
    names = sorted(file.name for file in (path.iterdir() if path.is_dir() else [path]))
    return {name: match for name in names if (match := NAME.fullmatch(name))}


def signed(sign: str, number: str) -> float:
    """p and m are plus and minus."""
    return float(number) * (-1 if sign == "m" and float(number) else 1)


def place(match: re.Match[str]) -> tuple[float, float, float, float]:
    """Slope of the IMF, [alpha/Fe], [M/H] and age [Gyr]."""
    of_tracks = signed(match["tsign"], match["tracks_alpha"])
    alpha = signed(match["asign"], match["alpha"]) if match["alpha"] else of_tracks
    return float(match["slope"]), alpha, signed(match["sign"], match["metals"]), float(match["age"])


def read(
    path: Path, metallicity: str = "isochrone", solar_metallicity: float | None = None, **stated: Any
) -> SSPLibrary:
    """The library."""
    if not path.is_dir():
        raise InputError(f"{path} is the spectrum of one population: give the folder with those of all of them.")
    named = files(path)
    strangers = sorted(file.name for file in path.iterdir() if FITS.search(file.name) and file.name not in named)
    if strangers:
        raise InputError(f"{path / strangers[0]} is FITS without the name of a MILES population: take it out of there.")
    sets = sorted({(m["range"], m["imf"], m["tracks"], bool(m["base"])) for m in named.values()})
    if len(sets) != 1:
        words = "; ".join(f"{RANGES[a]} {IMFS[b]} {TRACKS[c]}{' baseFe' * d}" for a, b, c, d in sets) or "none"
        raise InputError(f"{path} must hold one set of MILES models, and holds {words}: give a folder with one.")
    series, imf, tracks, base = sets[0]
    models = {name: place(match) for name, match in named.items()}
    values, found = gridded(path, models, AXES)
    shape = tuple(len(along) for along in values)
    wavelength, flux = spectra(path, found, shape)
    slopes, alphas, labels, ages = (np.array(along) for along in values)
    stated = {"fwhm": emiles(wavelength) if series == "E" else 2.51, "citation": CITATION[series]} | stated
    return assembled(
        path,
        name=f"{RANGES[series]}, {TRACKS[tracks]}{', base models' * base}",
        metallicity=fractions(path, labels, tracks, metallicity, solar_metallicity),
        age=ages,
        wavelength=wavelength,
        flux=flux.reshape(*(size for size in shape[:2] if size > 1), *flux.shape[2:]),
        medium="air",
        imf=IMFS[imf] if slopes.size > 1 else f"{IMFS[imf]}, slope {slopes[0]:g}",
        solar_luminosity=SUN,
        solar_metallicity=solar_metallicity if metallicity == "label" else solar(tracks),
        alpha=alphas if alphas.size > 1 else None,
        imf_slope=slopes if slopes.size > 1 else None,
        **stated,
    )


def spectra(
    path: Path, found: dict[tuple[int, ...], str], shape: tuple[int, ...]
) -> tuple[Float[np.ndarray, " rest"], Float[np.ndarray, "slope alpha metallicity age rest"]]:
    """Wavelengths and fluxes of all files, whose headers must agree."""
    wavelength, flux, first = np.zeros(0), np.zeros(0), ""
    for where, name in found.items():
        image = read_image(path / name)
        if image.data.ndim != 1 or image.data.size < 2:
            raise InputError(f"{path / name}: the image has shape {image.data.shape}, but it must be one spectrum.")
        own = image.wavelength()
        if not first:
            check_size(path, (*shape, own.size))
            wavelength, flux, first = own, np.empty((*shape, own.size)), name
        if own.shape != wavelength.shape or np.abs(own - wavelength).max() > 1e-3 * (own[1] - own[0]):
            raise InputError(
                f"{path / name} has {own.size} wavelengths from {own[0]:g} by {own[1] - own[0]:g} angstrom, and "
                f"{first} {wavelength.size} from {wavelength[0]:g} by {wavelength[1] - wavelength[0]:g}: keep those of "
                "one set."
            )
        if not np.isfinite(image.data).all():
            raise InputError(f"{path / name}: {np.sum(~np.isfinite(image.data))} fluxes are not finite.")
        flux[where] = image.data
    return wavelength, flux


def fractions(
    path: Path, labels: Float[np.ndarray, " metallicity"], tracks: str, meant: str, solar_metallicity: float | None
) -> Float[np.ndarray, " metallicity"]:
    """Mass fractions of metals."""
    if meant == "label":
        return mass_fractions(path, labels, solar_metallicity)
    if meant != "isochrone":
        raise InputError(f"metallicity must be one of ['isochrone', 'label'], got {meant!r}.")
    if solar_metallicity is not None:
        raise InputError(f'{path}: solar_metallicity belongs to metallicity="label"; isochrones have their own.')
    known = ISOCHRONES[tracks]
    if unknown := [label for label in labels if label not in known]:
        raise InputError(
            f"{path}: the mass fraction of the {TRACKS[tracks]} isochrones of [M/H] = {unknown[0]:g} is not known: "
            'give metallicity="label" and solar_metallicity=...'
        )
    return np.array([known[label] for label in labels])


def solar(tracks: str) -> float:
    """Mass fraction of metals of isochrones at [M/H] = 0."""
    known = ISOCHRONES[tracks]
    return float(10 ** np.interp(0.0, [*known], np.log10([*known.values()])))


def emiles(wavelength: Float[np.ndarray, " rest"]) -> Float[np.ndarray, " rest"]:
    """Resolution of E-MILES [angstrom]."""
    infrared = 60.0 * np.sqrt(8 * np.log(2)) / SPEED_OF_LIGHT * wavelength
    below = [wavelength < limit for limit in (3060.8, 3541.4, 8950.4)]
    return np.select(below, [np.full_like(wavelength, width) for width in (3.0, 5.0, 2.51)], infrared)


OPTIONS = ("metallicity", "solar_metallicity", "fwhm", "citation")

MILES_FOLDER = Format("miles-folder", lambda path: bool(files(path)), read, OPTIONS)
