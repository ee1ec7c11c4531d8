"""Modules from descriptions: every key is checked before anything is called."""

import difflib
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax

from ifux.config.table import GIVEN, KINDS, NOT_NEGATIVE, POSITIVE
from ifux.errors import InputError
from ifux.galaxies import DiscBulge
from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.particles import Particles
from ifux.telescope import Telescope


def choose(given: Any, known: list[str], path: str) -> str:
    """One of the known names, or an error with the nearest."""
    if given in known:
        return given
    close = difflib.get_close_matches(str(given), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(f"{path}: {given!r} is not one of {known}{hint}")


def check_keys(given: dict, known: list[str], path: str, owner: str) -> None:
    """Every key is known."""
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(f"{path}.{key}: {owner} takes {sorted(known)}{hint}")


def check_value(value: Any, key: str, path: str) -> None:
    """A finite number, a list of them, a name or a truth; numbers in their physical range."""
    if isinstance(value, list):
        for item in value:
            check_value(item, key, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise InputError(f"{path}: {value} is not a finite number")
        if key in POSITIVE and value <= 0:
            raise InputError(f"{path}: {value} is not greater than zero")
        if key in NOT_NEGATIVE and value < 0:
            raise InputError(f"{path}: {value} is below zero")
    elif not isinstance(value, str | bool):
        raise InputError(f"{path}: {value!r} is no number, list, name or truth")


def call(function: Callable[..., Any], arguments: dict, path: str) -> Any:
    """Calls a constructor; what it finds wrong is said with the path of the description."""
    try:
        return function(**arguments)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error


def module(family: str, description: Any, path: str, **given: Any) -> Any:
    """The module of a family that a description such as {"kind": "moffat", "fwhm": 0.8} stands for."""
    kinds = KINDS[family]
    if not isinstance(description, dict) or (len(kinds) > 1 and "kind" not in description):
        raise InputError(f'{path}: {description!r} must be like {{"kind": ...}} with a kind of {[*kinds]}')
    kind = choose(description.get("kind", next(iter(kinds))), [*kinds], f"{path}.kind")
    function = kinds[kind]
    arguments = {key: value for key, value in description.items() if key != "kind"}
    signature = inspect.signature(function).parameters
    owner = function.__qualname__.split(".")[0]
    check_keys(arguments, [name for name in signature if name not in GIVEN], path, owner)
    for name, parameter in signature.items():
        if parameter.default is parameter.empty and name not in arguments and name not in GIVEN:
            raise InputError(f"{path}.{name}: {owner} needs it, and it is missing")
    for key, value in arguments.items():
        if key in KINDS:
            arguments[key] = module(key, value, f"{path}.{key}")
        else:
            check_type(value, signature[key].annotation, f"{path}.{key}")
            check_value(value, key, f"{path}.{key}")
    return call(function, arguments | {key: value for key, value in given.items() if key in signature}, path)


def check_type(value: Any, annotation: Any, path: str) -> None:
    """Numbers where the constructor wants numbers, whole where it wants whole ones."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int and not (isinstance(value, int) and not isinstance(value, bool)):
        raise InputError(f"{path}: {value!r} is not a whole number")
    if annotation is float and not number:
        raise InputError(f"{path}: {value!r} is not a number")
    if annotation is bool and not isinstance(value, bool):
        raise InputError(f"{path}: {value!r} is neither true nor false")
    dimensions = getattr(annotation, "dims", None)
    if dimensions == () and not number:
        raise InputError(f"{path}: {value!r} is not a number")
    if dimensions and not isinstance(value, list):
        raise InputError(f"{path}: {value!r} is not a list of numbers")


def wavelengths(description: Any, path: str) -> Wavelengths:
    """The wavelength axis of a description."""
    if not isinstance(description, dict):
        raise InputError(f"{path}: {description!r} must hold start, step, size and medium")
    names = ["start", "step", "size", "medium"]
    check_keys(description, names, path, "Wavelengths")
    for name, kind in zip(names, (float, float, int, str), strict=True):
        if name not in description:
            raise InputError(f"{path}.{name}: Wavelengths needs it, and it is missing")
        check_type(description[name], kind, f"{path}.{name}")
        check_value(description[name], name, f"{path}.{name}")
    return call(Wavelengths, description, path)


def telescope(description: dict, library: SSPLibrary, particles: Particles) -> Telescope:
    """The telescope of a resolved description, with its stellar library, aligned to the galaxy.

    Raises:
        InputError: a key or a value cannot be used, or the library does not cover the wavelengths.
    """
    path = "telescope"
    stages = {
        family: module(family, description[family], f"{path}.{family}")
        for family in ("target", "orientation", "spaxels", "kinematics", "dust", "psf", "lsf", "noise")
    }
    observed = wavelengths(description["wavelengths"], f"{path}.wavelengths")
    redshift, reach = float(stages["target"].redshift), stages["kinematics"].reach
    try:
        library, observed = library.matched(observed, redshift, reach, trim=description.get("trim", False))
    except InputError as error:
        raise InputError(f"{path}.wavelengths: {error}") from error
    ssp = module("ssp", description["ssp"], f"{path}.ssp", library=library)
    return Telescope(wavelengths=observed, ssp=ssp, **stages).aligned_to(particles)


def galaxy_model(description: dict, path: str = "galaxy") -> DiscBulge:
    """The parametric galaxy of a description such as {"kind": "disc-bulge", "count": 100000, "seed": 1}."""
    count, seed = description.get("count", 100_000), description.get("seed", 0)
    for name, value in (("count", count), ("seed", seed)):
        check_type(value, int, f"{path}.{name}")
    if count < 2:
        raise InputError(f"{path}.count: {count} particles are no galaxy, at least 2 are needed")
    check_value(seed, "seed", f"{path}.seed")
    parameters = {key: value for key, value in description.items() if key not in ("kind", "count", "seed")}
    known = [name for name in inspect.signature(DiscBulge).parameters if name not in ("uniform", "normal")]
    check_keys(parameters, [*known, "count", "seed"], path, "DiscBulge")
    for key, value in parameters.items():
        check_type(value, int if key == "bulge_count" else float, f"{path}.{key}")
        check_value(value, key, f"{path}.{key}")
    return call(DiscBulge.sample, {"count": count, "key": jax.random.key(seed), **parameters}, path)
