"""`ifux convert`, `ifux inspect` and the galaxy of a configuration, on a snapshot that the test makes."""

import json

import h5py
import numpy as np
import pytest
from stages import library as made_up
from test_hydro import COUNT, METALS, PLACE, gizmo, spread
from test_run import DESCRIPTION

from ifux import cli, config, run
from ifux.errors import InputError
from ifux.io import read_galaxy, write_ssp
from ifux.survey.checks import Checks
from ifux.survey.description import rooted


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with a snapshot in it, where commands are given."""
    monkeypatch.chdir(tmp_path)
    halo = np.arange(COUNT) % 3

    def belong(file):
        file["PartType4/HaloID"], file["PartType0/HaloID"] = halo, halo

    gizmo(tmp_path / "snap.hdf5", belong)
    (tmp_path / "ids.txt").write_text("4000 4005 4007 17")
    return tmp_path


def test_converted_galaxy_is_the_one_that_was_read(desk, capsys):
    assert cli.main(["convert", "snap.hdf5", "galaxy.h5", "--radius", "6"]) == 0
    out = capsys.readouterr()
    assert out.out == "galaxy.h5\n" and "gas particles" in out.err and "the centre is at" in out.err
    ours, theirs = read_galaxy("galaxy.h5"), read_galaxy("snap.hdf5", radius=6.0)
    for name in ("position", "velocity", "mass", "age", "metallicity"):
        assert np.array_equal(getattr(ours.stars, name), getattr(theirs.stars, name)), name
    for name in ("position", "density", "temperature", "smoothing_length", "electron_abundance"):
        assert np.array_equal(getattr(ours.gas, name), getattr(theirs.gas, name)), name
    assert (ours.format, ours.redshift, ours.dropped, ours.notes, ours.cosmology) == (
        theirs.format, theirs.redshift, theirs.dropped, theirs.notes, theirs.cosmology,
    )  # fmt: skip


def test_inspection_of_a_converted_galaxy_shows_its_gas(desk, capsys):
    assert cli.main(["convert", "snap.hdf5", "galaxy.h5", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["inspect", "galaxy.h5"]) == 0
    text = capsys.readouterr().out
    galaxy = read_galaxy("snap.hdf5")
    rate, mass = 0.01 * COUNT, COUNT * 1e-4 * 1.989e43 / 0.7 / 1.98841e33
    assert f"{COUNT} gas particles, {mass:.4e} Msun, forming {rate:.2g}" in text
    assert "simba galaxy" in text and "H0 70 km/s/Mpc, matter 0.3" in text and "redshift 0.25000" in text
    assert f"age {float(galaxy.stars.age.min()):.4g} to {float(galaxy.stars.age.max()):.4g} Gyr" in text
    hot = 1e5 * 2 / 3 * 4 / (1 + 3 * 0.76 + 4 * 0.76 * 1.1) * 1.67262192e-24 * 1e10 / 1.380649e-16
    assert f"to {hot:.4g} K" in text and "gas: fractions of C, Ca, Fe" in text
    assert "the centre is at" in text and "half of the mass inside" in text


def test_selections_on_the_command_line(desk):
    place = (PLACE[7] * 0.8 / 0.7).tolist()
    for words, stars, gas in (
        (["--subhalo", "2"], COUNT // 3, COUNT // 3),
        (["--ids", "ids.txt"], 3, 1),
        (["--centre", *(str(value) for value in place), "--radius", "0.05"], 1, 1),
        (["--centre", "as-is", "--format", "simba"], COUNT, COUNT),
    ):
        assert cli.main(["convert", "snap.hdf5", "galaxy.h5", "--overwrite", "--quiet", *words]) == 0, words
        galaxy = read_galaxy("galaxy.h5")
        assert (galaxy.stars.count, galaxy.gas.count) == (stars, gas), words
    assert cli.main(["convert", "snap.hdf5", "b.h5", "--quiet", "--centre", "most-bound"]) == 0
    assert np.argmin(np.linalg.norm(read_galaxy("b.h5").stars.position, axis=1)) == 7


def test_folder_of_many_files_is_converted_and_inspected(desk, capsys):
    (desk / "snapdir").mkdir()
    spread(desk / "snapdir")
    assert cli.main(["convert", "snapdir", "galaxy.h5", "--quiet"]) == 0
    galaxy = read_galaxy("galaxy.h5")
    assert (galaxy.stars.count, galaxy.gas.count) == (2 * COUNT, 3 * COUNT)
    assert cli.main(["inspect", "snapdir"]) == 0
    assert f"{2 * COUNT} star particles" in capsys.readouterr().out


WRONG = {
    "absent.hdf5 galaxy.h5": "absent.hdf5 does not exist",
    "snap.hdf5 snap.hdf5 --overwrite": "snap.hdf5 is the snapshot itself",
    "snap.hdf5 ids.txt": "ids.txt exists already",
    "snap.hdf5 nowhere/galaxy.h5": "there is no folder nowhere",
    "snap.hdf5 galaxy.h5 --centre left": "'left' is none of shrinking-sphere, most-bound, as-is, nor three",
    "snap.hdf5 galaxy.h5 --centre 1 2": "three finite coordinates",
    "snap.hdf5 galaxy.h5 --radius -3": "radius must be a positive length",
    "snap.hdf5 galaxy.h5 --radius nan": "radius must be a positive length",
    "snap.hdf5 galaxy.h5 --subhalo 1 2": "named by 1 whole number",
    "snap.hdf5 galaxy.h5 --ids absent.txt": "absent.txt does not exist",
    "snap.hdf5 galaxy.h5 --format gadgeto": "'gadgeto' is no galaxy format",
    "snap.hdf5 galaxy.h5 --format simba --option ages=3": "'units'], not ['ages']",
    "snap.hdf5 galaxy.h5 --option ages": "--option ages: an option is like",
    "snap.hdf5 galaxy.h5 --option radius=3": "radius is no option of a format",
    "ids.txt galaxy.h5": "ids.txt is not a galaxy in any known format",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_converted_is_one_sentence(desk, capsys, words):
    before = (desk / "snap.hdf5").read_bytes()
    assert cli.main(["convert", *words.split()]) == 2
    sentence = capsys.readouterr().err
    assert WRONG[words] in sentence and sentence.count("\n") == 1 and sentence.startswith("ifux: ")
    assert not (desk / "galaxy.h5").exists() and (desk / "snap.hdf5").read_bytes() == before


def test_configuration_selects_particles(desk):
    section = {"kind": "file", "path": "snap.hdf5", "centre": "as-is"}
    assert run.open_galaxy(section | {"ids": [4000, 4005]}, 0.1).stars.count == 2
    assert run.open_galaxy(section | {"ids": "ids.txt"}, 0.1).gas.count == 1
    galaxy = run.open_galaxy(section | {"subhalo": 1}, 0.1)
    assert np.allclose(galaxy.stars.metallicity, METALS[1::3, 0], rtol=1e-6)
    for wrong, sentence in (
        ({"subhalo": "one"}, "subhalo must be whole numbers"),
        ({"subhalo": [1, [2]]}, "must be a list of whole numbers"),
        ({"ids": [0.5]}, "identifiers are whole numbers"),
        ({"subhaloo": 1}, "did you mean 'subhalo'"),
        ({"centre": "most-bounded"}, "'shrinking-sphere', 'most-bound'"),
    ):
        with pytest.raises(InputError, match=sentence):
            run.open_galaxy(section | wrong, 0.1)
        if "subhaloo" in wrong:
            with pytest.raises(InputError, match=sentence):
                Checks().galaxy(section | wrong)
    Checks().galaxy(section | {"ids": [1], "subhalo": 1})


def test_path_of_identifiers_is_relative_to_the_configuration(desk):
    (desk / "sub").mkdir()
    description = DESCRIPTION | {"galaxy": {"kind": "file", "path": "snap.hdf5", "ids": "ids.txt"}}
    (desk / "sub" / "one.json").write_text(json.dumps(description))
    loaded = config.load(desk / "sub" / "one.json")["galaxy"]
    assert loaded["ids"] == str(desk / "sub" / "ids.txt")
    assert rooted(description, desk / "sub")["galaxy"]["ids"] == str(desk / "sub" / "ids.txt")
    listed = DESCRIPTION | {"galaxy": {"kind": "file", "path": "snap.hdf5", "ids": [1, 2]}}
    assert rooted(listed, desk)["galaxy"]["ids"] == [1, 2]


def test_snapshot_goes_straight_into_a_cube(desk):
    write_ssp(desk / "library.h5", made_up())
    galaxy = {"kind": "file", "path": "snap.hdf5", "subhalo": 0, "radius": 20.0}
    library = {"kind": "file", "path": "library.h5"}
    session = run.prepare(DESCRIPTION | {"galaxy": galaxy, "library": library})
    assert session.galaxy.gas.count > 0 and np.isfinite(run.observe(session).flux).all()


def test_gas_is_streamed_with_the_stars(desk):
    assert cli.main(["convert", "snap.hdf5", "galaxy.h5", "--quiet"]) == 0
    galaxy = run.open_galaxy({"kind": "file", "path": "galaxy.h5", "stream": True}, 0.1)
    assert galaxy.gas.count == COUNT and galaxy.cosmology is not None
    assert f"{COUNT} gas particles" in galaxy.report()
    with h5py.File("galaxy.h5", "a") as file:
        file.attrs["version"] = 3
    with pytest.raises(InputError, match=r"version 3.0 .* is not among \(1, 2\)"):
        read_galaxy("galaxy.h5")
