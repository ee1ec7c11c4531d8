"""Gadget in HDF5, without units in the file: N-body galaxies, and the layout that SimSpin takes.

    Header              attributes MassTable, Time, Redshift, HubbleParam, Omega0, OmegaLambda, BoxSize
    PartType<0-5>/      Coordinates, Velocities, ParticleIDs, Masses (unless MassTable gives one for all)
    PartType4/          StellarFormationTime and Metallicity, of runs that form stars
    PartType0/          Density, InternalEnergy, and ElectronAbundance, Metallicity, SmoothingLength,
                        StarFormationRate where the run has them

Units and options are those of `ifux.io.snapshots.gadget`.

References: https://kateharborne.github.io/SimSpin/examples/generating_hdf5.html.
"""

from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from ifux.errors import InputError
from ifux.io.files.format import Format
from ifux.io.files.hdf5 import (
    attribute,
    find,
    is_hdf5,
    members,
    number,
    numbers,
    opened,
    require_dataset,
    require_group,
)
from ifux.io.snapshots.gadget import OPTIONS, STATED, Header, Raw, assembled, together
from ifux.io.snapshots.layout import KMS, KPC, MSUN
from ifux.io.snapshots.many_files import chunks, first_chunk
from ifux.io.snapshots.particle_group import stating
from ifux.io.snapshots.populations import SPECIES
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stated import asking, header_units

NAMES = {
    "position": ("Coordinates",),
    "velocity": ("Velocities", "Velocity"),
    "mass": ("Masses", "Mass"),
    "formed": ("InitialMass", "InitialMasses", "GFM_InitialMass"),
    "ids": ("ParticleIDs",),
    "formation": ("StellarFormationTime", "GFM_StellarFormationTime", "BirthTimes"),
    "metallicity": ("Metallicity", "SmoothedMetallicity", "Metallicities", "GFM_Metallicity", "MetalMassFractions"),
    "potential": ("Potential",),
    "density": ("Density",),
    "internal_energy": ("InternalEnergy",),
    "electron_abundance": ("ElectronAbundance",),
    "smoothing_length": ("SmoothingLength",),
    "star_formation_rate": ("StarFormationRate",),
}
"""Names of the datasets by role, the usual one first."""


def recognises(path: Path) -> bool:
    """A header and particle types that state no units, of which one besides gas has positions and velocities."""
    path = first_chunk(path)
    if not is_hdf5(path):
        return False
    with opened(path) as file:
        header = find(file, "Header")
        if not isinstance(header, h5py.Group):
            return False
        roles = ("position", "velocity")
        moving = [species for species in range(1, 6) if all(dataset(file, species, role) for role in roles)]
        return bool(moving) and not any(stating(require_group(file, f"PartType{n}", "")) for n in moving)


def read(path: Path, **options) -> Snapshot:
    """The particle types of a snapshot that are stars, and its gas."""
    with ExitStack() as stack:
        files = [stack.enter_context(opened(chunk)) for chunk in chunks(path)]
        first = header_of(files[0])
        if "redshift" not in first and options.get("redshift") is None:
            first["redshift"] = redshift_of(first, str(path))
        totals = [counts(file) for file in files]
        header = Header(**first, counts=tuple(map(sum, zip(*totals, strict=True))))

        def column(role: str, species: int) -> np.ndarray | None:
            parts = [values(file, role, species) for file, total in zip(files, totals, strict=True) if total[species]]
            found = [part for part in parts if part is not None]
            if not all(part.ndim for part in found) or len({part.shape[1:] for part in found}) > 1:
                raise InputError(f"{path}: {role} of PartType{species} has no rows, or other ones in each file.")
            return together(parts)

        more = number(require_group(files[0], "Header", "it is there"), "NumFilesPerSnapshot") or 1
        notes = ()
        if len(files) < more:
            notes = (f"the header speaks of a snapshot of {more:.0f} files: only this one was read",)
        usual = {"length": KPC.cgs, "velocity": KMS.cgs, "mass": 1e10 * MSUN.cgs}
        return assembled(Raw(path, "gadget-hdf5", header, column, notes, header_units(files[0], usual)), **options)


def header_of(file: h5py.File) -> dict:
    """Fields of `Header` besides the counts."""
    header = require_group(file, "Header", "Gadget states the time of the snapshot there")
    found = {key: number(header, name) for name, (key, *_) in STATED.items()}
    fields: dict = {key: value for key, value in found.items() if value is not None or key == "matter"}
    table = attribute(header, "MassTable")
    masses = [0.0] * len(SPECIES)
    if table is not None and table.dtype.kind in "iuf":
        masses[: table.size] = [float(mass) for mass in table.flat][: len(SPECIES)]
    return fields | {"masses": tuple(masses)}


def redshift_of(fields: dict, where: str) -> float:
    """The redshift of a header that does not state it: by the scale factor, or zero of an isolated run."""
    matter, time = fields["matter"], fields.get("time", 0.0)
    if matter == 0:
        return 0.0
    if matter is None or not 0 < time <= 1:
        raise InputError(f"{where} states no time of the snapshot, Redshift: {asking('redshift', '0.5')}.")
    return 1 / time - 1


def counts(file: h5py.File) -> tuple[int, ...]:
    """Particles of each type: as many as there are positions, whatever the header says."""
    found = []
    for species in range(len(SPECIES)):
        there = dataset(file, species, "position")
        if there is not None and len(there.shape or ()) != 2:
            raise InputError(f"{file.filename}: {there.name} has shape {there.shape}, not one row a particle.")
        found.append(0 if there is None else there.shape[0])
    if not any(found):
        raise InputError(f"{file.filename} has no PartType with Coordinates among {members(file)}.")
    return tuple(found)


def dataset(file: h5py.File, species: int, role: str) -> h5py.Dataset | None:
    """The dataset that plays a role for a particle type."""
    nodes = (find(file, f"PartType{species}/{name}") for name in NAMES[role])
    return next((node for node in nodes if isinstance(node, h5py.Dataset)), None)


def values(file: h5py.File, role: str, species: int) -> np.ndarray | None:
    """Numbers of a dataset; of several columns of metallicity the first, which is all metals."""
    there = dataset(file, species, role)
    if there is None:
        return None
    checked = require_dataset(file, str(there.name), f"the {role} of PartType{species} is read from there")
    if role == "ids":
        same = checked.shape == dataset(file, species, "position").shape[:1]  # pyright: ignore[reportOptionalMemberAccess]
        return checked[()] if same and checked.dtype.kind in "iu" else None
    found = numbers(checked)
    return found[:, 0] if role == "metallicity" and found.ndim == 2 and found.shape[1] else found


GADGET_HDF5 = Format("gadget-hdf5", recognises, read, options=OPTIONS)
