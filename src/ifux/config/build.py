"""Modules from descriptions: every key is checked before anything is called."""

import dataclasses
import difflib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ifux.checks import beyond_memory, in_range, line_widths, lines_recorded, out_of_sight, voxels
from ifux.config.table import CELLS, DRAWN, GIVEN, INSIDE, KINDS, SEEDS, USUAL
from ifux.errors import InputError, of_arm
from ifux.exposure import masked
from ifux.focal_plane import FibreBundle
from ifux.galaxies import DiscBulge, GasDisc, SpiralGalaxy
from ifux.grids import AbstractWavelengths
from ifux.library import AbstractLibrary
from ifux.lsf.base import AbstractLSF
from ifux.nebular import nebular_library
from ifux.noise.base import AbstractNoise
from ifux.particles import AbstractGalaxy, Cells, Stars
from ifux.sources import EmissionLines
from ifux.telescope import Telescope, line_of_sight
from ifux.typing import Limits, decimal

STAGES = ("target", "orientation", "spaxels", "kinematics", "dust", "psf", "focal_plane")
"""The stages that need nothing besides their description."""


def nearest(given: Any, known: list[str]) -> str:
    """The known name that may have been meant, to end a sentence with."""
    close = difflib.get_close_matches(str(given), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Errors say which arm they are of."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error}{of_arm(name)}") from error


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


def as_annotated(value: Any, wanted: Any) -> Any:
    """A value of JSON as an annotation has it: whole numbers and lists where it wants numbers and tuples."""
    if get_origin(wanted) is UnionType and get_args(wanted)[1:] == (NoneType,):
        wanted = get_args(wanted)[0]
    if wanted is float and is_number(value):
        return float(value)
    if get_origin(wanted) is tuple and isinstance(value, list | tuple):
        return tuple(as_annotated(item, get_args(wanted)[0]) for item in value)
    return value


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

    def is_stage(self, key: str) -> bool:
        """Whether a stage stands under the key, and no numbers that are called as one."""
        return key in INSIDE and get_origin(present(self.type)) is not tuple


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


def checked(
    family: str, description: Any, path: str, given: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Callable[..., Any], dict]:
    """The constructor that a description such as {"kind": "moffat", "fwhm": 0.8} names, and its arguments.

    Of what is given besides the description it gets what it takes.
    """
    kinds = KINDS[family]
    usual = USUAL.get(family, next(iter(kinds)) if len(kinds) == 1 else None)
    if not isinstance(description, dict) or (usual is None and "kind" not in description):
        raise InputError(f'{path}: {shown(description)} must be like {{"kind": ...}} with a kind of {[*kinds]}')
    function = kinds[choose(description.get("kind", usual), [*kinds], f"{path}.kind")]
    arguments = {key: value for key, value in description.items() if key != "kind"}
    owner, known = function.__qualname__.split(".")[0], parameters(function)
    check_keys(arguments, [*known], path, owner)
    for key, argument in known.items():
        if key in arguments and argument.is_stage(key):
            arguments[key] = module(INSIDE[key], arguments[key], f"{path}.{key}", given)
        elif key in arguments:
            check_type(arguments[key], argument.type, f"{path}.{key}")
            check_value(arguments[key], argument.limits, f"{path}.{key}")
            arguments[key] = as_annotated(arguments[key], argument.type)
        elif argument.needed:
            raise InputError(f"{path}.{key}: {owner} needs it, and it is missing")
    taken = inspect.signature(function).parameters
    return function, arguments | {key: value for key, value in given.items() if key in taken}


def module(family: str, description: Any, path: str, given: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The module of a family that a description stands for."""
    return call(*checked(family, description, path, given), path)


def elements(spaxels: Any, plane: Any) -> dict[str, Any]:
    """Of the elements that noise acts on: their area [arcsec2], and how far east and north of the galaxy they are."""
    scene = spaxels.scene
    angle, centre = np.radians(float(spaxels.position_angle)), np.asarray(spaxels.centre, np.float64)
    left, up = np.asarray(plane.places(scene), np.float64).reshape(-1, 2).T
    east, north = left * np.cos(angle) + up * np.sin(angle), up * np.cos(angle) - left * np.sin(angle)
    return {"element_area": decimal(plane.element_area(scene)), "places": np.column_stack([east, north]) + centre}


def parts(description: dict) -> tuple[dict[str, Any], AbstractWavelengths]:
    """The stages of a resolved description that need no library, and its wavelengths; everything in it is checked.

    Raises:
        InputError: a key or a value cannot be used.
    """
    stages = {family: module(family, description[family], f"telescope.{family}") for family in STAGES}
    if isinstance(plane := stages["focal_plane"], FibreBundle):
        stages["focal_plane"] = plane.suited_to(stages["spaxels"].scene)
    shape = stages["focal_plane"].element_shape(stages["spaxels"].scene)
    stages["lsf"] = module("lsf", description["lsf"], "telescope.lsf", {"shape": shape})
    checked("ssp", description["ssp"], "telescope.ssp")
    observed = module("channels", description["wavelengths"], "telescope.wavelengths")
    if sentence := out_of_sight(stages["target"]):
        raise InputError(f"telescope.target: {sentence}")
    if sentence := beyond_memory(voxels(stages, observed)):
        raise InputError(f"telescope: {sentence}")
    stages["noise"] = noise(description, stages, observed)
    return stages, masked(observed, stages["noise"])


def noise(description: dict, stages: Mapping[str, Any], observed: AbstractWavelengths) -> AbstractNoise:
    """The noise of a resolved description, in the elements of these stages and on these channels."""
    given = {"observed": observed, **elements(stages["spaxels"], stages["focal_plane"])}
    return module("noise", description["noise"], "telescope.noise", given)


def resolving(
    stages: dict[str, Any], observed: AbstractWavelengths, description: dict, library: AbstractLibrary
) -> tuple[dict[str, Any], AbstractWavelengths, float]:
    """The stages with velocity nodes as near as the narrowest line needs, where the description does not say how near.

    Then the wavelengths, and the standard deviation of the broadest line [km/s].
    """
    narrowest, broadest = line_widths(stages["lsf"], library, observed, float(stages["target"].redshift))
    if "spacing" not in description["kinematics"]:
        stages = stages | {"kinematics": stages["kinematics"].resolving(narrowest)}
    return stages, observed, broadest


def telescope(
    description: dict, library: AbstractLibrary, stars: Stars | None = None, gas: Cells | None = None
) -> Telescope:
    """The telescope of a resolved description, with its stellar library, aligned to the galaxy if there is one.

    Where the description does not say how near the velocity nodes are, they are as near as the narrowest line needs,
    and where it does not say how far they reach, they reach as far as its stars go.

    Raises:
        InputError: a key or a value cannot be used, or the library does not cover the wavelengths.
    """
    return telescopes({"": description}, library, stars, gas)[""][0]


def telescopes(
    descriptions: Mapping[str, dict], library: AbstractLibrary, stars: Stars | None = None, gas: Cells | None = None
) -> dict[str, tuple[Telescope, tuple[float, float]]]:
    """The telescopes of the arms of one, each with the wavelengths of the library that all keep [angstrom, at rest].

    What looks at the galaxy is the same in all: velocity nodes are as near as the narrowest line of any arm needs, and
    the basis of the library is one, over the wavelengths of all.

    Raises:
        InputError: a key or a value cannot be used, or the library does not cover the wavelengths.
    """
    arms = {}
    for name, one in descriptions.items():
        with telling(name):
            arms[name] = resolving(*parts(one), one, library)
    (first, _, _), description = next(iter(arms.values())), next(iter(descriptions.values()))
    usual = min((stages["kinematics"] for stages, _, _ in arms.values()), key=lambda found: found.spacing)
    seen, remedy = {key: first[key] for key in ("target", "orientation", "dust")} | {"kinematics": usual}, ""
    if stars is not None:
        seen["orientation"] = first["orientation"].aligned_to(stars)
    if stars is not None and "reach" not in description["kinematics"]:
        velocities = line_of_sight(seen["orientation"], seen["target"], stars)
        seen["kinematics"] = usual.spanning(velocities)
        if seen["kinematics"].span > usual.span:
            remedy = f"; or hold faster stars at {usual.reach:g} km/s, with telescope.kinematics.reach={usual.reach:g}"
    if "emission" in description:
        if sentence := nebular_library(library):
            raise InputError(f"telescope.emission: {sentence}")
        lsfs = [(stages["lsf"], wavelengths) for stages, wavelengths, _ in arms.values()]
        seen["sources"] = emission_lines(description, seen, lsfs, stars, gas)
    if "nucleus" in description:
        nucleus = module("nucleus", description["nucleus"], "telescope.nucleus")
        seen["sources"] = (*seen.get("sources", ()), nucleus)
    redshift, speed = float(seen["target"].redshift), seen["kinematics"].span
    observed, bands = {}, [one["library_band"] for one in descriptions.values() if "library_band" in one]
    for name, (_, wavelengths, broadest) in arms.items():
        try:
            trim = descriptions[name].get("trim", False)
            observed[name] = library.covered(wavelengths, redshift, speed, trim=trim)
        except InputError as error:
            raise InputError(f"telescope.wavelengths: {error}{remedy}{of_arm(name)}") from error
        bands.append(library.needed(observed[name], redshift, speed, broadest))
    band = min(low for low, _ in bands), max(high for _, high in bands)
    function, arguments = checked("ssp", description["ssp"], "telescope.ssp")
    kept = library.cut(*band).even()
    seen["ssp"] = call(function, {"library": kept, **arguments}, "telescope.ssp")
    found = {}
    for name, (stages, _, _) in arms.items():
        stages = stages | seen
        with telling(name):
            if sentence := beyond_memory(voxels(stages, observed[name], basis=seen["ssp"].size)):
                raise InputError(f"telescope: {sentence}")
            stages["noise"] = noise(descriptions[name], stages, observed[name])
            observed[name] = masked(observed[name], stages["noise"])
            found[name] = Telescope(wavelengths=observed[name], **stages), band
    return found


def emission_lines(
    description: dict,
    seen: Mapping[str, Any],
    arms: Sequence[tuple[AbstractLSF, AbstractWavelengths]],
    stars: Stars | None,
    gas: Cells | None,
) -> tuple[EmissionLines, ...]:
    """The lines that a description asks for, with velocity nodes for the narrowest of them; none where nothing shines.

    Where it does not say which, those that may lie in an arm; where it does not say how far the nodes reach, they do as
    far as what shines.

    Raises:
        InputError: a key or a value cannot be used, or no line may lie in any arm.
    """
    emission = module("emission", description["emission"], "telescope.emission")
    kinematics = module("kinematics", description["gas_kinematics"], "telescope.gas_kinematics")
    if not emission.size:
        return ()
    redshift = float(seen["target"].redshift)
    there = [in_range(emission, wavelengths, redshift, kinematics.reach) for _, wavelengths in arms]
    some = [any(found) for found in zip(*there, strict=True)]
    if not any(some):
        raise InputError(
            f"telescope.emission: none of its lines, {', '.join(line.name for line in emission.lines)}, lies in the "
            f"wavelengths of the telescope at redshift {redshift:g}"
        )
    if "lines" not in description["emission"]:
        names = tuple(line.name for line, kept in zip(emission.lines, some, strict=True) if kept)
        emission = module("emission", {**description["emission"], "lines": names}, "telescope.emission")
    narrowest, reach = zip(*(lines_recorded(emission, redshift, *arm) for arm in arms), strict=True)
    if "spacing" not in description["gas_kinematics"]:
        kinematics = kinematics.resolving(min(narrowest))
    shining = stars if emission.of_stars else gas
    if shining is not None and shining.count and "reach" not in description["gas_kinematics"]:
        kinematics = kinematics.spanning(line_of_sight(seen["orientation"], seen["target"], shining))
    return (EmissionLines(emission, kinematics, max(reach)),)


def galaxy_model(description: dict, path: str = "galaxy") -> AbstractGalaxy:
    """The parametric galaxy of a description such as {"kind": "disc-bulge", "count": 100000, "seed": 1}.

    With gas if it has that, {..., "gas": {"count": 50000}}, whose random numbers follow from the same seed.
    """
    given = DRAWN | {key: value for key, value in description.items() if key not in ("kind", "gas")}
    check_drawn(DiscBulge, given, [*DRAWN], path, also=["gas"])
    check_seed(seed := given.pop("seed"), f"{path}.seed")
    if given["count"] < 2:
        raise InputError(f"{path}.count: {given['count']} particles are no galaxy, at least 2 are needed")
    key = jax.random.key(seed)
    stars = call(DiscBulge.sample, {"key": key, **given}, path)
    if "gas" not in description:
        return stars
    return SpiralGalaxy(stars, gas_model(description["gas"], jax.random.fold_in(key, 1), f"{path}.gas"))


def gas_model(description: Any, key: PRNGKeyArray, path: str) -> GasDisc:
    """The gas of a parametric galaxy."""
    if not isinstance(description, dict):
        raise InputError(f'{path}: {shown(description)} must be like {{"count": 50000}}')
    choose(description.get("kind", "disc"), [*KINDS["gas"]], f"{path}.kind")
    given = CELLS | {key: value for key, value in description.items() if key != "kind"}
    check_drawn(GasDisc, given, [*CELLS], path)
    if given["count"] < 1:
        raise InputError(f"{path}.count: {given['count']} cells are no gas; leave it out for a galaxy without")
    return call(GasDisc.sample, {"key": key, **given}, path)


def check_drawn(owner: type, given: dict, counts: list[str], path: str, also: Sequence[str] = ()) -> None:
    """Whole numbers and the parameters of a model that is drawn at random, and that it fits into memory."""
    known = dict.fromkeys(counts, Argument(int, Limits(), MISSING)) | parameters(owner)
    check_keys(given, [*known, *also], path, owner.__name__)
    for key, value in given.items():
        check_type(value, known[key].type, f"{path}.{key}")
        check_value(value, known[key].limits, f"{path}.{key}")
    if sentence := beyond_memory(50 * given["count"]):
        raise InputError(f"{path}.count: {sentence}")


def check_seed(seed: Any, path: str) -> None:
    """A whole number that makes random numbers of its own."""
    check_type(seed, int, path)
    if not 0 <= seed < SEEDS:
        raise InputError(f"{path}: {shown(seed)} is not between 0 and {SEEDS - 1}")
