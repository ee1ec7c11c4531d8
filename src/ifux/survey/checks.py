"""What can be said of a configuration before any work is done."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from ifux import config, run
from ifux.checks import voxels
from ifux.config.build import check_keys, resolving
from ifux.errors import InputError
from ifux.io.snapshots.read import galaxy_options
from ifux.library import SSPLibrary


class Checks:
    """Says what is wrong with resolved configurations, and looks at what they share once."""

    def __init__(self):
        self.seen: set[str] = set()
        self.libraries: dict[str, SSPLibrary] = {}
        self.sizes: dict[str, int] = {}
        """Numbers that a telescope holds at least, with one basis spectrum."""

    def __call__(self, configuration: dict) -> None:
        galaxy, library, telescope = (configuration[section] for section in ("galaxy", "library", "telescope"))
        for check, parts in (
            (self.galaxy, [galaxy]),
            (self.library, [library]),
            (self.telescope, [telescope, library]),
        ):
            if (key := text([check.__name__, *parts])) not in self.seen:
                check(*parts)
                self.seen.add(key)

    def galaxy(self, description: dict) -> None:
        """A file is there, and is not opened; a model could be drawn."""
        if description["kind"] != "file":
            jax.eval_shape(lambda: config.galaxy_model(description))
            return
        check_keys(description, [*galaxy_options(), "kind", "stream"], "galaxy", "a galaxy from a file")
        present(description["path"], "galaxy")

    def library(self, description: dict) -> None:
        """It can be read; two nodes of each of its axes are kept, which tell how far it reaches."""
        if description["kind"] == "file":
            present(description["path"], "library")
        whole = run.open_library(description)
        few = {name: nodes[:2] for name, nodes in whole.grid.items()}
        corner = tuple(slice(2) for _ in few)
        self.libraries[text(description)] = replace(whole, flux=whole.flux[corner], **few)

    def telescope(self, description: dict, library: dict) -> None:
        """Every stage can be built, and the library reaches the wavelengths for stars at rest."""
        stages, observed = config.parts(description)
        few = self.libraries[text(library)]
        stages, _, _ = resolving(stages, observed, description, few)
        speed = stages["kinematics"].span if "reach" in description["kinematics"] else 0.0
        try:
            few.matched(observed, float(stages["target"].redshift), speed, trim=description["trim"])
        except InputError as error:
            raise InputError(f"telescope.wavelengths: {error}") from error
        self.sizes[text(description)] = voxels(stages, observed)


def present(path: str, section: str) -> None:
    """A file is there, or a folder of them."""
    if not Path(path).exists():
        raise InputError(f"{section}.path: there is no file {path}")


def text(value: Any) -> str:
    """The same for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
