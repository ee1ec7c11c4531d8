"""ifux's own galaxy file, simple enough to be written by any other program.

    /                   attributes: format = "ifux galaxy", version = 1 or 2, redshift;
                        optional: hubble (H0 / 100 km/s/Mpc) and matter (density parameter),
                        source, layout, notes (texts), ifux (version that wrote the file)
    /stars/position     (particle, 3)  attribute unit = "kpc"     offset from the centre, physical
    /stars/velocity     (particle, 3)  attribute unit = "km/s"    relative to the galaxy
    /stars/mass         (particle,)    attribute unit = "Msun"    as formed
    /stars/age          (particle,)    attribute unit = "Gyr"     at the time of the snapshot
    /stars/metallicity  (particle,)    attribute unit = ""        mass fraction
    /dropped, /changed  optional groups: an attribute for each reason, the number of particles as its value

Version 2 may have more; what is absent is unknown:

    /stars/alpha        (particle,)    attribute unit = ""        [alpha/Fe] in dex
    /stars/potential    (particle,)    attribute unit = "km2/s2"
    /stars/ids          (particle,)    whole numbers
    /gas                group of the gas, in the frame of the stars:
      position, velocity, mass, metallicity                       as of the stars
      density                          attribute unit = "Msun/kpc3"
      temperature                      attribute unit = "K"
      star_formation_rate              attribute unit = "Msun/yr"
      smoothing_length                 attribute unit = "kpc"
      electron_abundance, ids          optional; electrons per hydrogen nucleus (unit = ""), whole numbers
      elements/O, elements/Fe, ...     optional; mass fractions (unit = "") by chemical symbol

The unit attributes are obligatory, unless the caller states `units`, and any unit that astropy knows and can convert
will do. Files written here are chunked along the particles, shuffled, compressed with gzip and carry checksums; files
read here need be none of it.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Array, Float, Int

from ifux import particles
from ifux.errors import InputError
from ifux.galaxy import Cosmology, Galaxy
from ifux.io.files.hdf5 import column, find, fixed, members, number, require_dataset, require_group, text, texts, whole
from ifux.io.files.writing import PACKED, replacing
from ifux.io.snapshots.columns import check_shapes
from ifux.io.snapshots.gas import FURTHER, Gas, gas_of
from ifux.io.snapshots.gas import UNITS as GAS
from ifux.io.snapshots.many_files import snapshot_format
from ifux.io.snapshots.selection import signed
from ifux.io.snapshots.snapshot import Snapshot
from ifux.io.snapshots.stars import UNITS, Stars
from ifux.io.snapshots.stated import Facts

FORMAT = "ifux galaxy"
VERSION = 2
VERSIONS = (1, 2)
"""What can be read."""
OPTIONAL = {"alpha": "", "potential": "km2/s2"}
"""Columns of stars that a file may have."""
REMEDY = f"the docstring of {__name__} shows the layout"
CHUNK = 65536
"""Particles in a chunk."""


def recognises(file: h5py.File) -> bool:
    """The file says what it is."""
    return text(file, "format") == FORMAT


def read(file: h5py.File, *, redshift: object = None, units: object = None) -> Snapshot:
    """The stars and the gas."""
    facts = Facts.of(file.filename, {*UNITS, *OPTIONAL, *GAS, *FURTHER}, redshift=redshift, units=units)
    snapshot = read_stars(file, facts)
    return replace(snapshot, gas=read_gas(file, facts)) if find(file, "gas") is not None else snapshot


def read_stars(file: h5py.File, facts: Facts, rows: slice = slice(None)) -> Snapshot:
    """The stars, or some rows of them, still in the order of the file."""
    if (found := number(file, "version")) not in VERSIONS:
        raise InputError(f"{file.filename}: version {found} of the {FORMAT} file is not among {VERSIONS}: update ifux.")
    redshift, hubble, matter = (number(file, name) for name in ("redshift", "hubble", "matter"))
    redshift = redshift if facts.redshift is None else facts.redshift
    if redshift is None or not redshift > -1:
        raise InputError(
            f"{file.filename}: the attribute redshift must be a number above -1, got {redshift}: state redshift."
        )
    group = require_group(file, "stars", REMEDY)
    units = UNITS | {name: unit for name, unit in OPTIONAL.items() if find(group, name) is not None}
    columns = {name: facts.column(group, name, unit, REMEDY, rows) for name, unit in units.items()}
    check_shapes(file.filename, columns)
    stars = Stars(**columns, ids=identifiers(group, columns["mass"].size, rows))
    return Snapshot(
        stars,
        redshift=redshift,
        cosmology=None if hubble is None or matter is None else Cosmology(hubble, matter),
        source=text(file, "source", Path(file.filename).name),
        format=text(file, "layout", "ifux"),
        dropped=counts(file, "dropped"),
        changed=counts(file, "changed"),
        notes=texts(file, "notes"),
    )


def read_gas(file: h5py.File, facts: Facts, rows: slice = slice(None)) -> Gas:
    """The gas, or some rows of it, in the order of the file."""
    group = require_group(file, "gas", REMEDY)
    units = GAS | {name: unit for name, unit in FURTHER.items() if find(group, name) is not None}
    columns = {name: facts.column(group, name, unit, REMEDY, rows) for name, unit in units.items()}
    columns |= {"ids": identifiers(group, columns["mass"].size, rows)}
    inner = find(group, "elements")
    names = members(inner) if isinstance(inner, h5py.Group) else []
    elements = {name: column(group, f"elements/{name}", "", REMEDY, rows) for name in names}
    return gas_of(f"{file.filename}: gas", columns, elements)[0]


def identifiers(group: h5py.Group, count: int, rows: slice = slice(None)) -> Int[np.ndarray, " particle"] | None:
    """Whole numbers that name the particles, where there are any."""
    if find(group, "ids") is None:
        return None
    dataset = require_dataset(group, "ids", REMEDY)
    values = whole(dataset, rows)
    if values.dtype.kind not in "iu" or values.shape != (count,):
        raise InputError(
            f"{group.file.filename}: {dataset.name} must be {count} whole numbers, got {values.dtype} of shape "
            f"{values.shape}."
        )
    return signed(values, str(dataset.name)) if count else values.astype(np.int64)


def counts(file: h5py.File, name: str) -> dict[str, int]:
    """Counts by reason."""
    group = find(file, name)
    found = {reason: number(group, reason) for reason in group.attrs} if isinstance(group, h5py.Group) else {}
    return {reason: int(count) for reason, count in found.items() if count is not None}


def write_galaxy(path: str | Path, galaxy: Galaxy, *, overwrite: bool = False):
    """Writes a galaxy in ifux's own layout, whole or not at all. `read_galaxy` gives it back number for number."""
    with replacing(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(version=VERSION, redshift=galaxy.redshift, notes=fixed(galaxy.notes))
        words = {"format": FORMAT, "source": galaxy.source, "layout": galaxy.format, "ifux": version("ifux")}
        file.attrs.update({name: fixed(word) for name, word in words.items()})
        if galaxy.cosmology is not None:
            file.attrs.update(hubble=galaxy.cosmology.hubble, matter=galaxy.cosmology.matter)
        if not write_rows(file, "stars", galaxy.stars, star_columns):
            raise InputError(f"{path}: a galaxy without stars is not written.")
        if galaxy.gas is not None:
            write_rows(file, "gas", galaxy.gas, gas_columns)
        # Of what is in a file it is only counted now.
        for name, reasons in (("dropped", galaxy.dropped), ("changed", galaxy.changed)):
            file.create_group(name).attrs.update(reasons)


Written = dict[str, tuple[Float[Array, "particle ..."], str]]
"""Columns and their units, by the names of their datasets."""


def star_columns(stars: particles.Particles) -> Written:
    """The columns of stars that are known."""
    units = UNITS | {name: unit for name, unit in OPTIONAL.items() if getattr(stars, name, None) is not None}
    return {name: (getattr(stars, name), unit) for name, unit in units.items()}


def gas_columns(gas: particles.Gas) -> Written:
    """The columns of gas that are known."""
    columns = {name: (getattr(gas, name), unit) for name, unit in GAS.items()}
    if gas.electron_abundance is not None:
        columns["electron_abundance"] = (gas.electron_abundance, "")
    return columns | {f"elements/{name}": (values, "") for name, values in gas.elements.items()}


def write_rows(
    file: h5py.File, name: str, whole: particles.Stars | particles.Cells, columns: Callable[..., Written]
) -> int:
    """Writes the columns of stars or of gas into a group, block by block, and counts the rows; no group without any."""
    datasets: dict[str, h5py.Dataset] = {}
    written = 0
    for block in whole.blocks(16 * CHUNK):
        written += block.count
        for key, (values, unit) in columns(block).items():
            if key not in datasets:
                datasets[key] = growing(file.require_group(name), key, values, unit, whole.count)
            datasets[key].resize(written, axis=0)
            datasets[key][-block.count :] = np.asarray(values)
    return written


def growing(group: h5py.Group, name: str, like: Float[Array, "particle ..."], unit: str, count: int) -> h5py.Dataset:
    """An empty dataset for as many rows as come, packed in chunks of at most `count` rows."""
    row = like.shape[1:]
    shape, chunk = (0, *row), (min(CHUNK, count), *row)
    dataset = group.create_dataset(name, shape, like.dtype, maxshape=(None, *row), chunks=chunk, **PACKED)
    dataset.attrs["unit"] = fixed(unit)
    return dataset


IFUX = snapshot_format("ifux", recognises, read, options=("redshift", "units"))
