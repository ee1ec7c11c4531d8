"""Whether a stellar library has the light of nebulae in it."""

import numpy as np

from ifux.emission.lines import LINES
from ifux.grids import to_vacuum
from ifux.library import AbstractLibrary, SSPLibrary

YOUNG = 0.01
"""Age up to which populations make their gas shine [Gyr]."""

LEAST = {"Halpha": 60.0, "Hbeta": 15.0}
"""Equivalent width in emission from which on it is that of a nebula [angstrom]."""


def nebular_library(library: AbstractLibrary) -> str | None:
    """Whether a stellar library has the lines of nebulae in its youngest spectra; None if it has not, or not where.

    By the equivalent width of H-alpha and of H-beta in emission, over populations of up to 10 Myr: that of stars alone
    is in absorption, or of a few angstrom; of an H II region of that age it is tens to thousands (Leitherer et al.
    1999, ApJS 123, 3).
    """
    if not isinstance(library, SSPLibrary) or not (young := library.age <= YOUNG).any():
        return None
    wave, spectra = library.wavelength, library.flux[..., young, :].reshape(-1, library.wavelength.size)
    wave = to_vacuum(wave) if library.medium == "air" else wave
    for name, least in LEAST.items():
        line = LINES[name].wavelength
        half = max(15.0, 1.5 * float(np.interp(line, wave, library.fwhm)))
        apart = np.abs(wave - line)
        within, beside = apart < half, (apart > 1.5 * half) & (apart < 4 * half)
        if not (wave[0] < line - 4 * half and line + 4 * half < wave[-1] and within.sum() > 1 and beside.sum() > 1):
            continue
        level = np.median(spectra[:, beside], axis=1)
        level = np.where(level > 0, level, np.inf)
        width = ((spectra[:, within] / level[:, None] - 1) * np.gradient(wave)[within]).sum(axis=1).max()
        if width > least:
            return (
                f"the stellar library {library.name!r} has the lines of nebulae in it already ({name} of "
                f"{width:.0f} angstrom in a population of {library.age[young][-1] * 1e3:.3g} Myr or less): light would "
                "count twice; take a library of stars alone, or leave the emission out"
            )
    return None
