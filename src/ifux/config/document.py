"""Descriptions as documents: read, changed by settings, completed, and checked at the top."""

import json
from copy import deepcopy
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from ifux import instruments
from ifux.compute import Choices
from ifux.config.build import check_keys, check_seed, check_type, check_value, choose, parameters, shown
from ifux.config.cells import suited
from ifux.config.cube import with_own_spectra
from ifux.config.schemes import converted
from ifux.config.table import CELLS, DEFAULTS, DRAWN, FOLLOWS, INSIDE, KINDS
from ifux.errors import InputError
from ifux.instruments import overlaid
from ifux.io.files.cube import LAYOUTS

SECTIONS = ["scheme", "galaxy", "library", "telescope", "compute", "layout", "seed"]
FAMILIES = ["target", "orientation", "spaxels", "kinematics", "ssp", "dust", "psf", "focal_plane", "lsf", "noise"]
SOURCES = ["emission", "gas_kinematics", "nucleus"]
"""What a telescope says of what shines beside the stars, if anything does."""
CHOICES = ["trim", "accept_coarse_library"]
BAND = "library_band"
"""Wavelengths at rest of which the library is kept in any case [angstrom, in its own medium]: those of other arms."""


def load(path: str | Path) -> dict:
    """A configuration from a JSON file; paths in it are relative to the folder of the file.

    Raises:
        InputError: the file is missing or is not a JSON object.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read as a configuration: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not JSON: it is no text in UTF-8") from error
    try:
        description = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as a configuration: {error}") from error
    if not isinstance(description, dict):
        raise InputError(f"{path} must hold a JSON object with {SECTIONS}, and is {shown(description)}")
    for section in ("galaxy", "library", "telescope"):
        found_from(description.get(section), path.parent)
    telescope = description.get("telescope")
    arms = telescope.get("arms") if isinstance(telescope, dict) else None
    for one in (telescope, *(arms.values() if isinstance(arms, dict) else ())):
        if isinstance(one, dict) and str(one.get("instrument", "")).casefold().endswith(".json"):
            one["instrument"] = beside(path.parent, one["instrument"])
    return description


def found_from(section: Any, folder: Path) -> None:
    """Paths of a section and of what is in it become relative to a folder."""
    for key, value in section.items() if isinstance(section, dict) else ():
        if key in ("path", "ids"):
            section[key] = beside(folder, value)
        found_from(value, folder)


def beside(folder: Path, given: Any) -> Any:
    """A path, or several, in a folder."""
    if isinstance(given, list):
        return [beside(folder, one) for one in given]
    return str(folder / Path(given).expanduser()) if isinstance(given, str) else given


def unique(pairs: list[tuple[str, Any]]) -> dict:
    """A JSON object, in which no key may stand twice: Python would take the last without a word."""
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise InputError(f"the key {twice!r} stands twice in one object")
    return result


def with_settings(description: dict, settings: list[str]) -> dict:
    """The description with settings such as "telescope.psf.fwhm=0.8"; values are JSON, or text where they are not.

    They act in their order, and another kind drops the keys of the old one.
    """
    description = deepcopy(description)
    for setting in settings:
        path, separator, text = setting.partition("=")
        *parents, last = path.split(".")
        if not separator or not all([*parents, last]):
            raise InputError(f"--set {setting}: a setting is like telescope.psf.fwhm=0.8")
        try:
            value: Any = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        place = description
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise InputError(f"--set {setting}: {parent} is {shown(place)}, which has no keys")
        if last == "kind" and place.get("kind") != value:
            place.clear()
        place[last] = value
    return description


def resolved(description: dict) -> dict:
    """The description with nothing left to guess: the instrument's numbers and all defaults written out.

    Resolving it again changes nothing, so that the header of a cube is a configuration.

    Raises:
        InputError: a section or a stage is unknown or missing.
    """
    check_keys(description, SECTIONS, "configuration", "a configuration")
    description, _ = converted(description)
    description = with_own_spectra(description)
    for section in ("galaxy", "library", "telescope"):
        if not isinstance(description.get(section), dict):
            found = f"{shown(description[section])} holds no keys" if section in description else "it is missing"
            raise InputError(f"configuration.{section}: {found}; a configuration has {SECTIONS}")
    given = dict(description["telescope"])
    if "arms" in given:
        raise InputError("telescope.arms: one telescope is wanted here, and this one has several arms: describe one")
    name = given.pop("instrument", None)
    known = [*FAMILIES, *SOURCES, "wavelengths", *CHOICES, BAND, "instrument", "arms"]
    check_keys(given, known, "telescope", "a telescope")
    preset = {} if name is None else preset_named(name)
    described = overlaid(preset["telescope"] if preset else {}, given)
    if "noise" in described:
        described["noise"] = exposed(described["noise"], preset.get("exposure", {}))
    telescope = overlaid(DEFAULTS, described)
    for family in [*FAMILIES, "wavelengths"]:
        if family not in telescope:
            kinds = f" with a kind of {[*KINDS[family]]}" if family in KINDS else ""
            raise InputError(f"telescope.{family}: it is missing; give it{kinds}, or an instrument")
    for key in CHOICES:
        check_type(telescope.setdefault(key, False), bool, f"telescope.{key}")
    if BAND in telescope:
        check_type(telescope[BAND], tuple[float, float], f"telescope.{BAND}")
    for family in FAMILIES:
        telescope[family] = completed(family, telescope[family])
    if "emission" in telescope:
        telescope["emission"] = completed("emission", telescope["emission"])
        telescope["gas_kinematics"] = completed("kinematics", telescope.get("gas_kinematics", {"kind": "channels"}))
    elif "gas_kinematics" in telescope:
        raise InputError("telescope.gas_kinematics: no gas shines without telescope.emission")
    if "nucleus" in telescope:
        telescope["nucleus"] = completed("nucleus", telescope["nucleus"])
    telescope = suited(telescope)
    galaxy, library = description["galaxy"], description["library"]
    choose(galaxy.get("kind"), ["file", *KINDS["model"], *KINDS["source"]], "galaxy.kind")
    choose(library.get("kind"), ["embedded", "file", "stored", "galaxy"], "library.kind")
    for section, entry in (("galaxy", galaxy), ("library", library)):
        if entry["kind"] == "file" and not isinstance(entry.get("path"), str):
            raise InputError(f"{section}.path: a {section} from a file needs the path of the file")
    if library["kind"] == "stored":
        check_keys(library, ["kind", "name", "sha256"], "library", "a stored library")
        for key in ("name", "sha256"):
            if not isinstance(library.get(key, ""), str) or (key == "name" and key not in library):
                raise InputError(f"library.{key}: a stored library is named as `ifux ssp list` shows it")
    check_seed(seed := description.get("seed", 0), "seed")
    choose(layout := description.get("layout", "muse"), [*LAYOUTS], "layout")
    compute = {"contract": "automatic"} | computed(description.get("compute", {}))
    if galaxy["kind"] in KINDS["model"]:
        galaxy = completed("model", galaxy) | {key: galaxy.get(key, value) for key, value in DRAWN.items()}
        if isinstance(gas := galaxy.get("gas"), dict):
            galaxy["gas"] = completed("gas", gas) | {key: gas.get(key, value) for key, value in CELLS.items()}
    if galaxy["kind"] in KINDS["source"]:
        galaxy = completed("source", galaxy)
    whole = {
        "galaxy": galaxy,
        "library": library,
        "telescope": telescope,
        "compute": compute,
        "layout": layout,
        "seed": seed,
    }
    return deepcopy({"scheme": description["scheme"], **whole})


def completed(family: str, description: Any) -> Any:
    """A stage with the defaults of its kind written out, but for those that follow from others or the galaxy.

    What cannot be used is left as it is: whoever builds the stage says what is wrong with it.
    """
    kinds = KINDS[family]
    if not isinstance(description, dict):
        return description
    kind = description.get("kind", next(iter(kinds)) if len(kinds) == 1 else None)
    if not isinstance(kind, str) or kind not in kinds:
        return description
    result = {"kind": kind, **description}
    for key, argument in parameters(kinds[kind]).items():
        if argument.is_stage(key):
            kinds = KINDS[INSIDE[key]]
            if key not in result and argument.default not in (None, MISSING):
                result[key] = {"kind": next(name for name, made in kinds.items() if made is argument.default)}
            if key in result:
                result[key] = completed(INSIDE[key], result[key])
        elif key not in result and argument.default not in (None, MISSING) and key not in FOLLOWS.get(family, ()):
            result[key] = [*argument.default] if isinstance(argument.default, tuple) else argument.default
    return result


def computed(description: Any) -> dict:
    """The choices of how an observation is computed, all of them checked."""
    if not isinstance(description, dict):
        raise InputError(f'configuration.compute: {shown(description)} must be like {{"contract": "weights"}}')
    known = parameters(Choices)
    check_keys(description, [*known], "compute", "the computation")
    for key, value in description.items():
        check_type(value, known[key].type if key == "contract" else int, f"compute.{key}")
        check_value(value, known[key].limits, f"compute.{key}")
    return description


def exposed(noise: Any, exposure: dict) -> Any:
    """Noise of an exposure, with the numbers of an instrument where it has none of its own."""
    if not isinstance(noise, dict):
        return noise
    if noise.get("kind") in ("scaled", "bad-pixels"):
        inner = exposed(noise.get("noise"), exposure)
        return {**(detector(inner) if noise["kind"] == "bad-pixels" else {}), **noise, "noise": inner}
    return overlaid(exposure, noise) if noise.get("kind") == "exposure" else noise


def detector(noise: Any) -> dict:
    """What an exposure says of the pixels that its light falls on, and for how long."""
    if not isinstance(noise, dict) or noise.get("kind") != "exposure":
        return {}
    found = {key: value for key in ("pixels", "time") if isinstance(value := noise.get(key), int | float)}
    if "time" in found and isinstance(count := noise.get("count", 1), int | float):
        found["time"] *= count
    return found


def preset_named(name: Any) -> dict:
    """An instrument."""
    check_type(name, str, "telescope.instrument")
    try:
        return instruments.load(name)
    except InputError as error:
        raise InputError(f"telescope.{error}") from error
