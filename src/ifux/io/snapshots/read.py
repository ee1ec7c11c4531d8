"""The one door for galaxies."""

import inspect
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.files.fits import is_fits
from ifux.io.files.format import Format, chosen, recognised
from ifux.io.files.format import unrecognised as of_no_format
from ifux.io.files.hdf5 import find, is_hdf5, members, opened, regular
from ifux.io.snapshots.eagle import EAGLE
from ifux.io.snapshots.gadget_binary import GADGET
from ifux.io.snapshots.gadget_hdf5 import GADGET_HDF5
from ifux.io.snapshots.galaxy import Centre, settled
from ifux.io.snapshots.gizmo import FIRE, SIMBA
from ifux.io.snapshots.horizon import HORIZON
from ifux.io.snapshots.illustris import ILLUSTRIS
from ifux.io.snapshots.magneticum import MAGNETICUM
from ifux.io.snapshots.native import IFUX
from ifux.io.snapshots.pynbody import PYNBODY
from ifux.io.snapshots.rubix import RUBIX
from ifux.io.snapshots.simspin import SIMSPIN
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.swift import SWIFT
from ifux.io.snapshots.tables import TABLE
from ifux.particles import Particles

GALAXY_FORMATS: dict[str, Format[Snapshot]] = {
    entry.name: entry
    for entry in (
        IFUX,
        ILLUSTRIS,
        EAGLE,
        MAGNETICUM,
        HORIZON,
        SWIFT,
        SIMBA,
        FIRE,
        RUBIX,
        SIMSPIN,
        GADGET,
        GADGET_HDF5,
        TABLE,
        PYNBODY,
    )
}


def read_galaxy(
    path: str | Path,
    *,
    format: str | None = None,
    centre: Centre | None = None,
    radius: float | int | None = None,
    velocity_radius: float | int | None = None,
    subhalo: int | Sequence | np.ndarray | None = None,
    ids: Sequence | np.ndarray | str | Path | None = None,
    believe: object = False,
    **options,
) -> Galaxy[Particles]:
    """The stars and the gas of a galaxy from a file of any known format, centred and at rest.

    Masses are those as formed. Ages are those at the time of the snapshot, in the flat LambdaCDM of the file, or as
    stated. Positions and velocities are physical, and the periodic box is undone. Particles that cannot be used are
    left out or changed, and counted by reason in the result. Gas is centred and at rest with the stars.

    Args:
        path: File; of a snapshot in many files its folder, or the file with number zero.
        format: One of `GALAXY_FORMATS`; recognised by content if not given.
        centre: "shrinking-sphere" finds the densest clump of stars by mass; "most-bound" is the star of the lowest
            potential, where the file has one; three numbers are a place in the snapshot [kpc, physical]; "as-is" leaves
            positions and velocities alone. By default "as-is" for ifux's own files, which are centred, and
            "shrinking-sphere" for all others.
        radius: Particles farther from the centre are left out [kpc]. By default all that are in the file are kept.
        velocity_radius: The galaxy is at rest where the mean velocity of the stars inside this radius, weighted by
            mass, is zero [kpc]. By default the radius that holds half of the mass.
        subhalo: Number of the halo, or several such as group and sub-group, whose particles are taken, where the file
            gives its particles such numbers.
        ids: Identifiers of the particles that are taken, or a file of them: a text, or NumPy's .npy.
        believe: A galaxy that cannot be one, of a size, a velocity spread, masses, ages or metallicities beyond those
            of galaxies by a factor of 30, is an error that says what to state; true takes it as it is. ifux's own
            files, whose units are stated, are not asked.
        **options: What the format leaves open: `Format.options`, as its module says.

    Raises:
        InputError: the file is missing, damaged, no galaxy, incomplete, or nothing in it is left.
    """
    path = existing(path)
    entry = chosen(path, GALAXY_FORMATS, format, options, "galaxy")
    if entry is None:
        raise InputError(unrecognised(path))
    if not isinstance(believe, bool):
        raise InputError(f"{path}: believe is true or false, got {believe!r}.")
    if centre is None:
        centre = "as-is" if entry is IFUX else "shrinking-sphere"
    asked = None if believe or entry is IFUX else entry.options
    with np.errstate(all="ignore"):
        return settled(entry.read(path, **options), centre, radius, velocity_radius, subhalo, ids, asked)


def existing(path: str | Path) -> Path:
    """A file or a folder that is there."""
    return Path(path) if Path(path).is_dir() else regular(path)


def galaxy_arguments() -> list[str]:
    """The arguments of `read_galaxy` that every format takes."""
    return [name for name in inspect.signature(read_galaxy).parameters if name != "options"]


def galaxy_options() -> list[str]:
    """The arguments of `read_galaxy`, those that only some formats take included."""
    return [*galaxy_arguments(), *dict.fromkeys(name for entry in GALAXY_FORMATS.values() for name in entry.options)]


def galaxy_format(path: Path) -> Format[Snapshot] | None:
    """The first format that recognises a file by its content."""
    return recognised(path, GALAXY_FORMATS)


def unrecognised(path: Path) -> str:
    """What is wrong with a file that no format recognises."""
    known = f"known are {', '.join(GALAXY_FORMATS)}"
    if path.is_dir():
        return f"{path} is a folder in which no galaxy of a known format was found ({known}): name the file itself."
    if is_fits(path):
        TABLE.read(path)  # says what the table lacks, or what is wrong with the file
    if is_hdf5(path):
        with opened(path) as file:
            there = members(file)
            if any(name.startswith("PartType") for name in there) and find(file, "PartType4") is None:
                return (
                    f"{path} holds no stars: there is no PartType4 among {there}; ask for a file with star particles."
                )
    return of_no_format(path, GALAXY_FORMATS, "galaxy")
