"""Libraries that python-fsps computes, built once and kept in the user's cache."""

import hashlib
import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.io.libraries.embedded import cached
from ifux.io.libraries.rubix import per_angstrom
from ifux.library import SSPLibrary
from ifux.units import SPEED_OF_LIGHT

SUN = 3.839e33
"""What FSPS calls one solar luminosity [erg/s]."""

IMFS = {0: "Salpeter (1955)", 1: "Chabrier (2003)", 2: "Kroupa (2001)", 3: "van Dokkum (2008)", 4: "Dave (2008)"}
"""By `imf_type`."""

CITATION = "Conroy, Gunn & White (2009), ApJ 699, 486; Conroy & Gunn (2010), ApJ 712, 833; Johnson et al., python-fsps"

STARLIGHT = {"zcontinuous": 0, "sfh": 0, "add_neb_emission": False, "add_dust_emission": False, "zred": 0.0}
"""What makes FSPS give the stars of simple populations and nothing else."""


def fsps_library(**parameters: Any) -> SSPLibrary:
    """The populations of python-fsps at all of its metallicities and ages, without dust and gas.

    Needs the optional package `fsps` and the data that it is built with (`pip install 'ifux[fsps]'`). The first call
    takes minutes, the next ones with the same parameters and the same build of FSPS read the cache.

    Args:
        **parameters: Of `fsps.StellarPopulation`, such as `imf_type=1`: names and numbers. Those that would bring in
            dust, gas, redshift or a star formation history are fixed, and `vactoair_flag` too: wavelengths are in
            vacuum.

    Raises:
        InputError: python-fsps is not there or does not work, or does not take the parameters.
    """
    if fixed := sorted({*STARLIGHT, "vactoair_flag", "zmet"} & {*parameters}):
        raise InputError(f"fsps_library fixes {fixed}: leave them out.")
    fsps = imported()
    try:
        key = json.dumps([str(getattr(fsps, "__version__", "")), libraries(fsps), parameters], sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"fsps_library takes names and numbers: {error}.") from error
    return cached(lambda: f"fsps-{hashlib.sha256(key.encode()).hexdigest()[:16]}", lambda: build(fsps, parameters))


def imported() -> Any:
    """The package, which fails to be imported where its data are not there."""
    if find_spec("fsps") is None:
        raise InputError(
            "python-fsps is not installed: pip install 'ifux[fsps]', and set SPS_HOME to the data of FSPS."
        )
    try:
        return import_module("fsps")
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"python-fsps does not work here ({reason}): set SPS_HOME to the data of FSPS.") from error


def libraries(fsps: Any) -> list[str]:
    """The isochrones, stellar spectra and dust that FSPS was built with."""
    found = getattr(population(fsps, {}), "libraries", ())
    return [name.decode() if isinstance(name, bytes) else str(name) for name in found]


def population(fsps: Any, parameters: dict[str, Any]) -> Any:
    """FSPS, set to stars alone."""
    try:
        return fsps.StellarPopulation(**STARLIGHT, vactoair_flag=False, **parameters)
    except Exception as error:
        raise InputError(f"python-fsps does not take {parameters}: {' '.join(str(error).split())}.") from error


def build(fsps: Any, parameters: dict[str, Any]) -> SSPLibrary:
    """The library, computed."""
    stars = population(fsps, parameters)
    metallicity = np.asarray(stars.zlegend, np.float64)
    wavelength = np.asarray(stars.wavelengths, np.float64)
    per_hertz = [stars.get_spectrum(zmet=index + 1, tage=0.0, peraa=False)[1] for index in range(metallicity.size)]
    kind = parameters.get("imf_type", 2)
    try:
        return SSPLibrary(
            name=f"FSPS, {', '.join(libraries(fsps)[:2])}",
            metallicity=metallicity,
            age=10.0 ** (np.asarray(stars.ssp_ages, np.float64) - 9),
            wavelength=wavelength,
            flux=per_angstrom(np.asarray(per_hertz, np.float64), wavelength),
            fwhm=resolution(np.asarray(stars.resolutions, np.float64), wavelength),
            medium="vacuum",
            imf=IMFS.get(kind, f"imf_type {kind} of FSPS"),
            citation=CITATION,
            solar_luminosity=SUN,
            solar_metallicity=getattr(stars, "solar_metallicity", None),
        )
    except ValueError as error:
        raise InputError(f"python-fsps gives no usable library: {error}") from error


def resolution(
    dispersion: Float[np.ndarray, " rest"], wavelength: Float[np.ndarray, " rest"]
) -> Float[np.ndarray, " rest"]:
    """Width [angstrom], from the dispersion [km/s] that FSPS states, negative where it is a guess.

    Where it states none, two pixels.
    """
    width = np.abs(dispersion) * np.sqrt(8 * np.log(2)) / SPEED_OF_LIGHT * wavelength
    return np.where(width > 0, width, 2 * np.gradient(wavelength))
