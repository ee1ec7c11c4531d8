"""Files of other codes mean what these codes mean by them: RUBIX, SimSpin, and what pynbody reads."""

import gzip
import lzma
import struct
import sys

import astropy.constants as const
import astropy.units as u
import h5py
import numpy as np
import pandas
import pytest
import rdata
from astropy.cosmology import FlatLambdaCDM, Planck15
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifux.errors import InputError
from ifux.io import read_galaxy
from ifux.io.snapshots.simspin import GAS as SIMSPIN_GAS

COUNT, CELLS = 50, 12


def rubix(path, *, redshift=0.0, meta=None, change=lambda file: None, gas=True):
    """A file as RUBIX's `create_rubix_galaxy` lays it out."""
    random = np.random.default_rng(0)
    stars = {
        "coords": (random.normal(0, 5, (COUNT, 3)) + 100, "kpc"),
        "velocity": (random.normal(0, 100, (COUNT, 3)), "km/s"),
        "mass": (random.uniform(1e5, 2e5, COUNT), "Msun"),
        "metallicity": (random.uniform(0.001, 0.03, COUNT), ""),
        "age": (random.uniform(6, 12, COUNT), "Gyr"),
    }
    cells = {
        "coords": (random.normal(0, 5, (COUNT, 3)) + 100, "kpc"),
        "velocity": (random.normal(0, 100, (COUNT, 3)), "km/s"),
        "mass": (random.uniform(1e5, 2e5, COUNT), "Msun"),
        "density": (random.uniform(1e4, 1e6, COUNT), "Msun/kpc^3"),
        "metallicity": (random.uniform(0.001, 0.03, COUNT), ""),
        "metals": (random.uniform(0.001, 0.03, (COUNT, 10)), ""),
        "sfr": (random.uniform(0, 1, COUNT), "Msun/yr"),
        "internal_energy": (random.uniform(1e12, 1e14, COUNT), "erg/g"),
        "electron_abundance": (random.uniform(0.5, 1.1, COUNT), ""),
    }
    whole = {"redshift": (redshift, ""), "center": (np.full(3, 100.0), "kpc"), "halfmassrad_stars": (5.0, "kpc")}
    groups = {"galaxy": whole, "particles/stars": stars} | ({"particles/gas": cells} if gas else {})
    with h5py.File(path, "w") as file:
        for key, value in (meta or {}).items():
            file[f"meta/{key}"] = value
        for group, columns in groups.items():
            for name, (values, unit) in columns.items():
                file[f"{group}/{name}"] = values
                file[f"{group}/{name}"].attrs["unit"] = unit
        change(file)
    return (
        path,
        {name: values for name, (values, _) in stars.items()},
        {name: values for name, (values, _) in cells.items()},
    )


def test_rubix_stars_and_gas_are_what_its_units_say(tmp_path):
    path, stars, gas = rubix(tmp_path / "rubix_galaxy.h5")
    galaxy = read_galaxy(path, centre="as-is")
    assert galaxy.format == "rubix" and any("believed to be those as formed" in note for note in galaxy.notes)
    for name, other in (("position", "coords"), ("velocity", "velocity"), ("mass", "mass"), ("age", "age"),
                        ("metallicity", "metallicity")):  # fmt: skip
        assert np.allclose(getattr(galaxy.stars, name), stars[other], rtol=1e-6), name
    for name, other in (("density", "density"), ("mass", "mass"), ("star_formation_rate", "sfr")):
        assert np.allclose(getattr(galaxy.gas, name), gas[other], rtol=1e-6), name
    weight = 4 / (1 + 3 * 0.76 + 4 * 0.76 * gas["electron_abundance"])
    heat = (2 / 3) * gas["internal_energy"] * u.erg / u.g * weight * const.m_p / const.k_B
    assert np.allclose(galaxy.gas.temperature, heat.to_value(u.K), rtol=1e-4)
    assert np.allclose(galaxy.gas.elements["O"], gas["metals"][:, 4], rtol=1e-6)
    volume = gas["mass"] / gas["density"]
    assert np.allclose(4 / 3 * np.pi * np.asarray(galaxy.gas.smoothing_length, float) ** 3, volume, rtol=1e-5)


def test_rubix_units_are_converted(tmp_path):
    def change(file):
        file["particles/stars/coords"][...] *= u.kpc.to(u.pc)
        file["particles/stars/coords"].attrs["unit"] = "pc"
        file["particles/stars/mass"].attrs["unit"] = ""

    path, stars, _ = rubix(tmp_path / "galaxy.h5", change=change, gas=False)
    galaxy = read_galaxy(path, centre="as-is")
    assert galaxy.gas is None
    assert np.allclose(galaxy.stars.position, stars["coords"], rtol=1e-6)
    assert np.allclose(galaxy.stars.mass, stars["mass"], rtol=1e-6)


def test_what_a_rubix_file_lacks_can_be_stated(tmp_path):
    def change(file):
        del file["galaxy/redshift"]
        for name in ("coords", "mass", "metallicity"):
            del file[f"particles/stars/{name}"].attrs["unit"]

    path, stars, _ = rubix(tmp_path / "galaxy.h5", change=change, gas=False)
    assert any("states no redshift" in note for note in read_galaxy(path).notes)
    units = {"length": "Mpc", "mass": "1e10 Msun", "metallicity": "0.0127"}
    galaxy = read_galaxy(path, centre="as-is", redshift=0.1, units=units, believe=True)
    assert galaxy.redshift == 0.1 and not any("states no redshift" in note for note in galaxy.notes)
    assert any("at (100.000, " in note for note in read_galaxy(path).notes)
    assert any("at (100000.000, " in note for note in read_galaxy(path, units={"center": "Mpc"}).notes)
    assert np.allclose(galaxy.stars.position, 1e3 * stars["coords"], rtol=1e-6)
    assert np.allclose(galaxy.stars.mass, 1e10 * stars["mass"], rtol=1e-6)
    assert np.allclose(galaxy.stars.metallicity, 0.0127 * stars["metallicity"], rtol=1e-6)
    with pytest.raises(InputError, match=r"units\.coords: 'km/s' is no unit that converts to kpc"):
        read_galaxy(path, units={"coords": "km/s"})


def test_rubix_ages_are_counted_from_the_snapshot(tmp_path):
    late = Planck15.lookback_time(0.3).to_value(u.Gyr)
    meta = {"HubbleParam": 0.6774, "Omega0": 0.3089, "Time": 1 / 1.3, "BoxSize": 75000.0}
    path, stars, _ = rubix(tmp_path / "tng.h5", redshift=0.3, meta=meta)
    galaxy = read_galaxy(path, centre="as-is")
    assert np.allclose(galaxy.stars.age, stars["age"] - late, atol=0.01)
    assert galaxy.cosmology.hubble == pytest.approx(0.6774)
    assert np.allclose(read_galaxy(path, centre="as-is", ages="snapshot").stars.age, stars["age"], rtol=1e-6)
    path, stars, _ = rubix(tmp_path / "nihao.h5", redshift=0.3)
    galaxy = read_galaxy(path, centre="as-is")
    assert np.allclose(galaxy.stars.age, stars["age"], rtol=1e-6)
    assert any("ages='today'" in note for note in galaxy.notes)
    with pytest.raises(InputError, match="not 'yesterday'"):
        read_galaxy(path, ages="yesterday")


def test_rubix_galaxies_across_the_edge_of_their_box_are_whole(tmp_path):
    meta = {"HubbleParam": 0.5, "Omega0": 0.3, "Time": 1.0, "BoxSize": 1000.0}

    def change(file):
        file["particles/stars/coords"][...] = (file["particles/stars/coords"][...] - 100) % 2000

    path, stars, _ = rubix(tmp_path / "tng.h5", meta=meta, change=change)
    position = np.asarray(read_galaxy(path).stars.position)
    assert np.ptp(position, axis=0) == pytest.approx(np.ptp(stars["coords"], axis=0), rel=1e-4)


def shortened(name):
    """A dataset of three numbers."""

    def change(file):
        del file[name]
        file[name] = np.ones(3)

    return change


def elsewhere(file):
    """Ages in another file."""
    del file["particles/stars/age"]
    file["particles/stars/age"] = h5py.ExternalLink("other.h5", "/age")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.move("particles/stars/age", "away"), "no dataset 'age'"),
        (lambda file: file["particles/stars/mass"].attrs.__setitem__("unit", "kpc"), "has the unit 'kpc', which"),
        (lambda file: file["particles/stars/mass"].attrs.__setitem__("unit", "parsnip"), "has the unit 'parsnip'"),
        (lambda file: file["galaxy/redshift"].__setitem__((), -3.0), "galaxy/redshift is -3.0"),
        (lambda file: file.move("particles/stars/velocity", "particles/stars/away"), "no dataset 'velocity'"),
        (lambda file: file.move("particles/gas/density", "away"), "no dataset 'density'"),
        (shortened("particles/gas/density"), "density has shape \\(3,\\)"),
        (shortened("particles/gas/electron_abundance"), "electron_abundance has shape \\(3,\\)"),
        (shortened("particles/stars/age"), "age has shape \\(3,\\)"),
        (elsewhere, "is a link to the file other.h5"),
    ],
)
def test_incomplete_rubix_is_one_sentence(tmp_path, change, sentence):
    path, _, _ = rubix(tmp_path / "galaxy.h5", change=change)
    with pytest.raises(InputError, match=sentence):
        read_galaxy(path)


def simspin():
    """What SimSpin's make_simspin_file() makes of a snapshot, and its stars."""
    random = np.random.default_rng(3)
    stars = {"ID": np.arange(COUNT, dtype=np.int32) + 7}
    stars |= {axis: random.normal(0, 5, COUNT) for axis in "xyz"}
    stars |= {f"v{axis}": random.normal(0, 100, COUNT) for axis in "xyz"}
    stars |= {"Mass": random.uniform(1e5, 2e5, COUNT), "sed_id": np.ones(COUNT, np.int32)}
    stars |= {"Metallicity": random.uniform(0.001, 0.03, COUNT), "Age": random.uniform(1, 12, COUNT)}
    stars["Initial_Mass"] = 1.5 * stars["Mass"]
    header = {"InputFile": "snap.hdf5", "Type": "EAGLE", "Origin": "SimSpin_v2.10.4"}
    gas = {"ID": np.arange(CELLS, dtype=np.int32)}
    gas |= {axis: random.normal(0, 5, CELLS) for axis in "xyz"}
    gas |= {f"v{axis}": random.normal(0, 100, CELLS) for axis in "xyz"}
    names = ("SFR", "Density", "Temperature", "SmoothingLength", "Metallicity", "Carbon", "Hydrogen", "Oxygen")
    gas |= {name: random.uniform(0.01, 0.9, CELLS) for name in names} | {"Mass": random.uniform(1e3, 1e4, CELLS)}
    whole = {"header": header, "star_part": pandas.DataFrame(stars), "gas_part": pandas.DataFrame(gas)}
    return whole | {"wave": np.linspace(3000, 9000, 5)}, stars


WAYS = {
    "saveRDS, xz": (rdata.write_rds, {"compression": "xz"}),
    "saveRDS, gzip": (rdata.write_rds, {"compression": "gzip"}),
    "saveRDS, ASCII": (rdata.write_rds, {"compression": None, "file_format": "ascii"}),
    "save": (lambda path, data, **how: rdata.write_rda(path, {"galaxy": data}, **how), {"compression": "bzip2"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_simspin_means_what_its_documentation_says(tmp_path, way):
    path, (whole, stars) = tmp_path / "galaxy.Rdata", simspin()
    write, how = WAYS[way]
    write(path, whole, **how)
    galaxy = read_galaxy(path, centre="as-is", redshift=0.1)
    assert galaxy.format == "simspin" and galaxy.redshift == 0.1
    assert np.allclose(galaxy.stars.position, np.stack([stars[axis] for axis in "xyz"], axis=1), rtol=1e-6)
    assert np.allclose(galaxy.stars.velocity, np.stack([stars[f"v{axis}"] for axis in "xyz"], axis=1), rtol=1e-6)
    for name, column in (("mass", "Initial_Mass"), ("age", "Age"), ("metallicity", "Metallicity")):
        assert np.allclose(getattr(galaxy.stars, name), stars[column], rtol=1e-6), name
    assert {"made by SimSpin_v2.10.4"} <= {*galaxy.notes}
    some = read_galaxy(path, ids=[7, 9])
    assert (some.stars.count, some.gas.count) == (2, 2)


def test_simspin_gas_means_what_its_documentation_says(tmp_path):
    path, (whole, _) = tmp_path / "galaxy.Rdata", simspin()
    table = whole["gas_part"]
    rdata.write_rds(path, whole)
    gas = read_galaxy(path, centre="as-is").gas
    assert np.allclose(gas.position, table[[*"xyz"]], rtol=1e-6)
    assert np.allclose(gas.velocity, table[["vx", "vy", "vz"]], rtol=1e-6)
    for name, column in SIMSPIN_GAS.items():
        assert np.allclose(getattr(gas, name), table[column], rtol=1e-6), name
    assert np.allclose(gas.elements["O"], table["Oxygen"], rtol=1e-6) and {*gas.elements} == {"C", "H", "O"}
    rdata.write_rds(path, whole | {"gas_part": table.assign(SmoothingLength=0.0)})
    spawned = read_galaxy(path, centre="as-is").gas
    assert np.allclose(4 / 3 * np.pi * spawned.smoothing_length**3 * spawned.density, spawned.mass, rtol=1e-5)
    rdata.write_rds(path, whole | {"gas_part": table.drop(columns="Density")})
    left = read_galaxy(path, centre="as-is")
    assert left.gas is None and f"{CELLS} gas particles were left out: gas_part has no Density" in left.notes


def test_other_files_of_r_are_one_sentence(tmp_path, monkeypatch):
    path, (whole, _) = tmp_path / "galaxy.Rdata", simspin()
    rdata.write_rds(path, {"wave": whole["wave"]})
    with pytest.raises(InputError, match=r"R's, but not SimSpin's: it holds \['wave'\], and no star_part"):
        read_galaxy(path)
    rdata.write_rds(path, whole | {"star_part": whole["star_part"].drop(columns=["Age", "Initial_Mass"])})
    with pytest.raises(InputError, match="holds no stars with ages"):
        read_galaxy(path)
    monkeypatch.setitem(sys.modules, "rdata", None)
    with pytest.raises(InputError, match=r"install it with `pip install ifux\[simspin\]`"):
        read_galaxy(path)


@pytest.mark.parametrize("packed", [lzma.compress, gzip.compress, bytes])
@pytest.mark.parametrize("start", [b"X\n\0\0\0\3\0\4", b"RDX3\nX\n\0\0\0\3"])
def test_damaged_files_of_r_are_one_sentence(tmp_path, packed, start):
    path = tmp_path / "galaxy.Rdata"
    path.write_bytes(packed(start + bytes(100)))
    with pytest.raises(InputError, match=r"galaxy\.Rdata cannot be read as R's serialisation"):
        read_galaxy(path)
    for content in (b"\xfd7zXZ\0\0\0", b"\x1f\x8b\x08", b"BZh9" + bytes(30), gzip.compress(b"hello")):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a galaxy in any known format"):
            read_galaxy(path)


PARAMETERS = {"dKpcUnit": 50.0, "dMsolUnit": 1e12}


def tipsy(order=">", time=2.0, seed=5):
    """The bytes of a tipsy file, and its numbers."""
    random, gas, dark, stars = np.random.default_rng(seed), 20, 10, COUNT
    head = struct.pack(f"{order}d6i", time, gas + dark + stars, 3, gas, dark, stars, 0)

    def rows(count, width):
        return random.uniform(0.1, 1.0, (count, width)).astype("f4")

    found = {"gas": rows(gas, 12), "dark": rows(dark, 9), "stars": rows(stars, 11)}
    found["stars"][:, 7] = random.uniform(0.001, 0.03, stars)
    found["gas"][:, 10] = random.uniform(0.001, 0.03, gas)
    return head + b"".join(values.astype(f"{order}f4").tobytes() for values in found.values()), found


@pytest.fixture
def gasoline(tmp_path):
    """A function that writes a tipsy file and its parameters."""
    pytest.importorskip("pynbody")

    def write(name="galaxy.00100", parameters=PARAMETERS, **options):
        content, found = tipsy(**options)
        path = tmp_path / name
        path.write_bytes(content)
        if parameters is not None:
            (tmp_path / "galaxy.param").write_text("".join(f"{key} = {value}\n" for key, value in parameters.items()))
        return path, found

    return write


@pytest.mark.parametrize("order", "<>")
def test_tipsy_is_recognised_and_agrees_with_its_units(gasoline, order):
    path, found = gasoline(order=order)
    galaxy = read_galaxy(path, centre="as-is", believe=True)
    stars, gas = found["stars"].astype(float), found["gas"].astype(float)
    length, mass = 50 * u.kpc, 1e12 * u.Msun
    time = np.sqrt(length**3 / (const.G * mass))
    assert galaxy.format == "pynbody"
    assert np.allclose(galaxy.stars.mass, (stars[:, 0] * mass).to_value(u.Msun), rtol=1e-5)
    assert np.allclose(galaxy.stars.position, (stars[:, 1:4] * length).to_value(u.kpc), rtol=1e-5)
    assert np.allclose(galaxy.stars.velocity, (stars[:, 4:7] * length / time).to_value(u.km / u.s), rtol=1e-3)
    assert np.allclose(galaxy.stars.metallicity, stars[:, 7], rtol=1e-5)
    assert np.allclose(galaxy.stars.age, ((2.0 - stars[:, 8]) * time).to_value(u.Gyr), rtol=1e-3)
    assert np.allclose(galaxy.gas.temperature, gas[:, 8], rtol=1e-5)
    assert np.allclose(galaxy.gas.density, (gas[:, 7] * mass / length**3).to_value(u.Msun / u.kpc**3), rtol=1e-4)
    assert any("no masses as formed" in note for note in galaxy.notes)


def test_tipsy_of_a_cosmological_run_is_physical(gasoline):
    time = np.sqrt((50 * u.kpc) ** 3 / (const.G * 1e12 * u.Msun))
    hubble = (70 * u.km / u.s / u.Mpc * time).to_value(u.one)
    comoving = {"bComove": 1, "dHubble0": hubble, "dOmega0": 0.3, "dLambda": 0.7}
    path, found = gasoline(parameters=PARAMETERS | comoving, time=0.5)
    galaxy = read_galaxy(path, centre="as-is", believe=True)
    stars = found["stars"].astype(float)
    assert galaxy.redshift == pytest.approx(1.0)
    assert np.allclose(galaxy.stars.position, stars[:, 1:4] * 50 * 0.5, rtol=1e-5)
    now = FlatLambdaCDM(H0=70, Om0=0.3).age(1.0)
    assert np.allclose(galaxy.stars.age, (now - stars[:, 8] * time).to_value(u.Gyr), rtol=2e-3)
    assert galaxy.cosmology.hubble == pytest.approx(0.7, rel=1e-3)
    assert np.allclose(galaxy.stars.velocity, (stars[:, 4:7] * 0.5 * 50 * u.kpc / time).to_value(u.km / u.s), rtol=1e-3)


def test_masses_as_formed_come_from_their_own_file(gasoline):
    path, _ = gasoline()
    formed = np.linspace(1, 2, 30 + COUNT).astype("f4")
    path.with_name(f"{path.name}.massform").write_bytes(struct.pack(">i", formed.size) + formed.astype(">f4").tobytes())
    galaxy = read_galaxy(path, centre="as-is", believe=True)
    assert any("massform" in note for note in galaxy.notes)
    assert np.allclose(galaxy.stars.mass, formed[30:] * 1e12, rtol=1e-5)


def test_units_that_pynbody_guesses_are_noted(gasoline, tmp_path):
    path, _ = gasoline(parameters=None)
    assert any("No readable param file" in note for note in read_galaxy(path, believe=True).notes)
    with pytest.raises(InputError, match="paramfile names a file"):
        read_galaxy(path, paramfile=str(tmp_path / "none.param"))
    other = tmp_path / "deep" / "units.txt"
    other.parent.mkdir()
    other.write_text("dKpcUnit = 2\ndMsolUnit = 1e10\n")
    galaxy = read_galaxy(path, centre="as-is", paramfile=str(other), believe=True)
    assert galaxy.stars.mass.sum() == pytest.approx(1e10 * tipsy()[1]["stars"][:, 0].sum(), rel=1e-4)


def test_pynbody_that_is_absent_is_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "galaxy"
    path.write_bytes(tipsy()[0])
    monkeypatch.setitem(sys.modules, "pynbody", None)
    with pytest.raises(InputError, match=r"pip install ifux\[pynbody\]"):
        read_galaxy(path)
    folder = tmp_path / "output_00012"
    folder.mkdir()
    (folder / "info_00012.txt").write_text("ncpu = 1\n")
    with pytest.raises(InputError, match=r"pip install ifux\[pynbody\]"):
        read_galaxy(folder)


def test_damaged_files_of_pynbody_are_one_sentence(gasoline, tmp_path):
    path, _ = gasoline()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a galaxy in any known format"):
        read_galaxy(path)
    with pytest.raises(InputError, match=r"has \d+ bytes, but the tipsy header counts \(20, 10, 50\)"):
        read_galaxy(path, format="pynbody")
    (tmp_path / "letter.txt").write_text("this is a letter" * 10)
    with pytest.raises(InputError, match=r"cannot be read through pynbody|holds no stars"):
        read_galaxy(tmp_path / "letter.txt", format="pynbody")
    folder = tmp_path / "output_00012"
    folder.mkdir()
    (folder / "info_00012.txt").write_text("ncpu = 1\n")
    with pytest.raises(InputError, match=r"cannot be read through pynbody|holds no stars"):
        read_galaxy(folder)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4),
    cut=st.none() | st.integers(0, 4000),
)
def test_damage_to_tipsy_is_an_input_error_or_a_galaxy(gasoline, flips, cut):
    path, _ = gasoline()
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[place % len(content)] = value
    path.write_bytes(content if cut is None else content[: cut % len(content)])
    try:
        galaxy = read_galaxy(path, format="pynbody")
    except InputError as error:
        assert path.name in str(error)
    else:
        assert galaxy.stars.count
