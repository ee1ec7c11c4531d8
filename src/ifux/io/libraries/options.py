"""What a library must say of itself besides its numbers: where its file does not, whoever reads it is asked."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.files.hdf5 import numbers, require_dataset
from ifux.library import SSPLibrary
from ifux.units import SOLAR_LUMINOSITY

Resolution = Any
"""A width for all wavelengths, or pairs of wavelength and width, linear between them [angstrom]. Checked when used."""

LIMIT = 2**30
"""Fluxes of a library: ten times those of the largest that is known."""

AXES = ("imf_slope", "alpha", "metallicity", "age")
"""Of the fluxes, in their order, before that of wavelengths; a library need not have the first two."""

USUAL = ("medium", "fwhm", "imf", "citation", "solar_luminosity")
"""What most files leave open."""

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


def ask(path: str | Path, stated: Mapping[str, Any], names: Collection[str] = ("medium", "fwhm", "imf")) -> None:
    """Raises an error that asks for all of these names that nobody has stated.

    Raises:
        InputError: the file does not say what it must, and neither did the caller.
    """
    missing = [ASKED[name] for name in names if stated.get(name) is None]
    if missing:
        words, options = (", nor ".join(part[0] for part in missing), ", ".join(part[1] for part in missing))
        raise InputError(f"{path} does not say {words}: give {options}.")


def assembled(
    path: str | Path,
    *,
    wavelength: Float[np.ndarray, "..."],
    medium: str | None = None,
    fwhm: Resolution = None,
    imf: str | None = None,
    citation: str = "not stated",
    solar_luminosity: float | None = SOLAR_LUMINOSITY,
    **known: Any,
) -> SSPLibrary:
    """The library of what is `known`, the other fields of `SSPLibrary`, and of what was stated.

    The medium, the resolution and the IMF are asked for where they are None.
    """
    ask(path, {"medium": medium, "fwhm": fwhm, "imf": imf})
    if medium not in ("air", "vacuum"):
        raise InputError(f"{path}: medium must be 'air' or 'vacuum', got {medium!r}.")
    axes = {name: known[name] for name in AXES if known.get(name) is not None} | {"wavelength": wavelength}
    for name, nodes in axes.items():
        if nodes.ndim != 1 or nodes.size < 2 or not np.all(np.isfinite(nodes)):
            raise InputError(f"{path}: {name} of shape {nodes.shape} must be a list of finite numbers, two or more.")
    shape = tuple(nodes.size for nodes in axes.values())
    if known["flux"].shape != shape:
        raise InputError(f"{path}: flux has shape {known['flux'].shape}, but {', '.join(axes)} make it {shape}.")
    return SSPLibrary(
        wavelength=wavelength,
        fwhm=resolution(path, fwhm, wavelength),
        medium=medium,
        imf=str(imf),
        citation=citation,
        solar_luminosity=positive(path, "solar_luminosity", solar_luminosity),
        **known,
    )


def check_size(path: str | Path, shape: tuple[int, ...]):
    """Raises an error before so many fluxes are read that no library has them."""
    if math.prod(shape) > LIMIT:
        raise InputError(f"{path}: it promises fluxes of shape {shape}, more than any library has: it is damaged.")


def arrays(file: h5py.File, names: Sequence[str], remedy: str) -> list[Float[np.ndarray, "..."]]:
    """Datasets of numbers, of which the last are fluxes."""
    datasets = [require_dataset(file, name, remedy) for name in names]
    check_size(file.filename, datasets[-1].shape)
    return [numbers(dataset) for dataset in datasets]


def positive(path: str | Path, name: str, value: Any) -> float:
    """A positive and finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < float(value) < np.inf:
        raise InputError(f"{path}: {name} must be a positive number, got {value!r}.")
    return float(value)


def resolution(path: str | Path, fwhm: Any, wavelength: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The width at every wavelength, from a number, from pairs of wavelength and width, or as it is [angstrom]."""
    if isinstance(fwhm, np.ndarray) and fwhm.shape == wavelength.shape:
        if not np.all(np.isfinite(fwhm) & (fwhm > 0)):
            raise InputError(f"{path}: fwhm must be a positive width for each of {wavelength.size} wavelengths.")
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
    path: str | Path, labels: Float[np.ndarray, "..."], solar_metallicity: float | None
) -> Float[np.ndarray, "..."]:
    """Mass fractions behind [M/H] [dex], with the mass fraction of the sun, which is asked for where it is None."""
    ask(path, {"solar_metallicity": solar_metallicity}, ("solar_metallicity",))
    return positive(path, "solar_metallicity", solar_metallicity) * 10.0**labels
