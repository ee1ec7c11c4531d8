"""The command line: what a user types, sees, and finds on disk."""

import gzip
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from astropy.io import fits
from matplotlib.image import imread
from stages import library as made_up

import ifux.io.files.cube
from ifux import InputError, cli, config, run
from ifux.commands import demo, progress
from ifux.io import read_galaxy, write_galaxy, write_ssp
from ifux.io.files.cube import read_configuration, read_cube

COMMAND = [sys.executable, "-c", "import sys; from ifux.cli import main; sys.exit(main())"]
"""What the script `ifux` does."""

COUNTED = """
import jax
from ifux.cli import main

missed = []
jax.monitoring.register_event_listener(lambda event, **_: missed.append(event) if "cache_misses" in event else None)
status = main({words})
print(status, len(missed))
"""
"""The same, and how many programs were not in the cache."""

SMALL = {
    "galaxy": {"kind": "disc-bulge", "count": 300, "seed": 3},
    "library": {"kind": "embedded"},
    "telescope": {
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "orientation": {"kind": "inclined", "inclination": 50.0, "position_angle": 30.0},
        "wavelengths": {"start": 4836.0, "step": 1.25, "size": 60, "medium": "air"},
        "spaxels": {"kind": "square", "pitch": 2.0, "size": [6, 5]},
        "psf": {"kind": "gaussian", "fwhm": 3.0, "reach": 4},
        "noise": {"kind": "target-snr", "snr": 20.0},
        "ssp": {"kind": "grid"},
    },
    "seed": 7,
}


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch):
    """A folder to stand in, with a small configuration; a made-up library stands in for the embedded one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IFUX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run, "embedded_library", lambda: replace(made_up(), illustrative=True))
    before = jax.config.jax_compilation_cache_dir
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture
def files(desk):
    """A galaxy and a library file."""
    (desk / "data").mkdir()
    write_galaxy(desk / "data" / "galaxy.hdf5", run.prepare(SMALL).galaxy)
    write_ssp(desk / "data" / "library.hdf5", made_up())
    return desk / "data"


def written(folder):
    """Names of the files, those of the caches apart."""
    return sorted(path.name for path in Path(folder).iterdir() if path.name not in ("cache", "small.json", "data"))


@pytest.mark.slow
def test_second_process_traces_and_compiles_nothing_and_makes_the_same_cube_bit_for_bit(desk, files):
    missed, kept = [], []
    for name in ("one.fits", "two.fits", "plain.fits"):
        words = ["observe", "small.json", "--quiet", "--ssp", "data/library.hdf5", "--out", name]
        code, cached = COUNTED.format(words=words), "false" if name == "plain.fits" else "true"
        environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": cached}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=desk, check=True, capture_output=True, text=True, env=environment
        )
        status, count = map(int, done.stdout.split()[-2:])
        missed.append(count)
        kept.append(sorted((path.name, path.stat().st_mtime_ns) for path in desk.glob("cache/programs/executables/*")))
        assert status == 0
    assert missed[0] > 0 and missed[1] == 0
    assert len(kept[0]) > 7 and kept[0] == kept[1] == kept[2]
    one, *others = (read_cube(name) for name in ("one.fits", "two.fits", "plain.fits"))
    for other in others:
        assert np.array_equal(other.flux, one.flux) and np.array_equal(other.variance, one.variance)
        assert all(np.array_equal(other.maps[name][0], one.maps[name][0], equal_nan=True) for name in one.maps)


def test_demo_is_the_worked_observation():
    path = Path(__file__).parents[1] / "configs" / "demo.json"
    assert config.load(path) == demo.DEMO


def test_demo_writes_a_cube_and_a_picture(desk, monkeypatch, capsys):
    monkeypatch.setattr(demo, "DEMO", SMALL)
    assert cli.main(["demo"]) == 0
    assert written(desk) == ["demo.fits", "demo.png"]
    found = read_configuration("demo.fits")
    assert config.resolved(found) == found
    assert found["telescope"]["kinematics"].pop("reach") > 0  # as far as the stars need
    assert found["telescope"]["kinematics"].pop("spacing") > 0  # as near as the lines need
    assert found == config.resolved(SMALL)
    assert imread("demo.png").shape[2] >= 3
    out, err = capsys.readouterr()
    assert out.split() == ["demo.fits", "demo.png"]
    assert "illustrative" in err


def test_demo_takes_a_name_and_keeps_what_exists(desk, monkeypatch, capsys):
    monkeypatch.setattr(demo, "DEMO", SMALL)
    (desk / "first.png").write_text("mine")
    assert cli.main(["demo", "--out", "first.fits", "--quiet"]) == 2
    assert capsys.readouterr().err.startswith("ifux: first.png exists already")
    assert (desk / "first.png").read_text() == "mine" and written(desk) == ["first.png"]
    assert cli.main(["demo", "--out", "first.fits", "--quiet", "--overwrite"]) == 0
    assert imread("first.png").size > 0


@pytest.mark.slow
def test_demo_from_a_cold_start(tmp_path):
    """As a newcomer types it: nothing cached, another process, everything as it is installed."""
    environment = {**os.environ, "IFUX_CACHE": str(tmp_path / "fresh"), "PYTHONWARNINGS": "error", "XLA_FLAGS": ""}
    done = subprocess.run([*COMMAND, "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["demo.fits", "demo.png"]
    assert "is illustrative: do not use it for science" in done.stderr and "Traceback" not in done.stderr
    assert any((tmp_path / "fresh").glob("embedded-*.hdf5"))
    cube = read_cube(tmp_path / "demo.fits")
    assert cube.flux.shape == (3721, 100, 100) and np.isfinite(cube.flux).all() and cube.variance is not None
    picture = imread(tmp_path / "demo.png")
    assert picture.shape[0] > 500 and picture.shape[1] > 800 and picture.std() > 0.05


def test_observe_writes_beside_where_you_stand(desk, capsys):
    assert cli.main(["observe", "small.json"]) == 0
    assert written(desk) == ["small.fits"] and capsys.readouterr().out == "small.fits\n"
    cube = read_cube("small.fits")
    assert cube.flux.shape == (60, 5, 6) and cube.variance is not None and cube.seed == 7


def test_observe_takes_files_seed_settings_and_names(files, capsys):
    words = ["observe", "small.json", "--galaxy", "data/galaxy.hdf5", "--ssp", "data/library.hdf5", "--out", "a.fits"]
    words += ["--picture", "a.png", "--seed", "11", "--set", "telescope.psf.fwhm=2.5", "--set", "telescope.trim=true"]
    assert cli.main(words) == 0
    made = read_configuration("a.fits")
    assert made["galaxy"] == {"kind": "file", "path": "data/galaxy.hdf5"}
    assert made["library"] == {"kind": "file", "path": "data/library.hdf5"}
    assert made["seed"] == 11 == read_cube("a.fits").seed
    assert made["telescope"]["psf"] == {"kind": "gaussian", "fwhm": 2.5, "reach": 4} and made["telescope"]["trim"]
    assert imread("a.png").size > 0
    # the galaxy is the same, by file or by recipe
    assert cli.main(["observe", "small.json", "--out", "b.fits", "--noiseless", "--set", "telescope.psf.fwhm=2.5"]) == 0
    one, other = read_cube("a.fits"), read_cube("b.fits")
    assert other.variance is None and other.seed is None
    assert np.abs(one.flux - other.flux).max() < 6 * np.sqrt(one.variance.max())


def test_galaxy_on_the_command_line_keeps_the_options_of_the_configuration(files):
    description = {**SMALL, "galaxy": {"kind": "file", "path": "absent.hdf5", "radius": 3.0}}
    Path("radius.json").write_text(json.dumps(description))
    assert cli.main(["observe", "radius.json", "--galaxy", "data/galaxy.hdf5", "--quiet"]) == 0
    assert read_configuration("radius.fits")["galaxy"] == {"kind": "file", "path": "data/galaxy.hdf5", "radius": 3.0}


def test_cube_and_picture_are_what_their_names_say(desk):
    assert cli.main(["observe", "small.json", "--quiet", "--out", "a.fits.gz", "--picture", "a.pdf"]) == 0
    assert gzip.decompress((desk / "a.fits.gz").read_bytes()).startswith(b"SIMPLE  =")
    assert (desk / "a.pdf").read_bytes().startswith(b"%PDF-")


def test_paths_in_a_configuration_are_relative_to_it(files, monkeypatch, tmp_path):
    description = {**SMALL, "galaxy": {"kind": "file", "path": "galaxy.hdf5"}}
    description["library"] = {"kind": "file", "path": "library.hdf5"}
    (files / "near.json").write_text(json.dumps(description))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert cli.main(["observe", "../data/near.json", "--quiet"]) == 0
    assert written(elsewhere) == ["near.fits"]
    # and the cube is made again from where it was made
    again = run.observe(run.prepare(read_configuration("near.fits")))
    assert np.array_equal(again.flux, read_cube("near.fits").flux)


def test_inspect_tells_what_is_in_a_file(files, capsys):
    assert cli.main(["observe", "small.json", "--quiet"]) == 0
    for name, facts in {
        "data/galaxy.hdf5": ["300 star particles", "formed mass 5.0000e+10 Msun", "redshift 0.02000"],
        "data/library.hdf5": ["library made up", "wavelength 4700 to 4939", "in air", "resolution 2.5"],
        "small.fits": ["DATA: 60 x 5 x 6", "STAT: 60 x 5 x 6", "VELOCITY: 5 x 6 km/s", "SEED 7", "spaxel 2 x 2 arcsec"],
    }.items():
        assert cli.main(["inspect", name]) == 0
        out, err = capsys.readouterr()
        assert not err and all(fact in out for fact in facts), out


def test_instruments_are_listed_with_what_tells_them_apart(capsys):
    assert cli.main(["instruments"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (muse,) = (line for line in lines if line.startswith("muse-wfm "))
    assert muse.split()[1:9] == ["60", "x", "60", "0.2", "4700", "to", "9350,", "air"]
    assert len(lines) >= 150 and all(len(line) < 140 for line in lines)


def test_instrument_tells_all_its_numbers_and_their_sources(capsys):
    assert cli.main(["instruments", "MUSE WFM"]) == 0
    out = capsys.readouterr().out
    for fact in ("telescope.spaxels.pitch = 0.2", "Bacon et al.", "Reached at redshift 0 by: ", "Assumed: "):
        assert fact in out


ERRORS = {
    "": "the following arguments are required: command; `ifux --help` tells more",
    "observ small.json": "invalid choice: 'observ'",
    "observe": "the following arguments are required: CONFIG.json; `ifux observe --help` tells more",
    "observe small.json --seed 5 --colour red": "unrecognized arguments: --colour red",
    "observe small.json --seed today": "argument --seed: invalid int value: 'today'",
    "observe small.json --seed -1": "seed: -1 is not between 0 and 4294967295",
    "observe absent.json": "absent.json cannot be read as a configuration: No such file or directory",
    "observe broken.json": "broken.json is not JSON: Expecting value in line 1, column 10",
    "observe small.json --set telescope.psf": "--set telescope.psf: a setting is like telescope.psf.fwhm=0.8",
    "observe small.json --set telescope.psf.sigma=1": "telescope.psf.sigma: GaussianPSF takes ['fwhm', 'reach']",
    "observe small.json --set telescope.psf.kind=gausian": "did you mean 'gaussian'?",
    "observe small.json --set telescope.psf.fwhm=wide": 'telescope.psf.fwhm: "wide" is not a number',
    "observe small.json --set telescope.target.redshift=3": "telescope.wavelengths: the library 'made up' covers",
    "observe small.json --set telescope.wavelengths.size=400": 'set "trim": true to observe the common range',
    "observe small.json --set telescope.lsf.kind=gaussian --set telescope.lsf.fwhm=1": '"accept_coarse_library": true',
    "observe small.json --set telescope.spaxels.size=[100000,100000]": "telescope: it needs at least",
    "observe small.json --galaxy absent.hdf5": "galaxy: absent.hdf5 does not exist: check the name and the folder.",
    "observe small.json --galaxy small.json": "galaxy: small.json is not a galaxy in any known format",
    "observe small.json --ssp small.json": "library: small.json is not a library in any known format",
    "observe small.json --ssp .": "library: . is a folder, but not a library in any known format",
    "observe small.json --out nowhere/a.fits": "nowhere/a.fits cannot be written: there is no folder nowhere",
    "observe small.json --out .": ". is not a regular file",
    "observe small.json --out a.fits --picture a.fits": "a.fits is already the name of another file",
    "observe small.json --out small.json --overwrite": "small.json is already the name of another file",
    "observe small.json --galaxy a.h5 --out a.h5 --overwrite": "a.h5 is already the name of another file",
    "observe small.json --out a.h5": "a.h5: a cube is not written as .h5",
    "observe small.json --out a.fits.bz2": "a cube is not written as .bz2",
    "observe small.json --picture a.fits.gz": "a picture is not written as .gz: it takes",
    "observe small.json --picture picture": "a picture is not written as a name without an ending",
    "demo --out demo.png": "demo.png is already the name of another file",
    "inspect absent.fits": "absent.fits does not exist",
    "inspect small.json": "small.json is neither HDF5 nor FITS",
}


@pytest.mark.parametrize("words", ERRORS)
def test_every_error_is_one_line_with_status_two(desk, capsys, monkeypatch, words):
    monkeypatch.setattr(progress, "PATIENCE", 1e6)  # a slow machine would show its progress first
    (desk / "broken.json").write_text('{"seed": }')
    before = {path.name: path.read_bytes() for path in desk.iterdir() if path.is_file()}
    assert cli.main(words.split()) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("ifux: ") and err.count("\n") == 1 and "Traceback" not in err
    assert ERRORS[words] in err
    assert {path.name: path.read_bytes() for path in desk.iterdir() if path.is_file()} == before


def test_debug_shows_where_an_error_comes_from():
    with pytest.raises(InputError, match="sigma"):
        cli.main(["observe", "small.json", "--debug", "--set", "telescope.psf.sigma=1"])


def test_error_that_nobody_foresaw_is_one_line_with_status_one(monkeypatch, capsys):
    def fail(*_, **__):
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(run, "observe_arms", fail)
    assert cli.main(["observe", "small.json", "--quiet"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "ZeroDivisionError: first line second line" in err and "--debug" in err
    with pytest.raises(ZeroDivisionError):
        cli.main(["observe", "small.json", "--quiet", "--debug"])


def test_existing_file_is_refused_before_any_work(desk, monkeypatch, capsys):
    monkeypatch.setattr(run, "prepare_arms", lambda *_, **__: pytest.fail("worked"))
    (desk / "small.fits").write_text("mine")
    assert cli.main(["observe", "small.json"]) == 2
    assert "small.fits exists already: choose another name, or allow it to be overwritten" in capsys.readouterr().err
    assert (desk / "small.fits").read_text() == "mine"


def test_existing_file_is_replaced_with_overwrite(desk):
    (desk / "small.fits").write_text("mine")
    assert cli.main(["observe", "small.json", "--overwrite", "--quiet"]) == 0
    assert read_cube("small.fits").flux.shape == (60, 5, 6) and written(desk) == ["small.fits"]


def test_layout_is_chosen_on_the_command_line(desk, capsys):
    vacuum = ["--set", "telescope.wavelengths.medium=vacuum"]
    assert cli.main(["observe", "small.json", "--layout", "manga", "--out", "manga-0-0-LINCUBE.fits.gz", *vacuum]) == 0
    with fits.open("manga-0-0-LINCUBE.fits.gz") as file:
        assert [hdu.name for hdu in file][1:4] == ["FLUX", "IVAR", "MASK"] and (file["IVAR"].data > 0).all()
    assert read_configuration("manga-0-0-LINCUBE.fits.gz")["layout"] == "manga"
    before = written(desk)
    assert cli.main(["observe", "small.json", "--layout", "manga"]) == 2
    assert "layout: the layout of MaNGA holds channels in vacuum" in capsys.readouterr().err
    assert written(desk) == before


@pytest.mark.parametrize("existing", [False, True])
def test_interrupted_run_leaves_no_half_file(desk, monkeypatch, capsys, existing):
    if existing:
        (desk / "small.fits").write_text("mine")
    before = written(desk)
    append = ifux.io.files.cube.append

    def interrupted(file, image):
        append(file, image)
        file.flush()
        assert written(desk) != before
        raise KeyboardInterrupt

    monkeypatch.setattr(ifux.io.files.cube, "append", interrupted)
    assert cli.main(["observe", "small.json", "--overwrite"]) == 130
    assert "ifux: interrupted; nothing half-written is left behind" in capsys.readouterr().err
    assert written(desk) == before
    assert not existing or (desk / "small.fits").read_text() == "mine"


def test_quiet_says_nothing(capsys):
    assert cli.main(["observe", "small.json", "--quiet", "--picture", "a.png"]) == 0
    assert capsys.readouterr() == ("", "")


def test_steps_that_take_long_are_shown_with_a_clock(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(run, "open_library", lambda _: (time.sleep(0.3), run.embedded_library())[1])
    assert cli.main(["observe", "small.json"]) == 0
    err = capsys.readouterr().err
    assert "reading the stellar library" in err and "00:00" in err
    assert err.endswith("\n")


def test_steps_that_take_no_time_are_not_shown(capsys):
    with progress.progress("in no time"):
        pass
    assert capsys.readouterr().err == ""


def test_bar_grows_with_its_parts(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    with progress.progress("observing", 4) as advance:
        for _ in range(3):
            time.sleep(0.05)
            advance()
    lines = capsys.readouterr().err.replace("\r", "\n").split("\n")
    lengths = [line.count("█") for line in lines if "observing" in line]
    assert lengths == sorted(lengths) and lengths[-1] == 20


def test_facts_and_notes_are_said_once(capsys):
    assert cli.main(["observe", "small.json", "--set", "telescope.spaxels.size=[3,3]"]) == 0
    lines = [line.strip() for line in capsys.readouterr().err.splitlines() if "00:" not in line and line.strip()]
    assert len(lines) == len(set(lines))
    assert "parametric galaxy disc-bulge" in lines and "redshift 0.02000, 300 star particles" in lines
    assert sum(line.startswith("note: ") for line in lines) >= 2


@pytest.mark.parametrize(
    "command", ["", "demo", "observe", "convert", "inspect", "instruments", "etc", "ssp list", "ssp import", "tng"]
)
def test_help_explains_every_argument(capsys, command):
    with pytest.raises(SystemExit) as caught:
        cli.main([*command.split(), "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: ifux")
    if command:
        assert "--quiet" in text and "--debug" in text
    for word in {"observe": ["--galaxy", "--ssp", "--out", "--seed", "--noiseless", "--set", "--overwrite"]}.get(
        command, []
    ):
        assert word in text


def test_help_version_and_instruments_wait_for_no_numerics():
    """In one process: nothing that they need imports what takes a second to import."""
    lines = [["--version"], ["--help"], *([name, "--help"] for name in cli.COMMANDS), ["ssp", "import", "--help"]]
    program = (
        "import contextlib, io, sys\n"
        "from ifux.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    for line in {[*lines, ['instruments']]!r}:\n"
        "        with contextlib.suppress(SystemExit):\n"
        "            main(line)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"jax", "jaxlib", "equinox", "numpy", "h5py", "astropy", "scipy", "optax", "matplotlib", "tqdm", "dask"}
    assert not heavy & {*done.stdout.split()}


def test_version_is_told(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0 and capsys.readouterr().out == f"ifux {ifux.__version__}\n"


def test_command_fails_as_promised(desk):
    """In a process of its own, without the checks of the tests."""
    done = subprocess.run(
        [*COMMAND, "observe", "small.json", "--set", "telescope.psf.fwhm=-1"], cwd=desk, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ifux: telescope.psf.fwhm: -1 is not greater than zero; ")
    assert done.stderr.count("\n") == 1


def test_snapshot_that_leaves_something_open_is_converted_with_options(tmp_path, capsys, data):
    snapshot, out = data("snapshots/SimSpin_example_HDF5.hdf5"), tmp_path / "galaxy.h5"
    assert cli.main(["convert", str(snapshot), str(out)]) == 2
    assert "populations" in capsys.readouterr().err
    ages = 'populations={"disc": {"age": 5.0, "metallicity": 0.02}}'
    assert cli.main(["convert", str(snapshot), str(out), "--centre", "0", "0", "0", "--option", ages]) == 0
    stars = read_galaxy(out).stars
    assert stars.count == 2000 and np.all(np.asarray(stars.age) == 5)
    assert cli.main(["inspect", str(snapshot), "--option", ages]) == 0
    assert "2000 star particles" in capsys.readouterr().out
    assert cli.main(["convert", str(snapshot), str(out), "--option", "radius=3", "--overwrite"]) == 2
    assert "radius is no option of a format" in capsys.readouterr().err
