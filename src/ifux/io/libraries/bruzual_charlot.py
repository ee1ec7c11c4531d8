"""The models of Bruzual & Charlot as text, a folder of `*.ised_ASCII` (or `.ised_ASCII.gz`), one for a metallicity.

Numbers follow one another over lines of any length:

    count, ages [yr]                          the first age is 0
    five lines about the IMF and the tracks   one of them says Z=...
    count, wavelengths [angstrom]
    for every age: count, fluxes [solar luminosity/angstrom/solar mass formed], count, fit functions
    more about the population as a whole      not read

The age 0 is taken for one year, so that it has a logarithm; the models stand still until 1e5 years. The IMF is read
from the names (`chab`, `salp`, `kroup`), which must be those of one set of models. Exponents of three digits, which
Fortran writes without a letter, are understood. Medium and resolution are asked for: they differ between the spectral
libraries of the sets and along the wavelengths.

References: Bruzual & Charlot (2003), MNRAS 344, 1000, and the documentation of GALAXEV.
"""

import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.compressed import exactly, unpacked
from ifux.io.files.format import Format
from ifux.io.libraries.options import USUAL, ask, assembled, check_size
from ifux.library import SSPLibrary

SUFFIX = re.compile(r"\.ised_ASCII(\.gz)?$", re.IGNORECASE)
METALS = re.compile(rb"Z\s*=\s*(0?\.\d+)")
TRACK = re.compile(r"_m\d+")
EXPONENT = re.compile(rb"(\d)([+-]\d{3})(?=\s|$)")
IMFS = {"chab": "Chabrier (2003)", "salp": "Salpeter (1955)", "kroup": "Kroupa (2001)"}
TEXT = 2**28
"""Bytes of a file: five times those of the largest that is known."""
FIRST = 1e-9
"""The age of 0 [Gyr]."""


def files(path: Path) -> list[Path]:
    """The files of a folder with the name of such models, or the file itself."""
    return sorted(file for file in (path.iterdir() if path.is_dir() else [path]) if SUFFIX.search(file.name))


def read(path: Path, **stated: Any) -> SSPLibrary:
    """The library."""
    if not path.is_dir():
        raise InputError(f"{path} is the model of one metallicity: give the folder with those of all of them.")
    named = files(path)
    if not named:
        raise InputError(f"{path} holds no models of Bruzual & Charlot (*.ised_ASCII): give a folder with them.")
    if len(sets := sorted({TRACK.sub("_m*", SUFFIX.sub("", file.name), count=1) for file in named})) > 1:
        raise InputError(f"{path} holds several sets of models, {', '.join(sets)}: give a folder with one.")
    imf = next((words for code, words in IMFS.items() if f"_{code}" in sets[0].lower()), None)
    stated = {"imf": imf, "citation": "Bruzual & Charlot (2003), MNRAS 344, 1000"} | stated
    ask(path, stated)
    models: dict[float, tuple[Path, np.ndarray]] = {}
    axes = (np.zeros(0), np.zeros(0))
    for file in named:
        metals, age, wavelength, flux = read_model(file)
        if metals in models:
            raise InputError(f"{path}: {models[metals][0].name} and {file.name} both have Z = {metals:g}: keep one.")
        axes = axes if models else (age, wavelength)
        if not all(np.array_equal(one, other) for one, other in zip(axes, (age, wavelength), strict=True)):
            raise InputError(f"{file} has other ages or wavelengths than {named[0].name}: keep those of one set.")
        models[metals] = (file, flux)
        check_size(path, (len(named), *flux.shape))
    metallicity = np.array(sorted(models))
    return assembled(
        path,
        name=sets[0],
        metallicity=metallicity,
        age=np.where(axes[0] == 0, FIRST, axes[0] * 1e-9),
        wavelength=axes[1],
        flux=np.stack([models[metals][1] for metals in metallicity]),
        **stated,
    )


def read_model(
    path: Path,
) -> tuple[float, Float[np.ndarray, " age"], Float[np.ndarray, " rest"], Float[np.ndarray, "age rest"]]:
    """Mass fraction, ages [yr], wavelengths [angstrom] and fluxes of one file."""
    with unpacked(path) as file:
        content = exactly(file, TEXT + 1)
    if len(content) > TEXT:
        raise InputError(f"{path} unpacks to more than {TEXT} bytes, which no model does: it is damaged.")
    try:
        ages, rest = block(content, 0)
        lines = content[rest:].split(b"\n", 6)
        about, after = b"\n".join(lines[1:6]), len(content) - len(lines[6])
        wavelength, after = block(content, after)
        metals = METALS.search(about)
        if metals is None:
            raise ValueError("no line about its tracks says Z=...")
        words = EXPONENT.sub(rb"\1E\2", bytes(content[after:])).split()
        row = 1 + wavelength.size
        functions = int(words[row])
        stride = row + 1 + functions
        if functions < 0 or len(words) < ages.size * stride:
            raise ValueError(f"it ends before the spectra of its {ages.size} ages do")
        rows = np.array(words[: ages.size * stride], dtype=np.float64).reshape(ages.size, stride)
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"{path} is no model of Bruzual & Charlot in text, or is truncated or damaged: {error}."
        ) from error
    if not (rows[:, 0] == wavelength.size).all() or not (rows[:, row] == functions).all():
        raise InputError(f"{path} is damaged: its spectra do not all have {wavelength.size} wavelengths.")
    return float(metals[1]), ages, wavelength, rows[:, 1:row]


def block(content: bytearray, place: int) -> tuple[Float[np.ndarray, " value"], int]:
    """Numbers after their count, and the place after the last of them."""
    words = re.compile(rb"\S+").finditer(content, place)
    first = next(words, None)
    count = 2 if first is None else int(first[0])
    if not 2 <= count <= 2**20:
        raise ValueError(f"{count} is no count of ages or wavelengths")
    found = list(islice(words, count))
    if len(found) < count:
        raise ValueError("it ends within its ages or wavelengths")
    return np.array([EXPONENT.sub(rb"\1E\2", word[0]) for word in found], np.float64), found[-1].end()


BRUZUAL_CHARLOT = Format("bruzual-charlot", lambda path: bool(files(path)), read, USUAL)
