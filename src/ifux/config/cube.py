"""Descriptions of finished cubes as galaxies, which bring the spectra of their own."""

from collections.abc import Mapping

import numpy as np

from ifux.config.build import module
from ifux.config.table import KINDS
from ifux.errors import InputError
from ifux.source_cube import SourceCube

OWN = {"kind": "galaxy"}
"""The library of a galaxy that has spectra of its own."""

STAGES = {
    "orientation": {"kind": "euler"},
    "kinematics": {"kind": "resting"},
    "ssp": {"kind": "mixed"},
}
"""Stages of a telescope before a cube: its sky is that of the file, and its velocities are in its spectra."""

ROOM = 0.03
"""Of the wavelengths, on either side of those observed, for what line spread functions of a resolving power above 100
blur into them."""


def with_own_spectra(description: dict) -> dict:
    """A description whose galaxy is a cube, with the library and the stages that go with it; any other as it is.

    Raises:
        InputError: it names others, or a galaxy without spectra names these.
    """
    is_cube = isinstance(description.get("galaxy"), dict) and description["galaxy"].get("kind") in [*KINDS["source"]]
    telescope = description.get("telescope")
    if not is_cube:
        ssp = telescope.get("ssp") if isinstance(telescope, dict) else None
        for path, stage, own in (("library", description.get("library"), OWN), ("telescope.ssp", ssp, STAGES["ssp"])):
            if isinstance(stage, dict) and stage.get("kind") == own["kind"]:
                raise InputError(
                    f"{path}.kind: {own['kind']!r} is for a galaxy of kind 'cube', which has spectra of its own"
                )
        return description
    if description.setdefault("library", OWN) != OWN:
        raise InputError("library: a galaxy of kind 'cube' has spectra of its own: leave the library out")
    if not isinstance(telescope, dict):
        return description
    for family, stage in STAGES.items():
        given = telescope.setdefault(family, stage)
        if not isinstance(given, dict) or given.get("kind") != stage["kind"] or given.get("beta", 0) != 0:
            raise InputError(
                f"telescope.{family}: before a galaxy of kind 'cube', a flat picture of resting spectra, it must be of "
                f"kind {stage['kind']!r}{', without beta' if family == 'orientation' else ''}: leave it out"
            )
    return description


def source_cube(description: dict, telescopes: Mapping[str, dict]) -> SourceCube:
    """The cube of a resolved description, as far as the arms of a telescope see it, and drawn finely enough for all.

    Raises:
        InputError: a key or a value cannot be used, or the file is no such cube.
    """
    arms = [*telescopes.values()]
    target = module("target", arms[0]["target"], "telescope.target")
    edges, cells = [], []
    for arm in arms:
        observed = module("channels", arm["wavelengths"], "telescope.wavelengths")
        spaxels = module("spaxels", arm["spaxels"], "telescope.spaxels")
        edges.append(observed.vacuum_edges()[[0, -1]] / (1 + float(target.redshift)))
        cells += [side / count for side, count in zip(spaxels.known_sides, spaxels.oversampling, strict=True)]
    seen = float(np.min(edges)) * (1 - ROOM), float(np.max(edges)) * (1 + ROOM)
    return module("source", description, "galaxy", {"seen": seen}).drawn_for(target, min(cells))
