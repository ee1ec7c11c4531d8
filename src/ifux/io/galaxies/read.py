"""The one door for galaxies."""

from pathlib import Path

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.galaxies.eagle import EAGLE
from ifux.io.galaxies.format import GalaxyFormat
from ifux.io.galaxies.galaxy import Centre, settled
from ifux.io.galaxies.illustris import ILLUSTRIS
from ifux.io.galaxies.native import IFUX
from ifux.io.hdf5 import beginning, find, is_hdf5, members, opened, regular
from ifux.particles import Particles

GALAXY_FORMATS: dict[str, GalaxyFormat] = {entry.name: entry for entry in (IFUX, ILLUSTRIS, EAGLE)}


def read_galaxy(
    path: str | Path,
    *,
    format: str | None = None,
    centre: Centre | None = None,
    radius: float | int | None = None,
    velocity_radius: float | int | None = None,
) -> Galaxy[Particles]:
    """The stars of a galaxy from a file of any known format, centred and at rest.

    Masses are those as formed. Ages are those at the time of the snapshot, in the flat LambdaCDM of the file. Positions
    and velocities are physical, and the periodic box is undone. Stars that cannot be used are left out or changed, and
    counted by reason in the result.

    Args:
        path: File.
        format: One of `GALAXY_FORMATS`; recognised by content if not given.
        centre: "shrinking-sphere" finds the densest clump of stars by mass; three numbers are a place in the snapshot
            [kpc, physical]; "as-is" leaves positions and velocities alone. By default "as-is" for ifux's own files,
            which are centred, and "shrinking-sphere" for all others.
        radius: Stars farther from the centre are left out [kpc]. By default all that are in the file are kept.
        velocity_radius: The galaxy is at rest where the mean velocity of the stars inside this radius, weighted by
            mass, is zero [kpc]. By default the radius that holds half of the mass.

    Raises:
        InputError: the file is missing, damaged, no galaxy, incomplete, or nothing in it is left.
    """
    path = regular(path)
    entry = galaxy_format(path) if format is None else named(format)
    if entry is None:
        raise InputError(unrecognised(path))
    return settled(entry.read(path), centre if centre is not None else entry.default_centre, radius, velocity_radius)


def galaxy_format(path: Path) -> GalaxyFormat | None:
    """The first format that recognises a file by its content."""
    return next((entry for entry in GALAXY_FORMATS.values() if entry.recognises(path)), None)


def named(format: str) -> GalaxyFormat:
    """The format of that name."""
    if format not in GALAXY_FORMATS:
        raise InputError(f"{format!r} is no galaxy format: ifux knows {', '.join(GALAXY_FORMATS)}.")
    return GALAXY_FORMATS[format]


def unrecognised(path: Path) -> str:
    """What is wrong with a file that no format recognises."""
    known = f"known are {', '.join(GALAXY_FORMATS)}"
    if not is_hdf5(path):
        return f"{path} is not a galaxy in any known format ({known}): {beginning(path)}, so it is not HDF5."
    with opened(path) as file:
        there = members(file)
        if any(name.startswith("PartType") for name in there) and find(file, "PartType4") is None:
            return f"{path} holds no stars: there is no PartType4 among {there}; ask for a file with star particles."
        return f"{path} is HDF5 but not a galaxy in any known format ({known}): it holds {there}."
