"""Modules from descriptions: every key is checked before anything is called."""

import dataclasses
import difflib
import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import jax
import numpy as np

from ifux.checks import beyond_memory, out_of_sight, voxels
from ifux.config.table import DRAWN, GIVEN, INSIDE, KINDS, SEEDS
from ifux.errors import InputError
from ifux.galaxies import DiscBulge
from ifux.grids import Wavelengths
from ifux.library import SSPLibrary
from ifux.particles import Stars
from ifux.telescope import Telescope, line_of_sight
from ifux.typing import Limits

STAGES = ("target", "orientation", "spaxels", "kinematics", "dust", "psf", "focal_plane", "lsf", "noise")
"""The stages that need no library."""


def nearest(given: Any, known: list[str]) -> str:
    """The known name that may have been meant, to end a sentence with."""
    close = difflib.get_close_matches(str(given), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def shown(value: Any) -> str:
    """A value as JSON spells it, cut where it is long."""
    text = json.dumps(value, default=repr, ensure_ascii=False)
    return text if len(text) < 80 else f"{text[:60]}..."


def choose(given: Any, known: list[str], path: str) -> str:
    """One of the known names, or an error with the nearest."""
    if given is None:
        raise InputError(f"{path}: it is missing, and must be one of {known}")
    if not isinstance(given, str) or given not in known:
        raise InputError(f"{path}: {given!r} is not one of {known}{nearest(given, known)}")
    return given


def check_keys(given: dict, known: list[str], path: str, owner: str) -> None:
    """Every key is known."""
    for key in given:
        if key not in known:
            takes = str(sorted(known)) if known else "no keys: choose another kind"
            raise InputError(f"{path}.{key}: {owner} takes {takes}{nearest(key, known)}")


def check_value(value: Any, limits: Limits, path: str) -> None:
    """Numbers are finite in single precision, and within their limits."""
    if isinstance(value, list):
        for item in value:
            check_value(item, limits, path)
    elif is_number(value):
        if not abs(value) <= float(np.finfo(np.float32).max):
            raise InputError(f"{path}: {shown(value)} is not finite in single precision")
        if wrong := limits.breach(value):
            raise InputError(f"{path}: {shown(value)} {wrong}")
        if limits.above == 0 and value < float(np.finfo(np.float32).tiny):
            raise InputError(f"{path}: {shown(value)} is zero in single precision")


def is_number(value: Any) -> bool:
    """A number and no truth, which Python counts as one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def present(wanted: Any) -> Any:
    """What an annotation wants where something is given: it may be none."""
    return get_args(wanted)[0] if get_origin(wanted) is UnionType and get_args(wanted)[1:] == (NoneType,) else wanted


def check_type(value: Any, wanted: Any, path: str) -> None:
    """A value is what an annotation wants: a choice, a name, a truth, a number, or a list of so many."""
    wanted = present(wanted)
    choices = [*get_args(wanted)] if get_origin(wanted) is Literal else []
    if choices and not any(value == choice and type(value) is type(choice) for choice in choices):
        raise InputError(f"{path}: {shown(value)} is not one of {choices}")
    for kind, name in ((str, "a name"), (bool, "true or false")):
        if wanted is kind and not isinstance(value, kind):
            raise InputError(f"{path}: {shown(value)} is not {name}")
    dimensions = getattr(wanted, "dims", None)
    if (wanted is float or dimensions == ()) and not is_number(value):
        raise InputError(f"{path}: {shown(value)} is not a number")
    if wanted is int and not (is_number(value) and isinstance(value, int)):
        raise InputError(f"{path}: {shown(value)} is not a whole number")
    if get_origin(wanted) is tuple or dimensions:
        items = get_args(wanted)
        length = None if Ellipsis in items else len(items) or getattr((dimensions or [None])[0], "size", None)
        if not isinstance(value, list | tuple) or len(value) != (length or len(value)):
            raise InputError(f"{path}: {shown(value)} is not a list of {length or 'some'} numbers")
        for item in value:
            check_type(item, (*get_args(wanted), float)[0], path)


@dataclass(frozen=True)
class Argument:
    """What a constructor takes under a name."""

    type: Any
    limits: Limits
    default: Any
    """What it is where it is not given: a value, or what is called to make one; `MISSING` where it must be."""

    @property
    def needed(self) -> bool:
        """It must be given."""
        return self.default is MISSING


def parameters(function: Callable[..., Any]) -> dict[str, Argument]:
    """What a constructor takes from a description.

    Of a class the fields tell, since a signature shows what their converters take; of a function its annotations, which
    hold limits as `Annotated[float, Limits(above=0)]`.
    """
    found = {}
    if dataclasses.is_dataclass(function):
        for field in dataclasses.fields(function):
            default = field.default if field.default_factory is MISSING else field.default_factory
            found[field.name] = Argument(field.type, field.metadata.get("limits", Limits()), default)
    else:
        for name, parameter in inspect.signature(function).parameters.items():
            kind, limits = parameter.annotation, Limits()
            if get_origin(kind) is Annotated:
                kind, limits = get_args(kind)
            found[name] = Argument(kind, limits, MISSING if parameter.default is parameter.empty else parameter.default)
    return {name: argument for name, argument in found.items() if name not in GIVEN}


def call(function: Callable[..., Any], arguments: dict, path: str) -> Any:
    """Calls a constructor; what it finds wrong is said with the path of the description."""
    try:
        return function(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error


def checked(family: str, description: Any, path: str) -> tuple[Callable[..., Any], dict]:
    """The constructor that a description such as {"kind": "moffat", "fwhm": 0.8} names, and its arguments."""
    kinds = KINDS[family]
    if not isinstance(description, dict) or (len(kinds) > 1 and "kind" not in description):
        raise InputError(f'{path}: {shown(description)} must be like {{"kind": ...}} with a kind of {[*kinds]}')
    function = kinds[choose(description.get("kind", next(iter(kinds))), [*kinds], f"{path}.kind")]
    arguments = {key: value for key, value in description.items() if key != "kind"}
    owner, known = function.__qualname__.split(".")[0], parameters(function)
    check_keys(arguments, [*known], path, owner)
    for key, argument in known.items():
        if key in arguments and key in INSIDE:
            arguments[key] = module(INSIDE[key], arguments[key], f"{path}.{key}")
        elif key in arguments:
            check_type(arguments[key], argument.type, f"{path}.{key}")
            check_value(arguments[key], argument.limits, f"{path}.{key}")
            if get_origin(present(argument.type)) is tuple and arguments[key] is not None:
                arguments[key] = tuple(arguments[key])
        elif argument.needed:
            raise InputError(f"{path}.{key}: {owner} needs it, and it is missing")
    return function, arguments


def module(family: str, description: Any, path: str) -> Any:
    """The module of a family that a description stands for."""
    return call(*checked(family, description, path), path)


def wavelengths(description: Any, path: str) -> Wavelengths:
    """The wavelength axis of a description."""
    if not isinstance(description, dict):
        raise InputError(f"{path}: {shown(description)} must hold start, step, size and medium")
    known = parameters(Wavelengths)
    check_keys(description, [*known], path, "Wavelengths")
    for key, argument in known.items():
        if key not in description:
            raise InputError(f"{path}.{key}: Wavelengths needs it, and it is missing")
        check_type(description[key], argument.type, f"{path}.{key}")
        check_value(description[key], argument.limits, f"{path}.{key}")
    return call(Wavelengths, description, path)


def parts(description: dict) -> tuple[dict[str, Any], Wavelengths]:
    """The stages of a resolved description that need no library, and its wavelengths; everything in it is checked.

    Raises:
        InputError: a key or a value cannot be used.
    """
    stages = {family: module(family, description[family], f"telescope.{family}") for family in STAGES}
    checked("ssp", description["ssp"], "telescope.ssp")
    observed = wavelengths(description["wavelengths"], "telescope.wavelengths")
    if sentence := out_of_sight(stages["target"]):
        raise InputError(f"telescope.target: {sentence}")
    if sentence := beyond_memory(voxels(stages, observed)):
        raise InputError(f"telescope: {sentence}")
    return stages, observed


def telescope(description: dict, library: SSPLibrary, stars: Stars) -> Telescope:
    """The telescope of a resolved description, with its stellar library, aligned to the galaxy.

    Where the description does not say how far the velocity channels reach, they reach as far as the stars go.

    Raises:
        InputError: a key or a value cannot be used, or the library does not cover the wavelengths.
    """
    stages, observed = parts(description)
    stages["orientation"] = stages["orientation"].aligned_to(stars)
    usual, remedy = stages["kinematics"], ""
    if "reach" not in description["kinematics"]:
        velocities = line_of_sight(stages["orientation"], stages["target"], stars)
        stages["kinematics"] = usual.spanning(velocities)
        if stages["kinematics"].span > usual.span:
            remedy = f"; or hold faster stars at {usual.reach:g} km/s, with telescope.kinematics.reach={usual.reach:g}"
    try:
        library, observed = library.matched(
            observed, float(stages["target"].redshift), stages["kinematics"].span, trim=description.get("trim", False)
        )
    except InputError as error:
        raise InputError(f"telescope.wavelengths: {error}{remedy}") from error
    function, arguments = checked("ssp", description["ssp"], "telescope.ssp")
    ssp = call(function, {"library": library, **arguments}, "telescope.ssp")
    if sentence := beyond_memory(voxels(stages, observed, basis=ssp.size)):
        raise InputError(f"telescope: {sentence}")
    return Telescope(wavelengths=observed, ssp=ssp, **stages)


def galaxy_model(description: dict, path: str = "galaxy") -> DiscBulge:
    """The parametric galaxy of a description such as {"kind": "disc-bulge", "count": 100000, "seed": 1}."""
    given = DRAWN | {key: value for key, value in description.items() if key != "kind"}
    known = dict.fromkeys(DRAWN, Argument(int, Limits(), MISSING)) | parameters(DiscBulge)
    check_keys(given, [*known], path, "DiscBulge")
    for key, value in given.items():
        check_type(value, known[key].type, f"{path}.{key}")
        check_value(value, known[key].limits, f"{path}.{key}")
    check_seed(seed := given.pop("seed"), f"{path}.seed")
    if given["count"] < 2:
        raise InputError(f"{path}.count: {given['count']} particles are no galaxy, at least 2 are needed")
    if sentence := beyond_memory(50 * given["count"]):
        raise InputError(f"{path}.count: {sentence}")
    return call(DiscBulge.sample, {"key": jax.random.key(seed), **given}, path)


def check_seed(seed: Any, path: str) -> None:
    """A whole number that makes random numbers of its own."""
    check_type(seed, int, path)
    if not 0 <= seed < SEEDS:
        raise InputError(f"{path}: {shown(seed)} is not between 0 and {SEEDS - 1}")
