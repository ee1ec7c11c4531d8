"""Descriptions of several arms: one text, and a telescope for each of its arms."""

import hashlib
import json
import math
import re
from copy import deepcopy
from typing import Any

from ifux.config.build import check_keys, check_seed, shown, telling
from ifux.config.document import CHOICES, resolved
from ifux.config.table import FOLLOWS
from ifux.errors import InputError
from ifux.instruments import overlaid

OWN = ["instrument", "wavelengths", "spaxels", "psf", "focal_plane", "lsf", "noise", *CHOICES]
"""What an arm may say: the rest of a telescope is the same for all."""


def arms(description: dict) -> dict[str, dict]:
    """The descriptions of telescopes that the arms of one are, by their names; of one without arms itself, unnamed.

    An arm is what it says itself, over what the telescope says of all, over its instrument. Where arms have equal
    spaxels, the cells of their scene are as many as the sharpest of them needs. Every arm has a seed of its own, which
    follows from that of the description and from its name.

    Raises:
        InputError: an arm is none, or says what all arms share.
    """
    telescope = description.get("telescope")
    if not isinstance(telescope, dict) or "arms" not in telescope:
        return {"": description}
    found, seed = telescope["arms"], description.get("seed", 0)
    if not isinstance(found, dict) or not found:
        raise InputError(f'telescope.arms: {shown(found)} must be like {{"blue": {{"instrument": "sami-blue"}}, ...}}')
    check_seed(seed, "seed")
    common = {key: value for key, value in telescope.items() if key != "arms"}
    plain = {}
    for name, own in found.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
            raise InputError(f"telescope.arms: {name!r} is no name for an arm: it becomes part of that of a file")
        if not isinstance(own, dict):
            raise InputError(f'telescope.arms.{name}: {shown(own)} must be like {{"instrument": "sami-blue"}}')
        check_keys(own, OWN, f"telescope.arms.{name}", "an arm, whose other stages are those of the telescope,")
        plain[name] = deepcopy(description) | {"telescope": overlaid(common, own), "seed": seed_of(name, seed)}
    return with_common_cells(plain)


def seed_of(name: str, seed: int) -> int:
    """The seed of an arm."""
    return int(hashlib.sha256(f"{seed} {name}".encode()).hexdigest()[:8], 16)


def with_common_cells(plain: dict[str, dict]) -> dict[str, dict]:
    """The descriptions, with cells and splines of the scene for the sharpest of the arms that have equal spaxels.

    What an arm says of its cells itself is left as it is.
    """
    spaxels = {name: resolved_arm(name, one)["telescope"]["spaxels"] for name, one in plain.items()}
    said: dict[str, Any] = {name: one["telescope"].get("spaxels", {}) for name, one in plain.items()}
    fields: dict[str, list[str]] = {}
    for name, stage in spaxels.items():
        own = {key: value for key, value in stage.items() if key not in FOLLOWS["spaxels"]}
        degree = {key: value for key, value in said[name].items() if key == "degree"}
        fields.setdefault(json.dumps(own | degree, sort_keys=True), []).append(name)
    for names in fields.values():
        cells = {name: [*spaxels[name].get("oversampling", (1, 1))] for name in names}
        most = [max(counts) for counts in zip(*cells.values(), strict=True)]
        sharpest = max(names, key=lambda name: (math.prod(cells[name]), spaxels[name].get("degree", 0)))
        common = {"degree": spaxels[sharpest].get("degree"), "oversampling": most}
        for name in names:
            known = "oversampling" not in said[name] and "oversampling" in spaxels[name]
            if known and not common.items() <= spaxels[name].items():
                plain[name]["telescope"]["spaxels"] = {**said[name], **common}
    return plain


def resolved_arm(name: str, description: dict) -> dict:
    """`resolved`, whose errors say which arm they are of."""
    with telling(name):
        return resolved(description)
