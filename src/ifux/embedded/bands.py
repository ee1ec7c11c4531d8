"""Bands of molecules."""

import numpy as np
from jaxtyping import Float

TITANIUM_OXIDE = """
    4584 60 .25 4626 60 .25 4761 90 .55 4804 60 .35 4847 60 .3 4954 130 .75 5167 160 .8 5240 90 .3
    5448 130 .75 5597 70 .45 5661 60 .35 5759 60 .3 5862 60 .15 5930 60 .4 5954 50 .3 5975 50 .25
    5999 60 .15 6158 180 1.3 6322 90 .25 6384 90 .35 6651 170 .85 6681 90 .4 6815 90 .3 7054 150 1.0
    7088 120 .6 7126 120 .6 7589 120 .7 7667 120 .5 7820 90 .25 8206 110 .3 8432 150 .75 8860 200 .55
    9209 150 .35 9728 160 .3 9986 200 .25
"""
"""Head [angstrom], length of its red wing [angstrom] and relative strength.

References: heads after Pearse & Gaydon (1976), The Identification of Molecular Spectra; the rest by eye."""


def _shaded(wavelength, head, length, edge=1.5):
    """A band that begins sharply at its head and fades over a length, to the red where that is positive."""
    away = (wavelength - head) * np.sign(length)
    return np.exp(-np.maximum(away, 0) / abs(length)) / (1 + np.exp(np.clip(-away / edge, -200, 200)))


def _bump(wavelength, low, high, edge):
    rise = 1 / (1 + np.exp(np.clip((low - wavelength) / edge, -200, 200)))
    return rise / (1 + np.exp(np.clip((wavelength - high) / edge, -200, 200)))


def patterns(wavelength: Float[np.ndarray, " wave"]) -> Float[np.ndarray, "molecule wave"]:
    """Shapes of the bands of TiO, CH, CN, MgH, C2, CaH and VO, of optical depth about one at most."""
    heads = np.array(TITANIUM_OXIDE.split(), dtype=np.float64).reshape(-1, 3)
    oxide = sum(strength * _shaded(wavelength, head, length) for head, length, strength in heads)
    methylidyne = _bump(wavelength, 4297, 4313, 3.0) + 0.35 * _bump(wavelength, 4268, 4297, 5.0)
    cyanogen = 0.6 * _shaded(wavelength, 3883.4, -22.0) + 0.55 * _shaded(wavelength, 4215.5, -70.0)
    hydride = _shaded(wavelength, 5211.0, -75.0) + 0.2 * _shaded(wavelength, 4845.0, -50.0)
    swan = _shaded(wavelength, 4737.0, -45.0) + _shaded(wavelength, 5165.0, -30.0)
    calcium = (
        _shaded(wavelength, 6750.0, 90.0)
        + 0.8 * _shaded(wavelength, 6908.0, 60.0)
        + 0.5 * _shaded(wavelength, 6350.0, 60.0)
    )
    vanadium = (
        _shaded(wavelength, 7372.0, 110.0)
        + 0.8 * _shaded(wavelength, 7851.0, 110.0)
        + 0.5 * _shaded(wavelength, 8597.0, 120.0)
    )
    return np.stack([oxide, methylidyne, cyanogen, hydride, swan, calcium, vanadium])


def depths(
    temperature: Float[np.ndarray, " node"], gravity: Float[np.ndarray, " node"], richness: float
) -> Float[np.ndarray, "node molecule"]:
    """Optical depth of each molecule, as smooth laws of temperature [K], log gravity and metals relative to the Sun.

    The laws are invented, so that spectral types look like themselves: TiO from M0 on, CH strongest in early K, CN in
    giants, MgH and CaH in dwarfs.
    """
    cool = np.maximum(temperature, 2700.0)

    def peak(centre, width):
        return np.exp(-0.5 * (np.log10(temperature / centre) / width) ** 2)

    dwarf = 1 / (1 + np.exp(-2.0 * (gravity - 3.5)))
    oxide = 0.90 * richness**0.6 * 10 ** ((3600 - cool) / 650)
    vanadium = 0.15 * richness**0.6 * 10 ** ((3000 - cool) / 350)
    methylidyne = 0.45 * richness**0.35 * peak(4900, 0.085)
    cyanogen = 0.75 * richness**0.7 * peak(4550, 0.075) * (1 + 0.5 * (1 - dwarf))
    hydride = 0.15 * richness**0.5 * peak(4200, 0.075) * (0.3 + dwarf)
    swan = 0.28 * richness**0.8 * peak(4700, 0.08)
    calcium = 0.35 * richness**0.3 * 10 ** ((3300 - cool) / 800) * dwarf
    laws = (np.minimum(oxide, 3), methylidyne, cyanogen, hydride, swan, np.minimum(calcium, 1), np.minimum(vanadium, 1))
    return np.stack(laws, axis=1)
