"""What a library must say of itself besides its numbers: where its file does not, whoever reads it is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.libraries.format import check_axes
from ifux.library import SSPLibrary
from ifux.units import SOLAR_LUMINOSITY

Resolution = Any
"""A width for all wavelengths, or pairs of wavelength and width, linear between them [angstrom]. Checked when used."""

LIBRARY_OPTIONS: dict[str, Any] = {
    "metallicity": str,
    "age_unit": str,
    "flux_unit": str,
    "medium": str,
    "fwhm": Any,
    "imf": str,
    "citation": str,
    "solar_metallicity": float,
    "solar_luminosity": float,
}
"""The options of all formats and their types. A resolution may be a number or pairs of numbers."""

ASKED = {
    "medium": ("whether its wavelengths are those in air or in vacuum", 'medium="air" or "vacuum"'),
    "fwhm": ("its spectral resolution", "fwhm=... in angstrom"),
    "imf": ("its initial mass function", 'imf="..."'),
    "solar_metallicity": ("which mass fraction it calls [M/H] = 0", "solar_metallicity=..."),
}
"""What may be missing, and what to give."""


def ask(path: str | Path, **values: Any) -> None:
    """Raises an error that asks for every value that is None.

    Raises:
        InputError: the file does not say what it must, and neither did the caller.
    """
    missing = [ASKED[name] for name, value in values.items() if value is None]
    if missing:
        words, options = (", nor ".join(part[0] for part in missing), ", ".join(part[1] for part in missing))
        raise InputError(f"{path} does not say {words}: give {options}.")


def assembled(
    path: str | Path,
    *,
    name: str,
    metallicity: Float[np.ndarray, " metallicity"],
    age: Float[np.ndarray, " age"],
    wavelength: Float[np.ndarray, " rest"],
    flux: Float[np.ndarray, "..."] | Callable[[], Float[np.ndarray, "..."]],
    medium: str | None,
    fwhm: Resolution,
    imf: str | None,
    citation: str | None,
    solar_luminosity: float | None = None,
    solar_metallicity: float | None = None,
    alpha: Float[np.ndarray, " alpha"] | None = None,
    imf_slope: Float[np.ndarray, " slope"] | None = None,
) -> SSPLibrary:
    """The library, checked. The medium, the resolution and the IMF are asked for where they are None."""
    ask(path, medium=medium, fwhm=fwhm, imf=imf)
    if medium not in ("air", "vacuum"):
        raise InputError(f"{path}: medium must be 'air' or 'vacuum', got {medium!r}.")
    flux = flux() if callable(flux) else flux
    sun = positive(path, "solar_luminosity", SOLAR_LUMINOSITY if solar_luminosity is None else solar_luminosity)
    widths = resolution(path, fwhm, wavelength)
    check_axes(
        str(path),
        metallicity=metallicity,
        age=age,
        wavelength=wavelength,
        fwhm=widths,
        flux=flux,
        further={"alpha": alpha, "imf_slope": imf_slope},
    )
    return SSPLibrary(
        name=name,
        metallicity=metallicity,
        age=age,
        wavelength=wavelength,
        flux=flux,
        fwhm=widths,
        medium=medium,
        imf=str(imf),
        citation="not stated" if citation is None else citation,
        solar_luminosity=sun,
        solar_metallicity=solar_metallicity,
        alpha=alpha,
        imf_slope=imf_slope,
    )


def positive(path: str | Path, name: str, value: Any) -> float:
    """A positive and finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < float(value) < np.inf:
        raise InputError(f"{path}: {name} must be a positive number, got {value!r}.")
    return float(value)


def resolution(path: str | Path, fwhm: Any, wavelength: Float[np.ndarray, " rest"]) -> Float[np.ndarray, " rest"]:
    """The width at every wavelength, from a number, from pairs of wavelength and width, or as it is [angstrom]."""
    if isinstance(fwhm, np.ndarray) and fwhm.shape == wavelength.shape:
        return np.asarray(fwhm, np.float64)
    if not isinstance(fwhm, list | tuple | np.ndarray):
        return np.full(wavelength.shape, positive(path, "fwhm", fwhm))
    try:
        pairs = np.asarray(fwhm, np.float64)
    except (TypeError, ValueError):
        pairs = np.zeros(0)
    good = pairs.ndim == 2 and pairs.shape[-1] == 2 and bool(np.all((pairs > 0) & np.isfinite(pairs)))
    if not good or not np.all(np.diff(pairs, axis=0)[..., 0] > 0):
        raise InputError(
            f"{path}: fwhm must be a number, or pairs of increasing wavelength and width such as "
            "[[4000, 2.5], [9000, 3.5]] in angstrom."
        )
    return np.interp(wavelength, pairs[:, 0], pairs[:, 1])


def mass_fractions(
    path: str | Path, labels: Float[np.ndarray, " metallicity"], solar_metallicity: float | None
) -> Float[np.ndarray, " metallicity"]:
    """Mass fractions behind [M/H] [dex], with the mass fraction of the sun, which is asked for where it is None."""
    ask(path, solar_metallicity=solar_metallicity)
    return positive(path, "solar_metallicity", solar_metallicity) * 10.0**labels
