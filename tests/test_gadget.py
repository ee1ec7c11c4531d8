"""Gadget's snapshots, binary and HDF5: units by hand, both formats and byte orders, many files, and damage."""

import json
import re
import struct

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifux.errors import InputError
from ifux.io import read_galaxy
from ifux.io.snapshots.gadget_binary import part_of
from ifux.run import open_galaxy

BINARY, HDF5 = "snapshots/SimSpin_example_Gadget", "snapshots/SimSpin_example_HDF5.hdf5"
DISC = {"disc": {"age": 5.0, "metallicity": 0.02}}
BOTH = DISC | {"bulge": {"age": 10.0, "metallicity": 0.01}}


def record(content, order):
    """A Fortran record."""
    return struct.pack(f"{order}I", len(content)) + content + struct.pack(f"{order}I", len(content))


def snapshot(
    counts=(0, 0, 40, 30, 0, 0), *, order="<", kind=1, real=4, whole=4, massarr=(0, 0, 0, 0, 0, 0), time=10.0, z=0.0,
    h=1.0, matter=0.0, vacuum=0.0, box=0.0, files=1, flags=(0, 0, 0, 0), extra=(), seed=1, lie=None,
):  # fmt: skip
    """The bytes of a snapshot, and what was put into it. Written from the users' guide, not through the reader."""
    sfr, cooling, age, metals = flags
    header = struct.pack(f"{order}6i6d2d2i6I2i", *counts, *massarr, time, z, sfr, 0, *counts, cooling, files)
    header += struct.pack(f"{order}4d2i6Ii", box, matter, vacuum, h, age, metals, *(6 * [0]), 0)
    random, total = np.random.default_rng(seed), sum(counts)
    weighed = sum(count for count, mass in zip(counts, massarr, strict=True) if not mass)
    blocks = {
        "POS ": random.normal(0, 5, (total, 3)),
        "VEL ": random.normal(0, 100, (total, 3)),
        "ID  ": np.arange(total) + 1,
        "MASS": random.uniform(1e-5, 2e-5, weighed),
    }
    blocks = {name: values for name, values in blocks.items() if values.size} | dict(extra)
    content = [("HEAD", header.ljust(256, b"\0"))]
    content += [
        (name, values.astype(f"{order}{f'u{whole}' if name == 'ID  ' else f'f{real}'}").tobytes())
        for name, values in blocks.items()
    ]
    result = b""
    for name, data in content:
        if kind == 2:
            result += record(name.encode() + struct.pack(f"{order}I", len(data) + 8), order)
        result += record(data if lie is None else lie(name, data), order)
    return result, blocks


@pytest.fixture
def written(tmp_path):
    """A function that writes a snapshot."""

    def write(name="snap", **options):
        content, blocks = snapshot(**options)
        path = tmp_path / name
        path.write_bytes(content)
        return path, blocks

    return write


def columns(galaxy):
    """Columns in double precision."""
    names = ("position", "velocity", "mass", "age", "metallicity")
    return {name: np.asarray(getattr(galaxy.stars, name), dtype=np.float64) for name in names}


def test_real_binary_agrees_with_a_reading_by_hand(data):
    path = data(BINARY)
    content = path.read_bytes()
    counts = struct.unpack("<6i", content[4:28])
    assert counts == (0, 0, 1000, 1500, 0, 0)
    number = sum(counts)
    start = 264 + 4
    position = np.frombuffer(content, "<f4", 3 * number, start).reshape(-1, 3)
    velocity = np.frombuffer(content, "<f4", 3 * number, start + 12 * number + 8).reshape(-1, 3)
    mass = np.frombuffer(content, "<f4", number, start + 28 * number + 24)
    found = columns(read_galaxy(path, populations=BOTH, centre="as-is"))
    assert np.allclose(found["position"], position, rtol=1e-6)
    assert np.allclose(found["velocity"], velocity, rtol=1e-6)
    assert np.allclose(found["mass"], mass.astype(float) * 1e10, rtol=1e-6)
    assert np.array_equal(found["age"], [5.0] * 1000 + [10.0] * 1500)
    assert found["mass"].sum() == pytest.approx(2500 * 4.0e5, rel=1e-3)
    galaxy = read_galaxy(path, populations={"bulge": BOTH["bulge"]})
    assert galaxy.format == "gadget" and galaxy.stars.count == 1500
    assert any("1000 particles of PartType2 (disc) are not stars here" in note for note in galaxy.notes)


def test_real_hdf5_agrees_with_a_reading_by_hand(data):
    path = data(HDF5)
    with h5py.File(path) as file:
        raw = {name: values[...] for name, values in file["PartType2"].items()}
    galaxy = read_galaxy(path, populations=DISC, centre="as-is")
    found = columns(galaxy)
    assert galaxy.format == "gadget-hdf5" and galaxy.gas is None and galaxy.cosmology is None
    assert np.allclose(found["position"], raw["Coordinates"], rtol=1e-6)
    assert np.allclose(found["velocity"], raw["Velocities"], rtol=1e-6)
    assert np.allclose(found["mass"], raw["Masses"] * 1e10, rtol=1e-6)
    some = read_galaxy(path, populations=DISC, ids=raw["ParticleIDs"][:300].tolist())
    assert some.stars.count == 300


def test_a_configuration_states_populations(data):
    drawn = {"history": "exponential", "start": 10, "timescale": 4, "metallicity": 0.02, "seed": 3}
    text = json.dumps({"kind": "file", "path": str(data(BINARY)), "populations": {"PartType2": drawn}})
    galaxy = open_galaxy(json.loads(text), 0.05)
    assert galaxy.stars.count == 1000
    assert np.array_equal(galaxy.stars.age, open_galaxy(json.loads(text), 0.05).stars.age)


def test_stars_without_ages_are_an_error_that_counts_what_is_there(data):
    with pytest.raises(InputError) as error:
        read_galaxy(data(BINARY))
    assert "1000 of PartType2 (disc) and 1500 of PartType3 (bulge)" in str(error.value)
    example = re.search(r"populations=(\{.*?\}\})", str(error.value))
    assert example, "the sentence must show what would do"
    assert read_galaxy(data(BINARY), populations=json.loads(example[1])).stars.count == 1000
    with pytest.raises(InputError, match=r"states no ages .* 2000 of PartType2 \(disc\)"):
        read_galaxy(data(HDF5))
    with pytest.raises(InputError, match=r"PartType1 \(halo\), of which it holds none"):
        read_galaxy(data(HDF5), populations={"halo": DISC["disc"]})


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize(("real", "whole"), [(4, 4), (8, 8), (4, 8)])
def test_every_precision_order_and_format_reads_alike(written, order, kind, real, whole):
    path, blocks = written(order=order, kind=kind, real=real, whole=whole)
    found = columns(read_galaxy(path, populations=BOTH, centre="as-is"))
    assert np.allclose(found["position"], blocks["POS "], rtol=1e-6)
    assert np.allclose(found["velocity"], blocks["VEL "], rtol=1e-6)
    assert np.allclose(found["mass"], blocks["MASS"] * 1e10, rtol=1e-6)
    some = read_galaxy(path, populations=BOTH, centre="as-is", ids=[1, 2, 70])
    assert np.allclose(some.stars.position, blocks["POS "][[0, 1, 69]], rtol=1e-6)


def test_units_of_a_cosmological_run(written):
    z, h = 0.5, 0.7
    path, blocks = written(z=z, time=1 / 1.5, h=h, matter=0.3, vacuum=0.7)
    galaxy = read_galaxy(path, populations=BOTH, centre="as-is")
    found = columns(galaxy)
    assert galaxy.redshift == pytest.approx(z) and galaxy.cosmology.hubble == pytest.approx(h)
    assert np.allclose(found["position"], blocks["POS "] / h / (1 + z), rtol=1e-6)
    assert np.allclose(found["velocity"], blocks["VEL "] / np.sqrt(1 + z), rtol=1e-6)
    assert np.allclose(found["mass"], blocks["MASS"] * 1e10 / h, rtol=1e-6)
    units = {"length": "Mpc", "velocity": "m/s", "mass": "Msun"}
    found = columns(read_galaxy(path, populations=BOTH, centre="as-is", units=units, physical=True, believe=True))
    assert np.allclose(found["position"], blocks["POS "] * 1e3, rtol=1e-6)
    assert np.allclose(found["velocity"], blocks["VEL "] * 1e-3, rtol=1e-6)
    assert np.allclose(found["mass"], blocks["MASS"], rtol=1e-6)


def test_masses_of_the_header_stand_for_a_whole_type(written):
    path, blocks = written(massarr=(0, 0, 3e-5, 0, 0, 0))
    assert blocks["MASS"].size == 30
    found = columns(read_galaxy(path, populations=BOTH, centre="as-is"))
    assert np.allclose(found["mass"], np.concatenate([np.full(40, 3e5), blocks["MASS"] * 1e10]), rtol=1e-6)


def hydro(kind, *, counts=(25, 10, 0, 0, 20, 0), z=1.0, h=0.7):
    """A cosmological run with gas and stars."""
    random, gas, stars = np.random.default_rng(3), counts[0], counts[4]
    a = 1 / (1 + z)
    extra = {
        "U   ": random.uniform(100, 1e4, gas),
        "RHO ": random.uniform(1e-6, 1e-5, gas),
        "NE  ": random.uniform(0.5, 1.1, gas),
        "NH  ": np.zeros(gas),
        "HSML": random.uniform(0.5, 2, gas),
        "SFR ": random.uniform(0, 1, gas),
        "AGE ": random.uniform(0.1, a, stars),
        "Z   ": random.uniform(0.001, 0.03, gas + stars),
    }
    return {"counts": counts, "z": z, "time": a, "h": h, "matter": 0.3, "vacuum": 0.7, "flags": (1, 1, 1, 1),
            "extra": extra.items(), "kind": kind}, extra  # fmt: skip


@pytest.mark.parametrize("kind", [1, 2])
def test_gas_and_stars_that_formed_in_the_run(written, kind):
    options, extra = hydro(kind)
    path, blocks = written(**options)
    galaxy = read_galaxy(path, centre="as-is")
    cosmology, a, h = FlatLambdaCDM(H0=70, Om0=0.3), 0.5, 0.7
    found = columns(galaxy)
    assert np.allclose(found["position"], blocks["POS "][35:] * a / h, rtol=1e-6)
    age = (cosmology.age(1.0) - cosmology.age(1 / extra["AGE "] - 1)).to_value(u.Gyr)
    assert np.allclose(found["age"], age, atol=1e-4)
    assert np.allclose(found["metallicity"], extra["Z   "][25:], rtol=1e-6)
    assert np.allclose(found["mass"], blocks["MASS"][35:] * 1e10 / h, rtol=1e-6)
    gas = galaxy.gas
    density = extra["RHO "] * 1e10 * u.Msun / h / (u.kpc * a / h) ** 3
    assert np.allclose(gas.density, density.to_value(u.Msun / u.kpc**3), rtol=1e-5)
    weight = 4 / (1 + 3 * 0.76 + 4 * 0.76 * extra["NE  "])
    heat = (2 / 3) * extra["U   "] * (u.km / u.s) ** 2 * weight * 1.67262192369e-27 * u.kg / (1.380649e-23 * u.J / u.K)
    assert np.allclose(gas.temperature, heat.to_value(u.K), rtol=1e-5)
    assert np.allclose(gas.smoothing_length, extra["HSML"] * a / h, rtol=1e-6)
    assert np.allclose(gas.star_formation_rate, extra["SFR "], rtol=1e-6)
    assert np.allclose(gas.metallicity, extra["Z   "][:25], rtol=1e-6)


def test_times_of_an_isolated_run_are_in_code_units(written):
    formed = np.linspace(0.5, 3.0, 20)
    path, _ = written(counts=(0, 0, 0, 0, 20, 0), kind=2, time=3.0, extra={"AGE ": formed}.items())
    populations = {"stars": {"metallicity": 0.02}}
    age = columns(read_galaxy(path, populations=populations))["age"]
    assert np.allclose(age[:-1], ((3.0 - formed) * u.kpc / (u.km / u.s)).to_value(u.Gyr)[:-1], atol=1e-4)
    assert 0 < age[-1] < 1e-4


@pytest.mark.parametrize("index", [0, 1])
def test_many_files_make_one_snapshot(written, index):
    _, first = written("snap.0", files=2, seed=1)
    _, second = written("snap.1", files=2, seed=2, counts=(0, 0, 10, 20, 0, 0))
    folder = written("other")[0].parent
    galaxy = read_galaxy(folder / f"snap.{index}", populations=BOTH, centre="as-is")
    disc = np.concatenate([first["POS "][:40], second["POS "][:10]])
    bulge = np.concatenate([first["POS "][40:], second["POS "][10:]])
    assert np.allclose(galaxy.stars.position, np.concatenate([disc, bulge]), rtol=1e-6)
    drawn = {"disc": {"history": "constant", "start": 10.0, "metallicity": 0.02}}
    ages = np.asarray(read_galaxy(folder / "snap.0", populations=drawn).stars.age)
    assert len(set(ages[:10]) & set(ages[40:])) == 0, "each file would draw the same ages"
    (folder / f"snap.{1 - index}").rename(folder / "away")
    alone = read_galaxy(folder / f"snap.{index}", populations=BOTH)
    assert any("only this one was read" in note for note in alone.notes)


def test_a_file_that_is_cut_while_it_is_read_is_a_sentence(written):
    path, _ = written("snap")
    whole = path.read_bytes()
    found = part_of(path)
    path.write_bytes(whole[:400])
    with pytest.raises(InputError, match="became shorter while it was read"):
        found.column("mass", 2)


def test_a_missing_file_of_many_is_named(written):
    path, _ = written("snap.0", files=3)
    written("snap.2", files=3)
    with pytest.raises(InputError, match=r"one of 3 files .* of which 2 are in .*: number 1 is missing"):
        read_galaxy(path, populations=BOTH)


def test_the_box_of_an_isolated_galaxy_is_not_periodic(written):
    path, _ = written(box=8.0)
    galaxy = read_galaxy(path, populations=BOTH)
    assert any("so it was not taken for periodic" in note for note in galaxy.notes)
    assert np.ptp(np.asarray(galaxy.stars.position)) > 16


def n_body(path, change=lambda file: None):
    """An N-body galaxy in HDF5."""
    random = np.random.default_rng(2)
    with h5py.File(path, "w") as file:
        header = file.create_group("Header")
        header.attrs.update({"Time": 1.0, "Redshift": 0.0, "HubbleParam": 0.7, "Omega0": 0.0, "OmegaLambda": 0.0,
                             "BoxSize": 0.0, "MassTable": [0, 2e-4, 0, 1e-5, 0, 0]})  # fmt: skip
        for species, count in ((1, 30), (2, 20), (3, 10)):
            group = file.create_group(f"PartType{species}")
            group["Coordinates"] = random.normal(0, 5, (count, 3))
            group["Velocities"] = random.normal(0, 100, (count, 3))
            group["ParticleIDs"] = np.arange(count, dtype=np.uint64) + 2**63
            if species == 2:
                group["Masses"] = random.uniform(1e-5, 2e-5, count)
        change(file)
    return path


def test_hdf5_takes_every_type_that_is_asked_for(tmp_path):
    path = n_body(tmp_path / "galaxy.hdf5")
    galaxy = read_galaxy(path, populations=BOTH | {"1": {"age": 1.0, "metallicity": 0.001}}, centre="as-is")
    assert galaxy.stars.count == 60
    with h5py.File(path) as file:
        position = np.concatenate([file[f"PartType{species}/Coordinates"] for species in (1, 2, 3)]) / 0.7
        mass = np.concatenate([np.full(30, 2e-4), file["PartType2/Masses"], np.full(10, 1e-5)]) * 1e10 / 0.7
    assert np.allclose(galaxy.stars.position, position, rtol=1e-6)
    assert np.allclose(galaxy.stars.mass, mass, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.move("PartType2/Masses", "away"), "PartType2 has no mass"),
        (lambda file: file.move("PartType2/Velocities", "away"), "PartType2 has no velocity"),
        (lambda file: file["PartType2"].create_dataset("Metallicity", data=np.ones(3)), "metallicity has shape"),
        (lambda file: file["Header"].attrs.__setitem__("HubbleParam", 1e200), "HubbleParam of the header is 1e\\+200"),
        (lambda file: file["Header"].attrs.__setitem__("MassTable", [-1.0] * 6), "a mass of -1.0 each"),
        (lambda file: file["PartType2"].__setitem__("Potential", ["a"] * 20), "no array of numbers"),
        (lambda file: file.move("Header", "away"), "not a galaxy in any known format|holds no stars"),
    ],
)
def test_incomplete_hdf5_is_one_sentence(tmp_path, change, sentence):
    path = n_body(tmp_path / "galaxy.hdf5", change)
    populations = {"disc": {"age": 5.0}} if "metallicity" in sentence else DISC
    with pytest.raises(InputError, match=sentence):
        read_galaxy(path, populations=populations)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"units": "kpc"}, "units is a table"),
        ({"units": {"time": "Gyr"}}, "units is a table"),
        ({"units": {"length": "Msun"}}, "units.length: 'Msun' is no unit that converts to kpc"),
        ({"units": {"length": "parsnip"}}, "units.length: 'parsnip' is no unit"),
        ({"units": {"mass": "-1 Msun"}}, "no unit"),
        ({"physical": 1}, "physical is true or false"),
        ({"ages": 1}, "takes the options"),
    ],
)
def test_options_that_make_no_sense_are_refused(written, options, sentence):
    path, _ = written()
    with pytest.raises(InputError, match=sentence):
        read_galaxy(path, populations=BOTH, **options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"counts": (0, 0, 0, 0, 0, 0)}, "holds no particles"),
        ({"counts": (0, 0, 0, 0, 0, 0), "massarr": (0, 0, 1, 0, 0, 0)}, "holds no particles"),
        ({"massarr": (0, 0, np.nan, 0, 0, 0)}, "a mass of nan each"),
        ({"massarr": (0, 0, -1, 0, 0, 0)}, "a mass of -1.0 each"),
        ({"z": np.nan}, "Redshift of the header is nan"),
        ({"h": np.inf}, "HubbleParam of the header is inf"),
        ({"lie": lambda name, data: data[:-4] if name == "POS " else data}, "block POS has 836 bytes"),
        ({"lie": lambda name, data: data[:-4] if name == "MASS" else data}, "block MASS has 276 bytes"),
        ({"files": 10**9}, "of 1000000000 files"),
    ],
)
def test_a_header_that_lies_is_one_sentence(written, options, sentence):
    path, _ = written("snap.0", **options)
    with pytest.raises(InputError, match=sentence):
        read_galaxy(path, populations=BOTH)


def test_a_record_that_lies_allocates_nothing(tmp_path):
    content = bytearray(snapshot()[0])
    content[264:268] = struct.pack("<I", 2**32 - 1)
    path = tmp_path / "snap"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"begins at byte 264 claims 4294967295 bytes, but \d+ bytes are left"):
        read_galaxy(path, populations=BOTH)
    content = bytearray(snapshot()[0])
    content[28 - 24 + 8 : 28 - 24 + 12] = struct.pack("<i", 2**31 - 1)
    path.write_bytes(content)
    with pytest.raises(InputError, match="block POS has 840 bytes, which does not fit"):
        read_galaxy(path, populations=BOTH)


def test_bad_particles_are_counted(written):
    def spoil(name, data):
        if name != "POS ":
            return data
        values = np.frombuffer(data, "<f4").copy()
        values[:6] = np.nan, np.inf, 0, 1, 2, -np.inf
        return values.tobytes()

    path, _ = written(lie=spoil)
    galaxy = read_galaxy(path, populations=BOTH)
    assert galaxy.stars.count == 68 and sum(galaxy.dropped.values()) == 2


WHOLE = {(kind, order): snapshot(**hydro(kind)[0], order=order)[0] for kind in (1, 2) for order in "<>"}


@pytest.mark.parametrize("name", ["Density", "InternalEnergy", "ElectronAbundance", "SmoothingLength", "ParticleIDs"])
def test_gas_of_hdf5_whose_columns_differ_in_length_is_one_sentence(tmp_path, name):
    def change(file):
        for column in ("Density", "InternalEnergy", "ElectronAbundance", "SmoothingLength", "Masses"):
            file[f"PartType0/{column}"] = np.ones(9 if column == name else 8)
        file["PartType0/Coordinates"] = file["PartType0/Velocities"] = np.ones((8, 3))
        file["PartType0/ParticleIDs"] = np.arange(9 if name == "ParticleIDs" else 8)

    path = n_body(tmp_path / "galaxy.hdf5", change)
    if name == "ParticleIDs":
        assert read_galaxy(path, populations=DISC).gas.count == 8
        return
    with pytest.raises(InputError, match=r"PartType0: .* has shape \(9,\)"):
        read_galaxy(path, populations=DISC)


def test_truncated_hdf5_is_an_input_error(tmp_path):
    path = n_body(tmp_path / "galaxy.hdf5")
    content = path.read_bytes()
    for part in np.linspace(0, 1, 20, endpoint=False):
        path.write_bytes(content[: int(part * len(content))])
        with pytest.raises(InputError, match=r"galaxy\.hdf5"):
            read_galaxy(path, populations=DISC)


def test_positions_of_an_absurd_size_are_one_sentence(tmp_path):
    def change(file):
        del file["PartType2/Coordinates"]
        file["PartType2"].create_dataset("Coordinates", (2**50, 3), "f8", chunks=(1024, 3))

    path = n_body(tmp_path / "galaxy.hdf5", change)
    with pytest.raises(InputError, match="does not fit into the memory of"):
        read_galaxy(path, populations=DISC)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(sorted(WHOLE)),
    flips=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
    early=st.booleans(),
    cut=st.none() | st.integers(0, 2**16),
)
def test_damage_is_an_input_error_or_a_galaxy(tmp_path, which, flips, early, cut):
    content = bytearray(WHOLE[which])
    for place, value in flips:
        content[place % (320 if early else len(content))] = value
    path = tmp_path / "snap"
    path.write_bytes(content if cut is None else content[: cut % len(content)])
    try:
        galaxy = read_galaxy(path, format="gadget", populations={"halo": {"age": 1.0, "metallicity": 0.02}})
    except InputError as error:
        assert str(path) in str(error) or path.name in str(error)
    else:
        assert galaxy.stars.count
