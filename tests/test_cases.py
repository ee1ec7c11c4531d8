"""Small files that imitate faults of real ones: each does what is right, and says what is wrong."""

import json
import re

import h5py
import numpy as np
import pytest

from ifux import cli
from ifux.errors import InputError
from ifux.io import describe, read_configuration, read_cube, read_galaxy
from ifux.orientation.alignment import half_mass_radius
from ifux.run import open_galaxy
from ifux.survey import is_made

COSMOLOGY = {"H0": 70, "Om0": 0.3}
STATED = r"states no cosmology: .* state cosmology=\"Planck15\" or cosmology={"
UNIT = r'states no unit in its attribute .* state units={"length": "kpc"} \(--option'
MPC = {"units": {"length": "Mpc"}}

# What must be stated first, what is said until then, and what else is remarkable.
READ = {
    "tng-no-omega": ({"cosmology": COSMOLOGY}, STATED, "as stated: cosmology of H0 70"),
    "tng-no-cosmology-at-all": ({"cosmology": COSMOLOGY}, STATED, "as stated"),
    "swift-no-omega": ({"cosmology": COSMOLOGY}, STATED, "as stated"),
    "eagle-no-omega": ({"cosmology": COSMOLOGY}, STATED, "as stated"),
    "gizmo-no-omega": ({"cosmology": COSMOLOGY}, STATED, "as stated"),
    "swift-cosmology-without-time": ({}, "", ""),
    "swift-coordinates-without-cgs": (MPC, UNIT, "as stated: length in Mpc"),
    "swift-coordinates-without-attributes": (MPC, UNIT, "as stated: length in Mpc"),
    "swift-stars-coordinates-without-cgs": (MPC, UNIT, "as stated: length in Mpc"),
    "eagle-cutout-no-time": ({}, "", ""),
    "eagle-cutout-expansionfactor": ({}, "", ""),
    "eagle-coordinates-without-cgs": ({}, "", "Coordinates states no unit, so the published one was taken"),
    "eagle-names-in-plural": ({}, "", ""),
    "eagle-no-attributes": ({}, "", "Coordinates states no unit, so the published one was taken"),
    "eagle-no-attributes-smoothed": ({}, "", "Coordinates states no unit, so the published one was taken"),
    "gizmo-in-mpc": (MPC, r'half-mass radius \[kpc\] is 0\.00234, .* state units={"length": "Mpc"}', "length in Mpc"),
    "gadget-two-masses": ({}, "", "is a guess, because nothing in the file states it"),
    "tng-hubble-70": ({}, "", r"HubbleParam is 70, taken as H0 in km/s/Mpc: h = 0\.7"),
    "tng-counts-in-two-axes": ({}, "", ""),
    "tng-box-1e-300": ({}, "", "positions lie outside the box"),
    "tng-metals-in-solar-units": (
        {"units": {"metallicity": 0.0127}},
        r'200 of 200 metallicities .* no mass fractions: state units={"metallicity": "0\.0127"}',
        "as stated",
    ),
    "tng-metals-in-dex": (
        {"units": {"metallicity": "dex(0.0127)"}},
        r"metallicities are below zero or above .* 'dex\(0\.0127\)' for its logarithm",
        "as stated",
    ),
}

REFUSED = {
    "tng-time-1e300": r"/Header: Time is 1e\+300, which no snapshot has",
    "tng-time-1e-300": "/Header: Time is 1e-300, which no snapshot has",
    "tng-redshift-1e300": r"/Header: Redshift is 1e\+300, which no snapshot has",
    "tng-hubble-1e300": r"HubbleParam or h is 1e\+300, which no universe has",
    "tng-hubble-1e-300": "HubbleParam or h is 1e-300, which no universe has",
    "tng-mass-1e-320": "no star particle is left .200: mass is not positive in single precision",
    "tng-mass-1e-50": "no star particle is left .200: mass is not positive in single precision",
    "tng-mass-1e28": "mean mass of a star particle",
    "tng-exponent-1e5": r"a_scaling = 100000\.0, .* makes a unit of 0: units are positive",
    "tng-exponent-minus-1e5": r"a_scaling = -100000\.0, .* makes a unit of inf: units are positive",
    "tng-to-cgs-negative": r"to_cgs = -3\.085678e\+21, .* units are positive",
    "tng-far-away": "positions are rounded to .* kpc, and half of the mass lies inside",
    "tng-one-place": r"half-mass radius \[kpc\] is 0",
    "tng-velocity-in-cgs": r'velocity spread .* state units={"velocity": "cm/s"}',
}


def size(galaxy):
    """Half-mass radius [kpc]."""
    radius = np.linalg.norm(np.asarray(galaxy.stars.position, np.float64), axis=1)
    return half_mass_radius(radius, np.asarray(galaxy.stars.mass, np.float64))


def check(galaxy, *, radius=2.34):
    """The galaxy that all these files hold; solar masses of 2e33 g and of the IAU differ by 3e-4."""
    assert galaxy.stars.count == 200 and galaxy.redshift == pytest.approx(0.25, abs=1e-6)
    assert size(galaxy) == pytest.approx(radius, rel=2e-3)
    assert float(galaxy.stars.mass.sum()) == pytest.approx(2.9915e8, rel=5e-4)
    assert galaxy.cosmology.hubble == pytest.approx(0.7) and galaxy.cosmology.matter == pytest.approx(0.3)
    metals, age = np.asarray(galaxy.stars.metallicity), np.asarray(galaxy.stars.age)
    assert 0.005 <= metals.min() < 0.006 and 0.029 < metals.max() <= 0.03
    assert 0.5 < age.min() < 1 and 8 < age.max() < 9, "scale factors from 0.2 to 0.76, at 0.8"


@pytest.mark.parametrize("name", READ)
def test_it_is_read_once_what_it_lacks_is_stated(data, name):
    path, (stated, sentence, note) = data(f"cases/{name}.hdf5"), READ[name]
    if sentence:
        with pytest.raises(InputError, match=sentence) as caught:
            read_galaxy(path)
        assert "\n" not in str(caught.value) and path.name in str(caught.value)
    galaxy = read_galaxy(path, **stated)
    check(galaxy)
    assert re.search(note, "\n".join(galaxy.notes))
    assert galaxy.format == name.split("-")[0].replace("tng", "illustris").replace("gizmo", "fire").replace(
        "gadget", "gadget-hdf5"
    )
    if not sentence:
        assert "200 star particles" in describe(path)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_entry_that_is_wrong(data, name):
    path = data(f"cases/{name}.hdf5")
    for reader in (read_galaxy, describe):
        with pytest.raises(InputError, match=REFUSED[name]) as caught:
            reader(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_a_box_in_another_unit_folds_nothing(data):
    check(read_galaxy(data("cases/tng-box-in-mpc.hdf5")), radius=23.4)


def test_ages_of_a_universe_without_vacuum(data):
    """t = 2/3 a^1.5 / H0."""
    galaxy = read_galaxy(data("cases/tng-einstein-de-sitter.hdf5"))
    assert size(galaxy) == pytest.approx(2.34, rel=2e-3) and galaxy.cosmology.matter == 1
    flat = read_galaxy(data("cases/tng-no-omega.hdf5"), cosmology={"H0": 70, "Om0": 1.0 - 1e-9})
    assert np.allclose(galaxy.stars.age, flat.stars.age, rtol=1e-6)
    assert float(galaxy.stars.age.max()) < 2 / 3 * 9.778 / 0.7 * 0.8**1.5


def test_an_isolated_run_is_read_in_the_units_of_its_code(data):
    path = data("cases/gizmo-isolated.hdf5")
    galaxy = read_galaxy(path)
    assert galaxy.format == "gadget-hdf5" and galaxy.redshift == 0 and galaxy.stars.count == 200
    assert 0.978 * (2.0 - 0.76) < float(galaxy.stars.age.min()) < float(galaxy.stars.age.max()) < 0.978 * 1.8
    with pytest.raises(InputError, match=r"where matter is 0, as in isolated runs.* format='gadget-hdf5'"):
        read_galaxy(path, format="fire")


def test_what_is_stated_goes_before_the_file(data):
    path = data("cases/tng-counts-in-two-axes.hdf5")
    galaxy = read_galaxy(path, cosmology="Planck15", redshift=0.5)
    assert galaxy.redshift == 0.5 and galaxy.cosmology.matter == pytest.approx(0.3075)
    for wrong, sentence in (
        ({"cosmology": "Planck"}, "'Planck' is not one of astropy's .*Planck15"),
        ({"cosmology": {"H0": 0.7, "Om0": 0.3}}, r"cosmology.H0: 0\.7 is no number from 10 to 300"),
        ({"cosmology": {"h": 0.7}}, "cosmology is a name of astropy's, or a table"),
        ({"redshift": "low"}, "redshift must be a number above -1"),
        ({"units": {"lengths": "kpc"}}, "units is a table"),
        ({"believe": "yes"}, "believe is true or false, got 'yes'"),
        ({"units": {"length": "Mpc/h"}}, "units.length: 'Mpc/h' is no unit that converts to kpc"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_galaxy(path, **wrong)


def test_the_unit_of_one_dataset_is_stated_by_its_name(data):
    check(read_galaxy(data("cases/swift-coordinates-without-cgs.hdf5"), units={"Coordinates": "Mpc"}))


def without(path, copy, *entries):
    """A copy of a file without entries of its header, or without all attributes of its stars."""
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        for name in entries:
            for node in [file["Header"]] if name != "units" else file["PartType4"].values():
                for entry in [name] if name != "units" else [*node.attrs]:
                    del node.attrs[entry]
    return copy


def test_whatever_is_missing_an_option_gives(data, tmp_path):
    """Of a kind with the cases, and not among them."""
    copy, time = tmp_path / "copy.hdf5", ("Time", "Redshift")
    for name in ("tng-counts-in-two-axes", "eagle-names-in-plural", "gadget-two-masses"):
        entries = (*time, "Omega0", "OmegaLambda", "HubbleParam")
        path = without(data(f"cases/{name}.hdf5"), copy, *entries)
        with pytest.raises(InputError, match=r"states no time of the snapshot.* state redshift="):
            read_galaxy(path)
        with pytest.raises(InputError, match=r"states no cosmology.* state cosmology="):
            read_galaxy(path, redshift=0.25)
        check(read_galaxy(path, redshift=0.25, cosmology=COSMOLOGY))
    path = without(data("cases/swift-no-omega.hdf5"), copy, "units")
    stated = {"length": "Mpc", "velocity": "km/s", "mass": "1e10 Msun"}
    for count in range(3):
        with pytest.raises(InputError, match="and swift has none of its own: add it, or state units="):
            read_galaxy(path, cosmology=COSMOLOGY, units=dict([*stated.items()][:count]))
    check(read_galaxy(path, cosmology=COSMOLOGY, units=stated))
    path = without(data("cases/eagle-no-attributes.hdf5"), copy, "BoxSize")
    with pytest.raises(InputError, match=r'half-mass radius \[kpc\] is 0\.00234, .* state units={"length": "Mpc"}'):
        read_galaxy(path)
    for stated in (MPC, {"format": "eagle"}):
        check(read_galaxy(path, **stated))


def test_whoever_knows_is_believed(data):
    galaxy = read_galaxy(data("cases/gizmo-in-mpc.hdf5"), believe=True)
    assert size(galaxy) == pytest.approx(0.00234, rel=2e-3)
    with pytest.raises(InputError, match="is no number in single precision"):
        read_galaxy(data("cases/tng-mass-1e28.hdf5"), believe=True)


def test_configuration_and_command_line_state_what_a_file_lacks(data, tmp_path, capsys):
    path = data("cases/swift-no-omega.hdf5")
    section = json.loads(json.dumps({"kind": "file", "path": str(path), "cosmology": COSMOLOGY, "believe": True}))
    check(open_galaxy(section, 0.1))
    option = ["--option", f"cosmology={json.dumps(COSMOLOGY)}"]
    assert cli.main(["inspect", str(path), *option]) == 0
    assert "H0 70 km/s/Mpc, matter 0.3" in capsys.readouterr().out
    out = tmp_path / "galaxy.h5"
    assert cli.main(["convert", str(path), str(out), *option, "--option", "believe=true", "--quiet"]) == 0
    check(read_galaxy(out))
    (tmp_path / "a.json").write_text(json.dumps({"galaxy": {"kind": "disc-bulge"}, "telescope": {}}))
    assert cli.main(["observe", str(tmp_path / "a.json"), *option]) == 2
    assert "--option: it is for a galaxy from a file" in capsys.readouterr().err
    assert cli.main(["observe", str(tmp_path / "a.json"), "--galaxy", str(path), "--option", "cosmology=Planck"]) == 2
    assert cli.main(["inspect", str(data("cases/cube-whole.fits")), "--option", "format=eagl"]) == 2
    assert "'eagl' is no format of a galaxy, a library or a cube" in capsys.readouterr().err


def test_inspect_takes_the_format_that_is_stated(data, capsys):
    path = data("cases/gizmo-isolated.hdf5")
    assert cli.main(["inspect", str(path), "--option", "format=simba"]) == 2
    assert cli.main(["inspect", str(path), "--option", "format=gadget-hdf5"]) == 0
    assert cli.main(["inspect", str(data("cases/cube-whole.fits")), "--option", "format=eagle"]) == 2
    assert "is not an HDF5 file" in capsys.readouterr().err


# FITS ---------------------------------------------------------------------------------------------------------------

SENTENCE = r"is (truncated or )?damaged.*copy or make it again"
CUBES = [
    "simple-keyword", "simple-value", "primary-bitpix", "primary-naxis-keyword", "primary-naxis-text",
    "primary-naxis-90", "object-value", "record-value", "record-key", "data-xtension-keyword", "data-xtension-quote",
    "data-xtension-value", "data-bitpix-932", "data-naxis-keyword", "data-naxis1-negative", "data-naxis1-95",
    "data-gcount", "data-extname-value", "data-bunit-zero-byte", "data-ctype1-keyword", "data-ctype1-value",
    "data-cunit1-value", "data-cd22-keyword", "data-cd11-text", "data-crval3-keyword", "data-crval3-text",
    "data-crval3-value", "data-end", "cut-data", "cut-header", "cut-primary",
]  # fmt: skip


@pytest.mark.parametrize("name", CUBES)
def test_a_damaged_cube_is_one_sentence(data, name):
    path = data(f"cases/cube-{name}.fits")
    for reader in (describe, read_cube, read_configuration):
        with pytest.raises(InputError, match=SENTENCE) as caught:
            reader(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)
    assert not is_made(path, {"seed": 1}), "a survey makes it again"


@pytest.mark.parametrize("name", ["ttype1-keyword", "ttype1-value", "tform1-value", "tfields-value", "xtension-value"])
def test_a_damaged_table_is_one_sentence(data, name):
    path = data(f"cases/table-{name}.fits")
    for reader in (describe, read_galaxy):
        with pytest.raises(InputError, match=SENTENCE) as caught:
            reader(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_whole_is_read(data):
    path = data("cases/cube-whole.fits")
    cube = read_cube(path)
    assert cube.flux.shape == (3, 4, 5) and cube.pitch == pytest.approx((0.2, 0.2)) and cube.title == "invented"
    assert read_configuration(path) == {"seed": 1, "telescope": {"instrument": "none"}} and is_made(path, {"seed": 1})
    assert "DATA: 3 x 4 x 5" in describe(path)
    galaxy = read_galaxy(data("cases/table-whole.fits"))
    assert galaxy.stars.count == 200 and size(galaxy) == pytest.approx(2.34, rel=2e-3)
