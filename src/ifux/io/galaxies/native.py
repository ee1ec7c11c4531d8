"""ifux's own galaxy file, simple enough to be written by any other program.

    /                   attributes: format = "ifux galaxy", version = 1, redshift;
                        optional: source, layout, notes (texts), ifux (version that wrote the file)
    /stars/position     (particle, 3)  attribute unit = "kpc"     offset from the centre, physical
    /stars/velocity     (particle, 3)  attribute unit = "km/s"    relative to the galaxy
    /stars/mass         (particle,)    attribute unit = "Msun"    as formed
    /stars/age          (particle,)    attribute unit = "Gyr"     at the time of the snapshot
    /stars/metallicity  (particle,)    attribute unit = ""        mass fraction
    /dropped, /changed  optional groups: an attribute for each reason, the number of particles as its value

The unit attributes are obligatory, and any unit that astropy knows and can convert will do. Files written here are
chunked along the particles, shuffled, compressed with gzip and carry checksums; files read here need be none of it.
"""

from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np

from ifux.errors import InputError
from ifux.galaxy import Galaxy
from ifux.io.files import replacing
from ifux.io.galaxies.format import hdf5_format
from ifux.io.galaxies.stars import Stars, check_shapes
from ifux.io.hdf5 import column, find, fixed, number, require_group, text, texts

FORMAT = "ifux galaxy"
VERSION = 1
UNITS = {"position": "kpc", "velocity": "km/s", "mass": "Msun", "age": "Gyr", "metallicity": ""}
CHUNK = 65536
"""Particles in a chunk."""
PACKED = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
"""How chunks are packed."""


def recognises(file: h5py.File) -> bool:
    """The file says what it is."""
    return text(file, "format") == FORMAT


def read(file: h5py.File, rows: slice = slice(None)) -> Stars:
    """The stars, or some rows of them, still in the order of the file."""
    if (found := number(file, "version")) != VERSION:
        raise InputError(f"{file.filename}: version {found} of the {FORMAT} file is not {VERSION}: update ifux.")
    redshift = number(file, "redshift")
    if redshift is None or not redshift > -1:
        raise InputError(f"{file.filename}: the attribute redshift must be a number above -1, got {redshift}.")
    remedy = f"the docstring of {__name__} shows the layout"
    stars = require_group(file, "stars", remedy)
    columns = {name: column(stars, name, unit, remedy, rows) for name, unit in UNITS.items()}
    check_shapes(file.filename, columns)
    return Stars(
        *columns.values(),
        redshift=redshift,
        source=text(file, "source", Path(file.filename).name),
        format=text(file, "layout", "ifux"),
        dropped=counts(file, "dropped"),
        changed=counts(file, "changed"),
        notes=texts(file, "notes"),
    )


def counts(file: h5py.File, name: str) -> dict[str, int]:
    """Counts by reason."""
    group = find(file, name)
    found = {reason: number(group, reason) for reason in group.attrs} if isinstance(group, h5py.Group) else {}
    return {reason: int(count) for reason, count in found.items() if count is not None}


def write_galaxy(path: str | Path, galaxy: Galaxy, *, overwrite: bool = False):
    """Writes a galaxy in ifux's own layout, whole or not at all. `read_galaxy` gives it back number for number."""
    count = galaxy.stars.count
    if not count:
        raise InputError(f"{path}: a galaxy without stars is not written.")
    with replacing(path, overwrite=overwrite) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["version"] = VERSION
        file.attrs["redshift"] = galaxy.redshift
        file.attrs["notes"] = fixed(galaxy.notes)
        words = {"format": FORMAT, "source": galaxy.source, "layout": galaxy.format, "ifux": version("ifux")}
        for name, word in words.items():
            file.attrs[name] = fixed(word)
        for name, reasons in (("dropped", galaxy.dropped), ("changed", galaxy.changed)):
            file.create_group(name).attrs.update(reasons)
        stars, first = file.create_group("stars"), next(galaxy.stars.blocks(1))
        columns = {}
        for name, unit in UNITS.items():
            row = getattr(first, name).shape[1:]
            columns[name] = stars.create_dataset(
                name,
                (0, *row),
                getattr(first, name).dtype,
                maxshape=(None, *row),
                chunks=(min(CHUNK, count), *row),
                **PACKED,
            )
            columns[name].attrs["unit"] = fixed(unit)
        for block in galaxy.stars.blocks(16 * CHUNK):
            for name, dataset in columns.items():
                dataset.resize(dataset.shape[0] + block.count, axis=0)
                dataset[-block.count :] = np.asarray(getattr(block, name))


IFUX = hdf5_format("ifux", recognises, read, default_centre="as-is")
