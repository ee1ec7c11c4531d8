"""A survey: what its description means, and what is on disk after it, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import jax
import pytest
from astropy.io import fits
from stages import library as made_up
from stages import particles

from ifux import InputError, Wavelengths, cli, run, survey
from ifux.galaxy import Galaxy
from ifux.io import read_configuration, write_galaxy, write_ssp
from ifux.survey import cluster, observing
from ifux.survey.cluster import dispatched

OBSERVATION = {
    "galaxy": {"kind": "disc-bulge", "count": 200, "seed": 3},
    "library": {"kind": "file", "path": "library.hdf5"},
    "telescope": {
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "wavelengths": {"start": 4836.0, "step": 1.25, "size": 60, "medium": "air"},
        "spaxels": {"kind": "square", "pitch": 2.0, "size": [6, 5]},
        "psf": {"kind": "gaussian", "fwhm": 3.0, "reach": 4},
        "kinematics": {"kind": "channels", "reach": 600.0},
        "noise": {"kind": "target-snr", "snr": 20.0},
        "ssp": {"kind": "grid"},
    },
    "seed": 7,
}
TILTS = "telescope.orientation.inclination"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache for all processes of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IFUX_CACHE", str(tmp_path_factory.mktemp("cache")))
        before = jax.config.jax_compilation_cache_dir
        yield
        jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture(scope="module")
def scheduler(cache):
    """The address of a scheduler with one worker."""
    distributed = pytest.importorskip("distributed")
    options = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **options) as running:
        yield running.scheduler_address


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch, cache):
    """A folder to stand in, with a library and two galaxies."""
    monkeypatch.chdir(tmp_path)
    write_ssp(tmp_path / "library.hdf5", made_up())
    for seed, name in enumerate(("one", "two"), 1):
        write_galaxy(tmp_path / f"{name}.hdf5", Galaxy(particles(200, seed), 0.02))
    return tmp_path


def described(folder=".", *, name="survey.json", **keys):
    """Writes a description, and gives its path."""
    path = Path(folder) / name
    path.write_text(json.dumps({"observation": OBSERVATION, **keys}))
    return path


def settings(**keys):
    return [case.settings for case in survey.load(described(**keys)).cases]


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def files(folder):
    """Names and times of everything in a folder."""
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).iterdir()}


def arrays(path):
    with fits.open(path) as file:
        return {hdu.name: hdu.data for hdu in file[1:]}


def test_every_combination_is_a_case():
    made = settings(vary={"galaxy.seed": [1, 2], TILTS: [0, 30, 60]})
    assert made == [{"galaxy.seed": seed, TILTS: tilt} for seed in (1, 2) for tilt in (0, 30, 60)]


def test_cases_are_listed_and_combined_with_what_is_varied():
    listed = [{"galaxy.seed": 1, "seed": 5}, {"galaxy.seed": 2}]
    assert settings(cases=listed) == listed
    made = settings(cases=listed, vary={TILTS: [0, 90]})
    assert made == [{**case, TILTS: tilt} for case in listed for tilt in (0, 90)]


def test_memory_of_a_worker_has_room_for_the_kinds_of_a_nucleus():
    """One more kind: its map on the cells of the scene, two to a spaxel and four around the field, and its spectrum."""
    alone = observing.rehearsed(survey.load(described()))
    nucleus = {"continuum": {"kind": "power-law", "luminosity": 1e5}}
    shining = {**OBSERVATION, "telescope": {**OBSERVATION["telescope"], "nucleus": nucleus}}
    Path("nucleus.json").write_text(json.dumps({"observation": shining}))
    cells = (2 * 6 + 2 * 4) * (2 * 5 + 2 * 4)
    assert observing.rehearsed(survey.load("nucleus.json")) == alone + 4 * (cells + 60)


@pytest.mark.parametrize("kind", ["star-forming", "young-stars"])
def test_memory_of_a_worker_has_room_for_lines_as_fast_as_by_default(kind):
    """Of one element at 27 velocities, though what stands in for the galaxy is at rest and has no gas."""
    seen = {**OBSERVATION["telescope"], "wavelengths": OBSERVATION["telescope"]["wavelengths"] | {"start": 4910.0}}
    lines = {
        "emission": {"kind": kind, "lines": ["Hbeta"]},
        "gas_kinematics": {"kind": "channels", "spacing": 50.0},
    }
    alone, shining = (
        observing.rehearsed(survey.load(described(observation={**OBSERVATION, "telescope": {**seen, **more}})))
        for more in ({}, lines)
    )
    cells = (2 * 6 + 2 * 4) * (2 * 5 + 2 * 4)
    assert shining == alone + 4 * 27 * (cells + 60)


def test_memory_of_a_worker_is_foreseen_where_stars_are_at_rest():
    resting = {**OBSERVATION["telescope"], "kinematics": {"kind": "resting"}}
    moving = observing.rehearsed(survey.load(described()))
    assert observing.rehearsed(survey.load(described(observation={**OBSERVATION, "telescope": resting}))) < moving


def test_a_description_that_varies_nothing_is_one_case():
    (case,) = survey.load(described()).cases
    assert case.settings == {} and case.file.startswith("survey_")


def test_order_of_settings_does_not_matter():
    one = {"telescope.psf.fwhm": 2.5, "telescope.psf.kind": "moffat", "telescope.psf.beta": 3.0}
    other = dict(reversed(one.items()))
    whole = {"telescope.psf": {"kind": "moffat", "fwhm": 2.5, "beta": 3.0}}
    made = [survey.load(described(cases=[case])).cases[0].configuration for case in (one, other, whole)]
    assert made[0] == made[1] == made[2]
    assert made[0]["telescope"]["psf"] == {"kind": "moffat", "fwhm": 2.5, "beta": 3.0, "reach": 20}


def test_observation_may_be_a_file_and_paths_are_relative_to_theirs(desk):
    (desk / "far").mkdir()
    (desk / "near.json").write_text(json.dumps({**OBSERVATION, "galaxy": {"kind": "file", "path": "one.hdf5"}}))
    path = described("far", observation="../near.json", cases=[{}, {"galaxy.path": "../two.hdf5"}])
    one, two = survey.load(path).cases
    assert Path(one.configuration["galaxy"]["path"]).samefile("one.hdf5")
    assert Path(two.configuration["galaxy"]["path"]).samefile("two.hdf5")
    assert Path(one.configuration["library"]["path"]).samefile("library.hdf5")
    for case in (one, two):
        assert Path(case.configuration["galaxy"]["path"]).is_absolute()


def test_a_pattern_stands_for_all_files_like_it(desk):
    for pattern in ("*o*e.hdf5", "t*.hdf5", str(desk / "*o*e.hdf5")):
        path = described(cases=[{"galaxy.kind": "file"}], vary={"galaxy.path": pattern})
        made = [Path(case.configuration["galaxy"]["path"]).name for case in survey.load(path).cases]
        assert made == (["two.hdf5"] if pattern.startswith("t") else ["one.hdf5"])


def test_realisations_have_seeds_of_their_own_that_follow_from_the_case():
    vary = {"galaxy.seed": [1, 2], TILTS: [0, 30]}
    made = survey.load(described(vary=vary, realisations=3))
    seeds = {case.file: case.configuration["seed"] for case in made.cases}
    assert len(made.cases) == len(seeds) == len({*seeds.values()}) == 12 and not made.notes
    fewer = survey.load(described(vary={**vary, TILTS: [30]}, realisations=1))
    assert {case.configuration["seed"] for case in fewer.cases} < {*seeds.values()}
    other = survey.load(described(observation={**OBSERVATION, "seed": 8}, vary=vary, realisations=3))
    assert not {case.configuration["seed"] for case in other.cases} & {*seeds.values()}


def test_same_noise_in_many_cubes_is_noted():
    (note,) = survey.load(described(vary={TILTS: [0, 30], "seed": [1, 2]})).notes
    assert note.startswith("4 of 4 cubes share their seed")
    quiet = {"telescope.noise.kind": "none"}
    assert not survey.load(described(cases=[quiet], vary={TILTS: [0, 30]})).notes


def test_names_tell_what_varies_and_stay_when_other_cases_come():
    vary = {"galaxy.path": ["one.hdf5", "two.hdf5"], TILTS: [0, 30.5]}
    cases = [{"galaxy.kind": "file"}]
    few = {case.file for case in survey.load(described(vary=vary, cases=cases)).cases}
    assert any(name.startswith("one_inclination30.5_") for name in few)
    many = {case.file for case in survey.load(described(vary={**vary, TILTS: [60, 0, 30.5]}, cases=cases)).cases}
    assert len(few) == 4 and len(many) == 6 and few < many


def test_gas_is_varied_like_stars():
    """Every case says all of its gas, so that its cube makes it again."""
    observed = {**OBSERVATION, "galaxy": {**OBSERVATION["galaxy"], "gas": {"count": 50}}}
    made = survey.load(described(observation=observed, vary={"galaxy.gas.star_formation_rate": [1, 3]})).cases
    gas = [case.configuration["galaxy"]["gas"] for case in made]
    assert [one["star_formation_rate"] for one in gas] == [1, 3]
    assert all(one["count"] == 50 and one["metallicity_gradient"] == -0.03 for one in gas)
    assert len({case.file for case in made}) == 2
    with pytest.raises(InputError, match=r"galaxy\.gas\.colour: GasDisc takes"):
        survey.load(described(observation=observed, vary={"galaxy.gas.colour": [1]}))


def test_worked_survey_is_what_it_says(monkeypatch):
    wide = made_up(Wavelengths(2600.0, 4.0, 2100, "air"), 2, 3)
    monkeypatch.setattr(run, "embedded_library", lambda: wide)
    made = survey.load(Path(__file__).parents[1] / "configs" / "surveys" / "demo.json")
    assert len(made.cases) == 8 and not made.notes
    assert {case.configuration["galaxy"]["seed"] for case in made.cases} == {1, 2}
    assert all(case.configuration["telescope"]["spaxels"]["size"] == [40, 40] for case in made.cases)


BAD = {
    "no file": ("absent.json", "absent.json cannot be read as a configuration: No such file or directory"),
    "an observation": (OBSERVATION, "survey.galaxy: a survey takes ['cases', 'name', 'observation', 'realisations'"),
    "no observation": ({}, "survey.observation: it is missing; give a configuration, or the path of one"),
    "a lost observation": ({"observation": "lost.json"}, "lost.json cannot be read as a configuration"),
    "a number": ({"observation": 3}, "survey.observation: 3 is neither; give a configuration, or the path of one"),
    "a name": ({"observation": OBSERVATION, "name": "a/b"}, 'survey.name: "a/b" is not the name of a file'),
    "no times": ({"observation": OBSERVATION, "realisations": 0}, "survey.realisations: 0 is not greater than zero"),
    "no list": ({"observation": OBSERVATION, "vary": {"seed": 3}}, "survey.vary.seed: 3 must be a list of values"),
    "empty": ({"observation": OBSERVATION, "vary": {"seed": []}}, "survey.vary.seed: [] must be a list of values"),
    "no vary": ({"observation": OBSERVATION, "vary": [1]}, "survey.vary: [1] must be like"),
    "no cases": ({"observation": OBSERVATION, "cases": {"seed": 1}}, 'survey.cases: {"seed": 1} must be a list like'),
    "no files": (
        {"observation": OBSERVATION, "vary": {"galaxy.path": "*.h5"}},
        "survey.vary.galaxy.path: no file is like *.h5",
    ),
    "twice": (
        {"observation": OBSERVATION, "vary": {"seed": [1]}, "cases": [{"seed": 2}]},
        "survey.cases: case 1 (seed=2) sets seed, which survey.vary varies",
    ),
    "two sorts of seeds": (
        {"observation": OBSERVATION, "vary": {"seed": [1]}, "realisations": 2},
        "survey.realisations: it gives each cube its seed; leave out either it or the seeds",
    ),
    "too many": (
        {"observation": OBSERVATION, "vary": {"seed": [1] * 1001, TILTS: [0] * 1000}},
        "survey: it has 1001000 cubes, and 1000000 are the most",
    ),
    "the same": (
        {"observation": OBSERVATION, "vary": {"seed": [1, 2, 1]}},
        "case 3 (seed=1): it is the same as case 1 (seed=1); leave one of them out",
    ),
    "a key": (
        {"observation": OBSERVATION, "vary": {"telescope.psf.sigma": [1]}},
        "case 1 (telescope.psf.sigma=1): telescope.psf.sigma: GaussianPSF takes ['fwhm', 'reach']",
    ),
    "a value": (
        {"observation": OBSERVATION, "vary": {"telescope.psf.fwhm": [1, -1]}},
        "case 2 (telescope.psf.fwhm=-1): telescope.psf.fwhm: -1 is not greater than zero",
    ),
    "a place": (
        {"observation": OBSERVATION, "vary": {"seed.x": [1]}},
        "case 1 (seed.x=1): seed.x=1: seed is 7, which has no keys",
    ),
    "a model": (
        {"observation": OBSERVATION, "vary": {"galaxy.colour": [1]}},
        "case 1 (galaxy.colour=1): galaxy.colour: DiscBulge takes",
    ),
    "no galaxy": (
        {"observation": OBSERVATION, "vary": {"galaxy": [{"kind": "file", "path": "lost.hdf5"}]}},
        "lost.hdf5",
    ),
    "an option": (
        {"observation": OBSERVATION, "vary": {"galaxy": [{"kind": "file", "path": "one.hdf5", "radios": 3}]}},
        "galaxy.radios: a galaxy from a file takes",
    ),
    "no library": ({"observation": OBSERVATION, "vary": {"library.path": ["lost.hdf5"]}}, "library.path: there is no"),
    "a redshift": (
        {"observation": OBSERVATION, "vary": {"telescope.target.redshift": [0.02, 3]}},
        "case 2 (telescope.target.redshift=3): telescope.wavelengths: the library 'made up' covers",
    ),
    "a coarse library": (
        {"observation": OBSERVATION, "cases": [{"telescope.lsf": {"kind": "gaussian", "fwhm": 1}}]},
        '"accept_coarse_library": true',
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_said_in_a_line_before_any_work(desk, monkeypatch, capsys, kind):
    monkeypatch.setattr("ifux.survey.observing.connected", lambda *_: pytest.fail("worked"))
    description, sentence = BAD[kind]
    if not isinstance(description, str):
        (desk / "bad.json").write_text(json.dumps(description))
    before = files(desk)
    assert cli.main(["survey", description if isinstance(description, str) else "bad.json", "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("ifux: ") and err.count("\n") == 1 and sentence in err
    assert files(desk) == before


@pytest.mark.slow
def test_cubes_are_those_of_observe_bit_for_bit(desk, capsys):
    """On workers of its own, from the command line."""
    path = described(cases=[{"galaxy.kind": "file", "galaxy.path": "one.hdf5"}], vary={TILTS: [20, 70]})
    assert cli.main(["survey", str(path), "--workers", "1", "--out", "cubes"]) == 0
    out, err = capsys.readouterr()
    assert out == "cubes/survey.jsonl\n" and err.endswith("2 cubes made, 0 kept, 0 failed\n")
    table = rows("cubes/survey.jsonl")
    assert [row["settings"][TILTS] for row in table] == [20, 70]
    assert {*files("cubes")} == {"survey.jsonl", *(row["file"] for row in table)}
    for number, row in enumerate(table, 1):
        assert (row["case"], row["status"], row["seed"], row["error"]) == (number, "done", 7, None)
        assert row["seconds"] > 0 and any("outside the library" in note for note in row["notes"])
    last = desk / "cubes" / table[-1]["file"]
    resolved = survey.load(path).cases[-1].configuration
    (desk / "again.json").write_text(json.dumps(resolved))
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from ifux.cli import main; sys.exit(main())", "observe", "again.json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert read_configuration(last) == read_configuration("again.fits")
    one, other = arrays(last), arrays("again.fits")
    assert [*one] == [*other] and "STAT" in one
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name


@pytest.mark.slow
def test_what_is_there_is_kept_and_what_changed_is_made(desk, scheduler, monkeypatch, capsys):
    words = ["survey", "survey.json", "--scheduler", scheduler]
    described(vary={TILTS: [0, 40]})
    assert cli.main(words) == 0
    first, table = files("survey"), rows("survey/survey.jsonl")
    # all is there: nothing is even started
    with monkeypatch.context() as patch:
        patch.setattr("ifux.survey.observing.connected", lambda *_: pytest.fail("worked"))
        assert cli.main(words) == 0
    assert "2 cubes in survey, 2 of them there already" in capsys.readouterr().err
    assert {**files("survey"), "survey.jsonl": 0} == {**first, "survey.jsonl": 0}
    assert rows("survey/survey.jsonl") == table
    # one goes, one comes
    described(vary={TILTS: [40, 80]})
    assert cli.main(words) == 0
    second = files("survey")
    assert len(second) == 4 and all(second[name] == first[name] for name in first if name.endswith(".fits"))
    after = rows("survey/survey.jsonl")
    assert [row["settings"][TILTS] for row in after] == [40, 80] and after[0]["seconds"] == table[1]["seconds"]
    assert "1 cubes made, 1 kept, 0 failed" in capsys.readouterr().err
    # a galaxy or library that is newer than its cube is not overlooked
    os.utime("library.hdf5", (time.time() + 60,) * 2)
    assert cli.main(words) == 0
    assert "2 cubes are older than their galaxy or library" in capsys.readouterr().err
    assert cli.main([*words, "--overwrite", "--quiet"]) == 0
    assert all(files("survey")[row["file"]] > second[row["file"]] for row in after)
    assert capsys.readouterr() == ("", "")


def test_a_broken_galaxy_is_told_and_stops_nothing(desk, scheduler, capsys):
    (desk / "broken.hdf5").write_bytes(Path("one.hdf5").read_bytes()[:3000])
    galaxies = ["one.hdf5", "broken.hdf5", "two.hdf5"]
    described(cases=[{"galaxy.kind": "file"}], vary={"galaxy.path": galaxies})
    assert cli.main(["survey", "survey.json", "--scheduler", scheduler]) == 1
    err = capsys.readouterr().err
    (sentence,) = (line for line in err.replace("\r", "\n").splitlines() if line.startswith("ifux: "))
    assert sentence.startswith('ifux: case 2 (galaxy.kind="file", galaxy.path="broken.hdf5"): galaxy: ')
    assert "2 cubes made, 0 kept, 1 failed" in err and "Traceback" not in err
    table = rows("survey/survey.jsonl")
    assert [row["status"] for row in table] == ["done", "failed", "done"] and table[1]["error"] in sentence
    assert {*files("survey")} == {"survey.jsonl", table[0]["file"], table[2]["file"]}
    # mended, it alone is made
    (desk / "broken.hdf5").write_bytes(Path("two.hdf5").read_bytes())
    assert cli.main(["survey", "survey.json", "--scheduler", scheduler]) == 0
    assert "1 cubes made, 2 kept, 0 failed" in capsys.readouterr().err


def fatal(task):
    """Work that kills its process: for the first galaxy once, for the second always, and leaves half a file."""
    seed, files = task["arms"][""]["galaxy"]["seed"], task["cubes"][""]
    out = Path(files["out"])
    once = out.parent.parent / "died"
    if seed == 2 or (seed == 1 and not once.exists()):
        once.touch()
        Path(files["partial"]).write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    out.write_text("whole")
    return {"": {"seconds": 0.0, "notes": [], "error": None}}


@pytest.mark.slow
def test_a_case_whose_worker_dies_is_tried_again_and_not_forever(desk):
    made = survey.load(described(vary={"galaxy.seed": [1, 2, 3, 4, 5]}))
    told = []
    table = survey.conduct(made, desk / "out", [*made.cases], workers=2, tell=told.append, work=fatal)
    assert [row["status"] for row in table.rows.values()] == ["done", "failed", "done", "done", "done"]
    (sentence,) = told
    assert sentence.startswith("case 2 (galaxy.seed=2): its worker died 3 times")
    done = {case.file for case in made.cases if case.number != 2}
    assert {*files(desk / "out")} == {"survey.jsonl", *done}


def slow(task):
    """Work that takes a moment."""
    time.sleep(0.2)
    Path(task["cubes"][""]["out"]).write_text("whole")
    return {"": {"seconds": 0.2, "notes": [], "error": None}}


def test_an_interrupted_survey_leaves_whole_files_and_a_table(desk, scheduler):
    made = survey.load(described(vary={"galaxy.seed": [*range(20)]}))

    class Interrupted:
        def __init__(self, step, parts=1):
            self.step = step

        def __enter__(self):
            return self.advance

        def __exit__(self, *_):
            pass

        def advance(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey.conduct(made, desk / "out", [*made.cases], scheduler=scheduler, report=Interrupted, work=slow)
    status = Counter(row["status"] for row in rows("out/survey.jsonl"))
    assert status == {"done": 1, "waiting": 19}
    assert not [name for name in files("out") if name.startswith(".")]


def test_nothing_is_overwritten_unasked(desk, monkeypatch, capsys):
    monkeypatch.setattr("ifux.survey.observing.connected", lambda *_: pytest.fail("worked"))
    (case,) = survey.load(described()).cases
    (desk / "survey").mkdir()
    for name in (case.file, "survey.jsonl"):
        path = desk / "survey" / name
        path.write_text("mine")
        assert cli.main(["survey", "survey.json", "--quiet"]) == 2
        assert f"survey/{name} exists already and is not the" in capsys.readouterr().err
        assert path.read_text() == "mine" and len(files("survey")) == 1
        path.unlink()
    (desk / "survey").rmdir()
    (desk / "survey").write_text("mine")
    assert cli.main(["survey", "survey.json", "--quiet"]) == 2
    assert "survey is not a folder" in capsys.readouterr().err


def test_dry_run_lists_and_does_nothing(desk, monkeypatch, capsys):
    monkeypatch.setattr(survey, "conduct", lambda *_, **__: pytest.fail("worked"))
    described(vary={TILTS: [0, 40]})
    before = files(desk)
    assert cli.main(["survey", "survey.json", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 2 and all(line.startswith("make survey/inclination") for line in lines)
    assert lines[1].endswith(f"case 2 ({TILTS}=40)")
    assert "2 cubes in survey, 0 of them there already" in err and "note: 2 of 2 cubes share" in err
    assert files(desk) == before


class Hand:
    """Stands in for a client: `count` workers, each of which takes what it is given, in turn."""

    def __init__(self, count):
        self.workers, self.given = [f"w{number}" for number in range(count)], []

    def nthreads(self):
        return dict.fromkeys(self.workers, 1)

    def submit(self, work, task, *, key, workers, allow_other_workers):
        self.given.append((workers[0], task))
        return Answer(work(task))


class Answer:
    """A future that has come."""

    status = "finished"

    def __init__(self, result):
        self.result = lambda: result

    def add_done_callback(self, function):
        function(self)


def test_a_worker_keeps_to_a_galaxy_while_there_are_others():
    made = survey.load(described(vary={TILTS: [0, 20, 40, 60], "galaxy.seed": [1, 2, 3]})).cases
    hand = Hand(3)
    tasks = [((case,), case.configuration["galaxy"]) for case in made]
    assert len([*dispatched(hand, tasks, lambda galaxy: {"": {"error": None}})]) == 12
    homes = {worker: {galaxy["seed"] for given, galaxy in hand.given if given == worker} for worker in hand.workers}
    assert sorted(map(len, homes.values())) == [1, 1, 1]
    # one galaxy is shared by all
    hand = Hand(3)
    one = [(cases, galaxy) for cases, galaxy in tasks if galaxy["seed"] == 1]
    assert len([*dispatched(hand, one, lambda galaxy: {"": {"error": None}})]) == 4
    assert len({worker for worker, _ in hand.given}) == 3


def test_scheduler_that_does_not_answer_is_an_error(desk, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    described()
    for address in ("tcp://127.0.0.1:1", "nowhere"):
        assert cli.main(["survey", "survey.json", "--quiet", "--scheduler", address]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"ifux: no Dask scheduler answers at {address}: ") and err.count("\n") == 1
    assert not (desk / "survey").exists()


def test_without_dask_a_line_says_how_to_get_it(desk, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    described()
    assert cli.main(["survey", "survey.json", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert 'pip install "dask[distributed]" cryptography' in err and err.count("\n") == 1
    assert not (desk / "survey").exists()


def test_dask_is_imported_by_a_survey_alone():
    program = "import sys, ifux, ifux.cli, ifux.survey; assert not {'dask', 'distributed'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("words", ["--workers 0", "--workers 2 --scheduler tcp://127.0.0.1:1"])
def test_workers_are_counted_and_of_one_sort(words, capsys):
    described()
    assert cli.main(["survey", "survey.json", *words.split()]) == 2
    assert "argument --" in capsys.readouterr().err


def test_help_explains_the_description(capsys):
    with pytest.raises(SystemExit):
        cli.main(["survey", "--help"])
    text = capsys.readouterr().out
    for word in ("--out", "--workers", "--scheduler", "--dry-run", "--overwrite", '"vary"', '"cases"', "realisations"):
        assert word in text


def test_table_that_is_written_anew_is_never_half(desk):
    made = survey.load(described(vary={TILTS: [0, 40]}))
    table = survey.Table(desk / "table.jsonl", made, [*made.cases], overwrite=False)
    table.save()
    table.rows[2]["notes"] = [object()]
    with pytest.raises(TypeError):
        table.save()
    assert [row["status"] for row in rows("table.jsonl")] == ["waiting", "waiting"]
    with pytest.raises(InputError, match="exists already and is not the table of a survey"):
        survey.Table(desk / "library.hdf5", made, [], overwrite=False)
