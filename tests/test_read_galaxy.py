"""Galaxies mean what their files say: units, ages at the time of the snapshot, centre, and what was left out."""

import dataclasses
import re

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from ifux.errors import InputError
from ifux.io import describe, galaxy_from_arrays, read_galaxy, write_galaxy
from ifux.io.snapshots.centre import shrinking_sphere
from ifux.orientation.alignment import half_mass_radius

TNG = "snapshots/SimSpin_example_IllustrisTNG.hdf5"
EAGLE = "snapshots/SimSpin_example_EAGLE.hdf5"

# Written out from the headers and the published units of the two simulations, not through the reader.
REAL = {
    TNG: {
        "a": 0.7705836265, "h": 0.6774, "matter": 0.3089, "length": 3.085678e21 * u.cm,
        "names": ("Coordinates", "Velocities", "GFM_InitialMass", "GFM_StellarFormationTime", "GFM_Metallicity"),
    },
    EAGLE: {
        "a": 0.7868432969, "h": 0.6777, "matter": 0.307, "length": 3.085678e24 * u.cm,
        "names": ("Coordinates", "Velocity", "InitialMass", "StellarFormationTime", "SmoothedMetallicity"),
    },
}  # fmt: skip


@pytest.fixture(params=REAL, ids=["TNG", "EAGLE"])
def real(request, data):
    """A galaxy as read, and its columns as converted here."""
    path, known = data(request.param), REAL[request.param]
    with h5py.File(path) as file:
        raw = [file["PartType4"][name][...] for name in known["names"]]
    position, velocity, mass, formed, metals = (column[raw[3] > 0] for column in raw)
    cosmology = FlatLambdaCDM(H0=100 * known["h"], Om0=known["matter"])
    expected = {
        "position": (position * known["length"] * known["a"] / known["h"]).to_value(u.kpc),
        "velocity": velocity * known["a"] ** 0.5,
        "mass": (mass * 1.989e43 * u.g / known["h"]).to_value(u.Msun),
        "age": (cosmology.age(1 / known["a"] - 1) - cosmology.age(1 / formed - 1)).to_value(u.Gyr),
        "metallicity": metals,
    }
    return read_galaxy(path), expected, cosmology.age(1 / known["a"] - 1).to_value(u.Gyr)


def test_real_units_agree_with_a_calculation_by_hand(real):
    galaxy, expected, _ = real
    for name in ("position", "velocity"):
        found = np.asarray(getattr(galaxy.stars, name), dtype=np.float64)
        steps = expected[name] - expected[name][0]
        assert np.allclose(found - found[0], steps, rtol=1e-5, atol=1e-4), name
    for name in ("mass", "metallicity"):
        assert np.allclose(getattr(galaxy.stars, name), expected[name], rtol=1e-6), name


def test_real_ages_are_those_at_the_time_of_the_snapshot(real):
    galaxy, expected, now = real
    age = np.asarray(galaxy.stars.age)
    assert np.allclose(age, expected["age"], rtol=0, atol=1e-5)
    assert age.min() > 0 and age.max() < now
    assert now == pytest.approx(10.3, abs=0.3)


def test_real_galaxies_are_centred_and_at_rest(real):
    galaxy, _, _ = real
    position, velocity = np.asarray(galaxy.stars.position), np.asarray(galaxy.stars.velocity)
    mass = np.asarray(galaxy.stars.mass, dtype=np.float64)
    radius = np.linalg.norm(position, axis=1)
    inner = radius <= half_mass_radius(radius.astype(np.float64), mass)
    assert np.all(np.abs(mass[inner] @ velocity[inner]) / mass[inner].sum() < 0.01)
    dispersion = np.sqrt(np.average(velocity[inner] ** 2, axis=0, weights=mass[inner]).mean())
    assert 100 < dispersion < 300
    assert galaxy.stars.mass.sum() > 1e9


def test_tng_sample_is_a_ball_of_halo_stars(data):
    galaxy = read_galaxy(data(TNG))
    assert galaxy.format == "illustris" and galaxy.stars.count == 1996
    assert [*galaxy.dropped.values()] == [4] and "wind" in next(iter(galaxy.dropped))
    assert galaxy.redshift == pytest.approx(0.29771768, abs=1e-7)
    assert "L75n1820TNG" in galaxy.source
    assert any("123468" in note and "2000" in note for note in galaxy.notes)
    # Nearly uniform, no star within 5 kpc of the middle: a shrinking sphere would run to a satellite.
    radius = np.linalg.norm(galaxy.stars.position, axis=1)
    assert np.median(radius) == pytest.approx(82, abs=2) and radius.min() > 5
    assert any("the centre of mass, which" in note for note in galaxy.notes)


def test_eagle_sample_is_the_heart_of_a_galaxy(data):
    galaxy = read_galaxy(data(EAGLE))
    assert galaxy.format == "eagle" and galaxy.stars.count == 2000 and not galaxy.dropped and not galaxy.changed
    radius = np.linalg.norm(galaxy.stars.position, axis=1)
    assert half_mass_radius(radius.astype(np.float64), np.asarray(galaxy.stars.mass, np.float64)) == pytest.approx(
        1.55, abs=0.05
    )
    mass = np.asarray(galaxy.stars.mass)
    separation = np.linalg.norm(galaxy.stars.position[:, None] - galaxy.stars.position[None], axis=-1)
    bound = np.argmax((mass / np.hypot(separation, 0.5)).sum(axis=1))
    assert radius[bound] < 0.2, "the deepest star of the potential is the centre"


def test_description_of_a_real_galaxy(data):
    text = describe(data(EAGLE))
    assert "2000 star particles" in text and "redshift 0.27090" in text


def test_file_without_stars_says_so(data):
    with pytest.raises(InputError, match="states no ages and metallicities of its particles, 2000 of PartType2"):
        read_galaxy(data("snapshots/SimSpin_example_HDF5.hdf5"))
    with pytest.raises(InputError, match="states no ages and metallicities of its particles, 1000 of PartType2"):
        read_galaxy(data("snapshots/SimSpin_example_Gadget"))


COUNT = 2000
SCALE, HUBBLE, MATTER = 0.8, 0.7, 0.3
LENGTH = SCALE / HUBBLE * 3.085678e21 / 3.0856775814913673e21


def plummer(count=COUNT, size=3.0, seed=0):
    """Offsets of a Plummer sphere [kpc]."""
    rng = np.random.default_rng(seed)
    radius = size / np.sqrt(rng.uniform(0.001, 0.999, count) ** (-2 / 3) - 1)
    direction = rng.normal(size=(count, 3))
    return radius[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)


@pytest.fixture
def cutout(tmp_path):
    """A function that writes a TNG cut-out of a Plummer sphere, changed as it is told."""

    def write(centre=(20000.0, 30000.0, 40000.0), attributes=True, change=lambda file: None, box=75000.0):
        rng = np.random.default_rng(1)
        path = tmp_path / "cutout.hdf5"
        with h5py.File(path, "w") as file:
            header = file.create_group("Header").attrs
            header.update(
                BoxSize=box, HubbleParam=HUBBLE, Omega0=MATTER, OmegaLambda=1 - MATTER, Time=SCALE,
                Redshift=1 / SCALE - 1, NumPart_ThisFile=np.array([0, 0, 0, 0, COUNT, 0]),
            )  # fmt: skip
            stars = file.create_group("PartType4")
            columns = {
                "Coordinates": ((np.array(centre) + plummer() / LENGTH) % 75000.0, 3.085678e21, 1, -1),
                "Velocities": (rng.normal(100, 50, (COUNT, 3)), 1e5, 0.5, 0),
                "GFM_InitialMass": (np.full(COUNT, 1e-4), 1.989e43, 0, -1),
                "GFM_Metallicity": (np.full(COUNT, 0.02), 0, 0, 0),
                "GFM_StellarFormationTime": (rng.uniform(0.1, 0.79, COUNT), 0, 0, 0),
            }
            for name, (values, cgs, a, h) in columns.items():
                stars[name] = values
                if attributes:
                    stars[name].attrs.update(to_cgs=np.array([float(cgs)]), a_scaling=float(a), h_scaling=float(h))
            change(file)
        return path

    return write


def test_known_sphere_comes_back(cutout):
    galaxy = read_galaxy(cutout())
    offset = np.asarray(galaxy.stars.position) - plummer()
    assert np.allclose(offset, offset[0], atol=1e-4)
    assert np.linalg.norm(offset[0]) < 0.2
    assert np.allclose(galaxy.stars.mass, 1e-4 * 1.989e43 / 0.7 / 1.988409870698051e33, rtol=1e-6)
    assert not galaxy.dropped and not galaxy.changed
    stated = re.search(r"the centre is at \((.*)\) kpc", " ".join(galaxy.notes))
    place = np.array(stated[1].split(","), dtype=float)
    assert np.allclose(place, np.array([20000.0, 30000.0, 40000.0]) * LENGTH, atol=0.3)


def test_published_units_stand_in_for_missing_attributes(cutout):
    stated, silent = read_galaxy(cutout()), read_galaxy(cutout(attributes=False))
    for name in ("position", "velocity", "mass", "age", "metallicity"):
        assert np.array_equal(getattr(stated.stars, name), getattr(silent.stars, name)), name
    assert any("states no unit" in note for note in silent.notes)
    assert not any("states no unit" in note for note in stated.notes)


def test_units_of_the_file_win_over_the_published_ones(cutout):
    def physical(file):
        file["PartType4/Velocities"].attrs["a_scaling"] = 0.0

    usual, other = read_galaxy(cutout()), read_galaxy(cutout(change=physical))
    assert np.allclose(usual.stars.velocity / np.sqrt(SCALE), other.stars.velocity, rtol=1e-4, atol=1e-2)
    assert any("was believed" in note for note in other.notes)


def test_edge_of_the_periodic_box_is_undone(cutout):
    middle, corner = read_galaxy(cutout()), read_galaxy(cutout(centre=(0.2, 74999.9, 74999.0)))
    assert np.max(np.abs(corner.stars.position)) < 200
    assert np.allclose(middle.stars.position, corner.stars.position, atol=1e-4)
    given = read_galaxy(cutout(centre=(0.2, 74999.9, 74999.0)), centre=np.array([0.2, -0.1, 74999.0]) * LENGTH)
    assert np.allclose(given.stars.position, plummer(), atol=1e-4)


def test_stars_all_over_the_box_are_noted(cutout):
    everywhere = replaced("PartType4/Coordinates", np.random.default_rng(4).uniform(0, 75000, (COUNT, 3)))
    with pytest.raises(InputError, match=r"half-mass radius .* of a whole snapshot give a centre and a radius"):
        read_galaxy(cutout(change=everywhere))
    found = read_galaxy(cutout(change=everywhere), believe=True)
    assert sum("of the periodic box" in note for note in found.notes) == 1
    given = read_galaxy(cutout(change=everywhere), centre=[1e4, 1e4, 1e4], velocity_radius=1e5, believe=True)
    assert not any("of the periodic box" in note for note in given.notes)
    assert np.all(np.abs(given.stars.position) <= 75000 * LENGTH / 2 * 1.0001)


def test_position_in_a_large_box_is_not_rounded(tmp_path):
    offset = plummer(size=0.01)
    galaxy = galaxy_from_arrays(
        position=offset + 3e5,
        velocity=np.zeros((COUNT, 3)),
        mass=np.ones(COUNT),
        age=np.ones(COUNT),
        metallicity=np.full(COUNT, 0.02),
    )
    found = np.asarray(galaxy.stars.position)
    assert np.allclose(found - found[0], offset - offset[0], atol=1e-6)


def test_centre_and_radius_are_the_callers_to_choose(cutout):
    place = np.array([20000.0, 30000.0, 40000.0]) * LENGTH
    galaxy = read_galaxy(cutout(), centre=place, radius=5.0, velocity_radius=2.0)
    inside = np.linalg.norm(plummer(), axis=1) <= 5
    assert np.allclose(galaxy.stars.position, plummer()[inside], atol=1e-4)
    assert galaxy.dropped == {"farther than 5 kpc from the centre": int(np.sum(~inside))}
    core = np.linalg.norm(galaxy.stars.position, axis=1) <= 2
    assert np.all(np.abs(np.mean(np.asarray(galaxy.stars.velocity)[core], axis=0)) < 1e-3)
    untouched = read_galaxy(cutout(), centre="as-is")
    assert np.mean(untouched.stars.velocity) == pytest.approx(100 * SCALE**0.5, abs=3)
    assert np.mean(untouched.stars.position[:, 0]) == pytest.approx(place[0], rel=1e-4)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"centre": "potential"}, "'shrinking-sphere', 'most-bound', 'as-is' or three coordinates"),
        ({"centre": [1.0, 2.0]}, "three finite coordinates"),
        ({"centre": np.ones(3) * u.s}, "centre must be plain numbers, or convert to kpc"),
        ({"centre": ["left", "right", 0]}, "centre must be plain numbers"),
        ({"radius": -1.0}, "radius must be a positive length"),
        ({"centre": [0.0, 0.0, 0.0], "radius": 1.0}, "no star particle is left \\(2000: farther than 1 kpc"),
        ({"centre": [0.0, 0.0, 0.0], "velocity_radius": 1.0}, "no star lies inside velocity_radius"),
        ({"format": "parsnip"}, "ifux knows ifux, illustris, eagle"),
    ],
)
def test_impossible_choices_are_one_sentence(cutout, chosen, sentence):
    with pytest.raises(InputError, match=sentence):
        read_galaxy(cutout(), **chosen)


def test_centre_is_that_of_the_heavier_of_two_galaxies():
    rng = np.random.default_rng(2)
    satellite = plummer(800, size=1.0, seed=1) + np.array([40.0, 0, 0])
    both = np.concatenate([plummer(2000), satellite, rng.uniform(-80, 80, (200, 3))])
    centre = shrinking_sphere(both, np.ones(3000))
    assert np.linalg.norm(centre) < 0.3


def test_ages_in_years_are_not_taken_for_gyr():
    rng = np.random.default_rng(2)
    columns = {"position": rng.normal(size=(5, 3)), "velocity": rng.normal(size=(5, 3)), "mass": np.ones(5)}
    galaxy = galaxy_from_arrays(**columns, age=[1.0, 13.0, 20.1, 5e9, 2.0], metallicity=np.full(5, 0.02))
    assert galaxy.stars.count == 3
    assert galaxy.dropped == {"age is beyond 20 Gyr, older than any universe": 2}
    with pytest.raises(InputError, match="age is beyond 20 Gyr, older than any universe"):
        galaxy_from_arrays(**columns, age=np.full(5, 5e9), metallicity=np.full(5, 0.02))


def test_unusable_stars_are_counted_by_reason(cutout):
    def spoil(file):
        stars = file["PartType4"]
        stars["GFM_StellarFormationTime"][:3] = [-0.2, 0.0, 0.9]
        stars["GFM_InitialMass"][3:5] = [-1.0, 0.0]
        stars["GFM_Metallicity"][5:8] = [0.0, -1e-4, 3.0]
        stars["Coordinates"][8, 1] = np.nan
        stars["Velocities"][9, 2] = np.inf
        stars["GFM_StellarFormationTime"][10] = np.nan
        stars["GFM_StellarFormationTime"][11] = SCALE * (1 + 1e-7)

    galaxy = read_galaxy(cutout(change=spoil))
    assert galaxy.dropped == {
        "wind particle, not a star (formation time of zero or below)": 2,
        "formation is not a finite number": 1,
        "formed after the snapshot": 1,
        "position is not a finite number in single precision": 1,
        "velocity is not a finite number in single precision": 1,
        "mass is not positive in single precision": 2,
        "metallicity is above one, so no mass fraction": 1,
    }
    assert galaxy.changed == {"metallicity of zero or below set to 1e-10": 2}
    assert galaxy.stars.count == COUNT - 9
    for name in ("position", "velocity", "mass", "age", "metallicity"):
        assert np.all(np.isfinite(getattr(galaxy.stars, name))), name
    assert np.all(galaxy.stars.age > 0) and np.all(galaxy.stars.metallicity > 0)
    assert "dropped 2: wind particle" in galaxy.report() and "changed 2: metallicity" in galaxy.report()


def delete(name):
    def change(file):
        del file[name]

    return change


def replaced(name, values):
    def change(file):
        del file[name]
        file[name] = values

    return change


def attribute(name, value):
    def change(file):
        if value is None:
            del file["Header"].attrs[name]
        else:
            file["Header"].attrs[name] = value

    return change


def times(value):
    return replaced("PartType4/GFM_StellarFormationTime", np.full(COUNT, value))


def timeless(file):
    del file["Header"].attrs["Time"], file["Header"].attrs["Redshift"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (delete("PartType4/GFM_InitialMass"), "no dataset 'GFM_InitialMass' .* mass of the stars of illustris"),
        (delete("PartType4"), "no stars|not a galaxy"),
        (delete("Header"), "no group 'Header'"),
        (timeless, "states no time of the snapshot"),
        (attribute("HubbleParam", None), "states no cosmology"),
        (attribute("Omega0", 0.0), "states no cosmology"),
        (attribute("OmegaLambda", 0.5), "curved universe"),
        (replaced("PartType4/Velocities", np.ones((3, 3))), "velocity has shape \\(3, 3\\)"),
        (replaced("PartType4/Coordinates", np.ones((COUNT, 2))), "position has shape \\(2000, 2\\)"),
        (replaced("PartType4/GFM_Metallicity", ["a"] * COUNT), "no array of numbers"),
        (times(-1.0), "no star particle is left \\(2000: wind"),
        (times(0.95), "no star particle is left \\(2000: formed after"),
    ],
)
def test_a_broken_snapshot_is_one_sentence(cutout, change, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        read_galaxy(cutout(change=change))
    assert "cutout.hdf5" in str(caught.value) and "\n" not in str(caught.value)


def test_headers_that_lie_are_noted(cutout):
    counts = read_galaxy(cutout(change=attribute("NumPart_ThisFile", np.zeros(6))))
    assert any("counts 0 stars in this file, which holds 2000" in note for note in counts.notes)
    parts = read_galaxy(cutout(change=attribute("NumFilesPerSnapshot", 16)))
    assert any("16 files: only this one" in note for note in parts.notes)
    times = read_galaxy(cutout(change=attribute("Redshift", 3.0)))
    assert any("scale factors 0.8, 0.25" in note for note in times.notes)
    assert times.redshift == pytest.approx(0.25)


def test_truncated_file_is_one_sentence(cutout):
    path = cutout()
    content = path.read_bytes()
    for length in (60, 2000, len(content) // 2, len(content) - 10):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=re.escape(str(path))):
            read_galaxy(path)


def test_text_named_hdf5_is_one_sentence(tmp_path):
    path = tmp_path / "galaxy.hdf5"
    path.write_text("# x y z\n1 2 3\n")
    with pytest.raises(InputError, match="begins with b'# x y z"):
        read_galaxy(path)
    with pytest.raises(InputError, match="is not an HDF5 file"):
        read_galaxy(path, format="illustris")


def test_links_out_of_the_file_are_not_followed(cutout, tmp_path):
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["mass"] = np.ones(COUNT)

    def link(file):
        del file["PartType4/GFM_InitialMass"]
        file["PartType4/GFM_InitialMass"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "mass")

    def virtual(file):
        layout = h5py.VirtualLayout((COUNT,), dtype=float)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "mass", (COUNT,))
        del file["PartType4/GFM_InitialMass"]
        file["PartType4"].create_virtual_dataset("GFM_InitialMass", layout)

    def group(file):
        del file["PartType4"]
        file["PartType4"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "/")

    def via(file):
        group(file)
        file.move("PartType4", "outside")
        file["PartType4"] = h5py.SoftLink("/outside")

    for change in (link, virtual, group, via):
        with pytest.raises(InputError, match="copy the data into one file"):
            read_galaxy(cutout(change=change))


def test_links_inside_the_file_are_followed(cutout):
    def rename(file):
        file.move("PartType4", "Stars")
        file["PartType4"] = h5py.SoftLink("/Stars")
        file["circle"] = h5py.SoftLink("/circle")

    assert read_galaxy(cutout(change=rename)).stars.count == COUNT


def test_age_is_exact_for_every_formation_time(cutout):
    formed = np.geomspace(1e-3, SCALE * (1 - 1e-9), COUNT)
    galaxy = read_galaxy(cutout(change=replaced("PartType4/GFM_StellarFormationTime", formed)))
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    expected = (cosmology.age(0.25) - cosmology.age(1 / formed - 1)).to_value(u.Gyr)
    assert np.allclose(galaxy.stars.age, expected, rtol=1e-6, atol=2e-6)


@pytest.fixture
def columns():
    rng = np.random.default_rng(3)
    return {
        "position": plummer(500),
        "velocity": rng.normal(0, 100, (500, 3)),
        "mass": rng.lognormal(13, 1, 500),
        "age": rng.uniform(0.01, 13, 500),
        "metallicity": rng.uniform(1e-4, 0.04, 500),
    }


def test_own_file_gives_the_galaxy_back(tmp_path, columns, bits):
    columns["metallicity"][0] = 0.0
    galaxy = galaxy_from_arrays(**columns, redshift=0.1, source="Plummer é", radius=20.0)
    assert galaxy.changed and galaxy.dropped and galaxy.notes
    path = tmp_path / "galaxy.anything"
    write_galaxy(path, galaxy)
    back = read_galaxy(path)
    for entry in dataclasses.fields(galaxy):
        if entry.name != "stars":
            assert getattr(back, entry.name) == getattr(galaxy, entry.name), entry.name
    for name in columns:
        assert getattr(back.stars, name).dtype == f"float{bits}"
        assert np.array_equal(getattr(back.stars, name), getattr(galaxy.stars, name)), name
    with h5py.File(path) as file:
        assert file["stars/position"].chunks == (galaxy.stars.count, 3) and file["stars/mass"].compression == "gzip"
        assert file["stars/velocity"].attrs["unit"] == b"km/s"


def test_own_file_is_not_overwritten_by_accident(tmp_path, columns):
    galaxy = galaxy_from_arrays(**columns)
    write_galaxy(tmp_path / "galaxy", galaxy)
    with pytest.raises(InputError, match="exists already"):
        write_galaxy(tmp_path / "galaxy", galaxy)
    write_galaxy(tmp_path / "galaxy", galaxy, overwrite=True)


def test_own_file_of_another_program(tmp_path, columns):
    path = tmp_path / "galaxy"
    with h5py.File(path, "w") as file:
        file.attrs.update(format="ifux galaxy", version=1, redshift=0.5)
        for name, unit, scale in (
            ("position", "pc", 1e3), ("velocity", "m/s", 1e3), ("mass", "Msun", 1), ("age", "Myr", 1e3),
            ("metallicity", "", 1),
        ):  # fmt: skip
            file[f"stars/{name}"] = columns[name] * scale
            file[f"stars/{name}"].attrs["unit"] = unit
    galaxy = read_galaxy(path)
    assert galaxy.redshift == 0.5 and galaxy.source == "galaxy" and galaxy.format == "ifux"
    for name, values in columns.items():
        assert np.allclose(getattr(galaxy.stars, name), values, rtol=1e-6), name
    with h5py.File(path, "a") as file:
        del file["stars/age"].attrs["unit"], file.attrs["redshift"]
    with pytest.raises(InputError, match="must be a number above -1, got None: state redshift"):
        read_galaxy(path)
    with pytest.raises(InputError, match=r"unit 'none', which does not convert to 'Gyr'.*or as units\.age"):
        read_galaxy(path, redshift=0.5)
    stated = read_galaxy(path, redshift=0.5, units={"age": "Myr"})
    assert stated.redshift == 0.5 and np.array_equal(stated.stars.age, galaxy.stars.age)


def test_quantities_and_bare_numbers_are_the_same_galaxy(columns):
    bare = galaxy_from_arrays(**columns)
    quantities = galaxy_from_arrays(
        position=(columns["position"] * u.kpc).to(u.lyr),
        velocity=(columns["velocity"] * u.km / u.s).to(u.m / u.s),
        mass=(columns["mass"] * u.Msun).to(u.kg),
        age=(columns["age"] * u.Gyr).to(u.s),
        metallicity=columns["metallicity"] * 100 * u.percent,
    )
    for name in columns:
        found, expected = getattr(quantities.stars, name), getattr(bare.stars, name)
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-5), name


def test_arrays_that_disagree_are_one_sentence(columns):
    with pytest.raises(InputError, match="age has shape \\(3,\\)"):
        galaxy_from_arrays(**columns | {"age": np.ones(3)})
    with pytest.raises(InputError, match="mass must be plain numbers, or convert to Msun"):
        galaxy_from_arrays(**columns | {"mass": columns["mass"] * u.kpc})
    with pytest.raises(InputError, match="no star particle is left \\(it has none\\)"):
        galaxy_from_arrays(**{name: values[:0] for name, values in columns.items()})
