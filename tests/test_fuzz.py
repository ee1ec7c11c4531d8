"""Whatever happens to a file, its reader gives what it can mean, or says in one sentence what is wrong.

A thousand mutations of small files of every kind: bytes changed, files cut off, entries of HDF5 replaced by what nobody
would write. `IFUX_FUZZ=SEED:COUNT` asks for others.
"""

import os
import random
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import rdata
from astropy.table import Table
from test_gadget import BOTH, n_body, snapshot
from test_hydro import gizmo, swift
from test_library_formats import SAID, bruzual_charlot, dsps, miles, ppxf
from test_library_formats import rubix as rubix_library
from test_other_codes import rubix, simspin
from test_tables import PLAIN, quantities

from ifux.errors import InputError
from ifux.grids import Wavelengths
from ifux.io import (
    describe,
    read_configuration,
    read_cube,
    read_galaxy,
    read_ssp,
    stream_galaxy,
    write_cube,
    write_galaxy,
    write_ssp,
)
from ifux.io.files.cube import Cube

SEED, COUNT = (int(word) for word in os.environ.get("IFUX_FUZZ", "16:1000").split(":"))

STARS = 40
STATED = {"units": {"length": "kpc", "velocity": "km/s", "mass": "1e9 Msun"}}
STATED |= {"population": {"age": 5.0, "metallicity": 0.02}}
STATED["columns"] = {"position": ["col1", "col2", "col3"], "velocity": ["col4", "col5", "col6"], "mass": "col7"}

NUMBERS = [0.0, -1.0, 1e300, -1e300, 1e-300, 5e-324, np.nan, np.inf, 70.0, 1e20, 0.5, 2.0]
ODD = [
    *NUMBERS, "text", b"\xff\xfe", np.zeros((1, 6)), np.zeros(0), np.full((2, 3), np.inf), np.arange(3), True,
    np.float32(1e30), np.int64(2**62), h5py.Empty("f8"), 1 + 2j,
]  # fmt: skip


def cosmological(path, names, attributes=(), exponents=()):
    """Stars as a simulation names them, with units or without."""
    rng = np.random.default_rng(4)
    columns = {
        "position": rng.normal(0, 3, (STARS, 3)) + 20.0, "velocity": rng.normal(0, 100, (STARS, 3)),
        "mass": np.full(STARS, 1e-4), "metals": rng.uniform(0.005, 0.03, STARS), "formed": rng.uniform(0.2, 0.7, STARS),
    }  # fmt: skip
    units = {"position": 3.085678e21, "velocity": 1e5, "mass": 1.989e43, "metals": 1.0, "formed": 1.0}
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update(
            BoxSize=50.0, HubbleParam=0.7, Omega0=0.3, OmegaLambda=0.7, Redshift=0.25, Time=0.8,
            NumPart_ThisFile=np.array([0, 0, 0, 0, STARS, 0]), MassTable=np.zeros(6), NumFilesPerSnapshot=1,
        )  # fmt: skip
        group = file.create_group("PartType4")
        for role, name in names.items():
            group[name] = columns[role]
            group[name].attrs.update(zip(attributes, (units[role], 1.0 * (role == "position"), 0.0), strict=False))
    return path


TNG = {"position": "Coordinates", "velocity": "Velocities", "mass": "GFM_InitialMass", "metals": "GFM_Metallicity"}
TNG["formed"] = "GFM_StellarFormationTime"
EAGLE = {"position": "Coordinates", "velocity": "Velocity", "mass": "InitialMass", "metals": "SmoothedMetallicity"}
EAGLE["formed"] = "StellarFormationTime"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bytes and readers of a small file of every kind."""
    return made(tmp_path_factory.mktemp("whole"))


def made(folder):
    """The files, by their names."""
    found = {}

    def add(path, *readers, **options):
        path, plain = Path(path), (read_cube, read_configuration, stream_galaxy)
        calls = [(reader, {} if reader in plain else options) for reader in readers]
        found[path.name] = (path.read_bytes(), path.suffix, calls)

    add(cosmological(folder / "tng.hdf5", TNG, ("to_cgs", "a_scaling", "h_scaling")), read_galaxy, describe)
    marks = ("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent")
    add(cosmological(folder / "eagle.hdf5", EAGLE, marks), read_galaxy, describe)
    add(cosmological(folder / "bare.hdf5", EAGLE), read_galaxy, cosmology="Planck15", units={"length": "kpc"})
    add(gizmo(folder / "gizmo.hdf5"), read_galaxy, describe)
    add(swift(folder / "swift.hdf5"), read_galaxy)
    add(n_body(folder / "n_body.hdf5"), read_galaxy, describe, populations={"disc": {"age": 5.0, "metallicity": 0.02}})
    add(rubix(folder / "rubix.h5")[0], read_galaxy)
    write_galaxy(folder / "own.h5", read_galaxy(folder / "tng.hdf5"))
    add(folder / "own.h5", read_galaxy, stream_galaxy)
    for kind in (1, 2):
        (folder / f"snap{kind}").write_bytes(snapshot(kind=kind)[0])
        add(folder / f"snap{kind}", read_galaxy, populations=BOTH)
    table = Table(quantities())
    for name, form in (("stars.fits", "fits"), ("stars.ecsv", "ascii.ecsv"), ("stars.parquet", "parquet")):
        table.write(folder / name, format=form)
        add(folder / name, read_galaxy, describe)
    np.savetxt(folder / "disc.dat", PLAIN, header="a disc")
    add(folder / "disc.dat", read_galaxy, **STATED)
    rdata.write_rds(folder / "stars.Rdata", simspin()[0], compression=None)
    add(folder / "stars.Rdata", read_galaxy)
    flux = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    maps = {"MASS": (flux[0], "solMass", "formed mass")}
    cube = Cube(
        flux, Wavelengths(5000.0, 1.25, 3, "air"), (0.2, 0.2), variance=flux + 1, maps=maps, history={"seed": 1}
    )
    for name in ("cube.fits", "cube.fits.gz"):
        write_cube(folder / name, cube)
        add(folder / name, read_cube, read_configuration, describe)
    for name, make in (("dsps.h5", dsps), ("ppxf.npz", ppxf), ("library.h5", rubix_library)):
        make(folder / name)
        add(folder / name, read_ssp, describe, **SAID)
    write_ssp(folder / "own-library.h5", read_ssp(folder / "dsps.h5", **SAID))
    add(folder / "own-library.h5", read_ssp, describe)
    bruzual_charlot(folder / "bc03")
    add(next(path for path in sorted((folder / "bc03").iterdir()) if path.is_file()), read_ssp, **SAID)
    miles(folder / "miles")
    add(next(iter(sorted((folder / "miles").iterdir()))), describe)
    return found


def changed(content, dice):
    """Bytes of which some are others, most of them in the headers, or which end too soon."""
    content = bytearray(content)
    if dice.random() < 0.15:
        return bytes(content[: dice.randrange(len(content))])
    reach = len(content) if dice.random() < 0.3 else min(len(content), 6000)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        place = dice.randrange(reach)
        content[place] = dice.choice((dice.randrange(256), content[place] ^ 1 << dice.randrange(8), 57))
    return bytes(content)


def edited(path, dice):
    """An entry of an HDF5 file taken out, or another: of a header, of a dataset, or its numbers."""
    with h5py.File(path, "r+") as file:
        nodes = [file]
        file.visititems(lambda _, node: nodes.append(node))
        for _ in range(dice.choice((1, 1, 2))):
            node = dice.choice([node for node in nodes if node and node.name])
            if len(node.attrs) and dice.random() < 0.7:
                name = dice.choice(sorted(node.attrs))
                if dice.random() < 0.15:
                    del node.attrs[name]
                else:
                    node.attrs[name] = dice.choice(ODD)
            elif isinstance(node, h5py.Dataset) and node.dtype.kind in "fiu" and node.shape:
                if dice.random() < 0.5:
                    with np.errstate(all="ignore"), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        node[...] = (node[...] * dice.choice(NUMBERS)).astype(node.dtype)
                else:
                    name, values = node.name, node[...]
                    del file[name]
                    others = [values[:-1], values[..., None], values.T, "text", 1.0, values.astype("S8")]
                    file[name] = dice.choice(others)


def mutated(files, dice, folder):
    """A mutation of one of the files, and the reader that is to read it."""
    name = dice.choice(sorted(files))
    content, suffix, calls = files[name]
    path = folder / f"file{suffix}"
    path.write_bytes(content)
    if suffix in (".h5", ".hdf5") and dice.random() < 0.5:
        edited(path, dice)
    else:
        path.write_bytes(changed(content, dice))
    return name, path, *dice.choice(calls)


def test_a_thousand_mutations_end_in_a_result_or_in_one_sentence(files, tmp_path):
    dice = random.Random(SEED)
    for number in range(COUNT):
        name, path, reader, options = mutated(files, dice, tmp_path)
        try:
            reader(path, **options)
        except InputError as error:
            assert "\n" not in str(error), (number, str(error))
        except Exception as error:
            raise AssertionError(f"mutation {number} of seed {SEED}: {reader.__name__} of {name}") from error
