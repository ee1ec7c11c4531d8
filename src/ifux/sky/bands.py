"""The broad bands in which the brightness of the night sky is published."""

BANDS = {
    "U": (3660, 650, 417.5), "B": (4360, 890, 632.0), "V": (5450, 840, 363.1), "R": (6410, 1580, 217.7),
    "I": (7980, 1540, 112.6), "J": (12200, 2130, 31.47), "H": (16300, 3070, 11.38), "K": (21900, 3900, 3.961),
}  # fmt: skip
"""Effective wavelength and width [angstrom], and flux density of magnitude zero [1e-11 erg/s/cm2/angstrom].

References: Bessell, Castelli & Plez (1998), A&A 333, 231, table A2; widths of Bessell (2005), ARA&A 43,
293, table 1.
"""


def flux_of(band: str, magnitude: float) -> float:
    """Flux density of a magnitude [erg/s/cm2/angstrom]."""
    return BANDS[band][2] * 1e-11 * 10 ** (-0.4 * magnitude)
