"""The galaxy file of RUBIX, which it keeps between its reader and its pipeline.

    /galaxy/             redshift, center, halfmassrad_stars
    /particles/stars/    coords, velocity, mass, metallicity, age
    /particles/gas/      coords, velocity, mass, density, metallicity, sfr, internal_energy, temperature,
                         electron_abundance, metals (particle, 10): H, He, C, N, O, Ne, Mg, Si, Fe, all others
    /meta/               the header of the snapshot, where it came from IllustrisTNG

Every dataset states its unit in the attribute `unit`; one that is empty or absent is RUBIX's usual one. Positions are
those of the snapshot.

RUBIX counts ages from today, so those of a snapshot in the past are too old. Where the file keeps the header of the
snapshot (files that RUBIX made of IllustrisTNG), they are moved to its time in the universe that RUBIX takes, Planck15.
The option `ages` says it of other files: "today", or "snapshot" for ages that are right.

Masses are those as formed where RUBIX read IllustrisTNG, and those at the time of the snapshot where it read a file
through pynbody: the file does not say which.

References: Cakir et al. (2024), arXiv:2412.08265; https://github.com/AstroAI-Lab/rubix.
"""

from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from ifux.errors import InputError
from ifux.galaxy import Cosmology
from ifux.io.files.hdf5 import find, numbers, require_group
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.expansion import Expansion
from ifux.io.snapshots.gas import UNITS as GAS_UNITS
from ifux.io.snapshots.gas import Gas, gas_of
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import UNITS, Stars
from ifux.io.snapshots.stated import Facts

NAMES = {"position": "coords", "star_formation_rate": "sfr"}
"""Of the datasets that are not called as ours are."""

ELEMENTS = ("H", "He", "C", "N", "O", "Ne", "Mg", "Si", "Fe")
"""Columns of metals, but for the last."""

REMEDY = "RUBIX writes it; see https://github.com/AstroAI-Lab/rubix"


def recognises(file: h5py.File) -> bool:
    """Stars among particles, under RUBIX's name for their positions."""
    return isinstance(find(file, "particles/stars/coords"), h5py.Dataset)


def read(file: h5py.File, *, ages: str | None = None, redshift: object = None, units: object = None) -> Snapshot:
    """The stars and the gas."""
    if ages not in (None, "today", "snapshot"):
        raise InputError(f"{file.filename}: ages are counted from 'today' or from the 'snapshot', not {ages!r}.")
    named = {
        NAMES.get(name, name)
        for name in (*UNITS, *GAS_UNITS, "internal_energy", "electron_abundance", "metals", "center")
    }
    facts = Facts.of(file.filename, named, redshift=redshift, units=units)
    found = scalar(file, "galaxy/redshift") if facts.redshift is None else facts.redshift
    redshift = found or 0.0
    if not -0.999 < redshift < 1000:
        raise InputError(f"{file.filename}: galaxy/redshift is {redshift}, which no galaxy has: state redshift.")
    group = require_group(file, "particles/stars", REMEDY)
    columns = {
        name: facts.column(group, NAMES.get(name, name), unit, REMEDY, usual=unit) for name, unit in UNITS.items()
    }
    check_shapes(file.filename, columns)
    notes = ["masses are believed to be those as formed: RUBIX writes them so from IllustrisTNG, not through pynbody"]
    if found is None:
        notes.append("the file states no redshift, so the galaxy was believed to be at 0: state redshift if it is not")
    if (centre := find(file, "galaxy/center")) is not None and isinstance(centre, h5py.Dataset):
        place = np.ravel(facts.column(require_group(file, "galaxy", REMEDY), "center", "kpc", REMEDY, usual="kpc"))
        notes.append(f"RUBIX put the centre at ({', '.join(f'{value:.3f}' for value in place[:3])}) kpc")
    counted = ages or ("today" if scalar(file, "meta/HubbleParam") else "snapshot")
    if redshift > 0:
        late = today_after(redshift) if counted == "today" else 0.0
        columns["age"] = columns["age"] - late
        notes.append(
            f"ages were counted from today, and are now {late:.4g} Gyr less, counted from redshift {redshift:.4g}"
            if late
            else f"ages were believed to be those at redshift {redshift:.4g}; if RUBIX counted them from today, read "
            "with ages='today'"
        )
    gas, remarks = with_gas(file, facts)
    return Snapshot(
        stars=Stars(**columns),
        gas=gas,
        redshift=redshift,
        cosmology=universe(file),
        box=period(file),
        source=Path(file.filename).name,
        format="rubix",
        notes=(*notes, *remarks),
    )


def today_after(redshift: float) -> float:
    """Time from a redshift until today in the universe of RUBIX [Gyr]."""
    from astropy.cosmology import Planck15

    planck = Expansion(1.0, Planck15.h, Planck15.Om0)  # pyright: ignore[reportAttributeAccessIssue]
    return planck.now() - float(planck.time(np.array(1 / (1 + redshift))))


def with_gas(file: h5py.File, facts: Facts) -> tuple[Gas | None, list[str]]:
    """The gas, and what is remarkable about it."""
    group = find(file, "particles/gas")
    if not isinstance(group, h5py.Group):
        return None, []
    units = {name: unit for name, unit in GAS_UNITS.items() if name not in ("temperature", "smoothing_length")}
    columns = {
        name: facts.column(group, NAMES.get(name, name), unit, REMEDY, usual=unit) for name, unit in units.items()
    }
    warm, metals = dataset(group, "temperature", "K", facts), dataset(group, "metals", "", facts)
    if warm is None:
        columns["internal_energy"] = facts.column(group, "internal_energy", "erg/g", REMEDY, usual="erg/g") * 1e-10
    elements, notes = {}, []
    if metals is not None and metals.ndim == 2 and metals.shape == (columns["mass"].size, len(ELEMENTS) + 1):
        elements = {name: metals[:, place] for place, name in enumerate(ELEMENTS) if np.any(metals[:, place])}
        notes.append("elements of the gas whose column is zero throughout are taken as unknown")
    more = {"temperature": warm, "electron_abundance": dataset(group, "electron_abundance", "", facts)}
    gas, remarks = gas_of(f"{file.filename}: gas", columns | more, elements)
    return gas, notes + remarks


def dataset(group: h5py.Group, name: str, unit: str, facts: Facts) -> Float[np.ndarray, "..."] | None:
    """A dataset in a unit, which is RUBIX's own; None where it is not there."""
    return facts.column(group, name, unit, REMEDY, usual=unit) if find(group, name) is not None else None


def scalar(file: h5py.File, name: str) -> float | None:
    """The first finite number of a dataset; None where there is none."""
    dataset = find(file, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iuf" or not 0 < (dataset.size or 0) < 1000:
        return None
    value = float(numbers(dataset).flat[0])
    return value if np.isfinite(value) else None


def universe(file: h5py.File) -> Cosmology | None:
    """That of the snapshot's header."""
    hubble, matter = scalar(file, "meta/HubbleParam"), scalar(file, "meta/Omega0")
    return Cosmology(hubble, matter) if hubble and matter else None


def period(file: h5py.File) -> Float[np.ndarray, "3"] | None:
    """That of the snapshot's header [kpc], which has it in kpc/h, comoving."""
    size, scale, hubble = (scalar(file, f"meta/{name}") for name in ("BoxSize", "Time", "HubbleParam"))
    if not (size and scale and hubble and size > 0 and 0 < scale < 1e3 and 0.01 < hubble < 100):
        return None
    return np.full(3, size * scale / hubble)


RUBIX = snapshot_format("rubix", recognises, read, options=("ages", "redshift", "units"))
