"""How many ionising photons stars give off by their age and metals."""

import numpy as np
from jaxtyping import Float

from ifux.grids import to_vacuum
from ifux.library import SSPLibrary

METALS = (0.0001, 0.0004, 0.004, 0.008, 0.02, 0.05)
"""Mass fractions of metals of the nodes."""
AGES = (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 8e-3, 1e-2, 1.5e-2, 2e-2, 3e-2, 5e-2)
"""Ages of the nodes [Gyr]."""
RATES = (
    (46.78, 46.83, 46.74, 46.49, 46.28, 46.11, 45.78, 45.40, 44.69, 44.21, 43.35, 42.75),
    (46.71, 46.65, 46.61, 46.42, 46.15, 45.94, 45.60, 45.24, 44.43, 43.89, 43.07, 42.17),
    (46.67, 46.67, 46.59, 46.40, 46.01, 45.71, 45.22, 44.80, 43.98, 43.52, 42.78, 41.89),
    (46.67, 46.63, 46.53, 46.25, 45.93, 45.62, 45.01, 44.60, 43.81, 43.35, 42.58, 41.61),
    (46.62, 46.51, 46.51, 46.02, 45.76, 45.21, 44.71, 44.23, 43.49, 43.04, 42.23, 41.12),
    (46.56, 46.26, 46.26, 45.72, 45.55, 45.29, 44.17, 43.78, 43.04, 42.46, 41.62, 40.38),
)
"""Logarithms of the photons beyond 13.6 eV of one solar mass of stars in one second, by metals and by age.

Counted as `photons` does on the low-resolution spectra of Bruzual & Charlot (2003), MNRAS 344, 1000, with the IMF of
Chabrier (2003) and tracks of Padova 1994; single stars.
"""

LYMAN = 911.75
"""Wavelength of the edge in vacuum [angstrom]."""
PHOTON = 1.986445857e-8
"""h c [erg angstrom], CODATA 2018."""


def photons(library: SSPLibrary) -> Float[np.ndarray, "metallicity age"]:
    r"""Logarithms of the ionising photons of a solar mass of stars in one second, from spectra that reach there.

    $$Q = \int_0^{911.75\,Å} \frac{\lambda L_\lambda}{h c}\,d\lambda$$

    Raises:
        ValueError: the library has no ionising light, or axes besides metallicity and age.
    """
    wave = to_vacuum(library.wavelength) if library.medium == "air" else library.wavelength
    if library.flux.ndim != 3:
        raise ValueError(f"Library {library.name!r} has further axes: choose one mixture and one IMF of it.")
    inside = wave < LYMAN
    if inside.sum() < 8 or wave[0] > LYMAN / 2:
        raise ValueError(
            f"Library {library.name!r} begins at {wave[0]:.0f} angstrom: it has no ionising light, which is below 912, "
            "half of it below 600."
        )
    at = np.append(wave[inside], LYMAN)
    flux = np.concatenate([library.flux[..., inside], library.flux[..., inside][..., -1:]], axis=-1)
    rate = np.trapezoid(flux * at, at, axis=-1) / PHOTON
    return np.log10(np.maximum(rate, 1e-99)) + np.log10(library.solar_luminosity)
