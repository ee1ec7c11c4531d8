"""A header goes on making its cube: those of cubes that earlier versions made are kept in tests/headers.

Each holds the record of a FITS header as it was read there, and some the flux [wave, y, x] of the cube. They are of
scheme 1, but for those in a folder of their own: `grid-before` was made before 2026-11-28, when a grid of the library
had other velocity nodes by default.
"""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ifux import CardelliCurve, InputError, config, run, survey
from ifux.config.build import parameters
from ifux.config.document import completed
from ifux.config.schemes import SCHEME, converted
from ifux.config.table import DRAWN, FOLLOWS, KINDS
from ifux.io.files.cube import Cube, read_configuration, write_cube

HEADERS = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parent / "headers").glob("*.json")
}
SECOND, FOURTH = (
    {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in (Path(__file__).parent / "headers" / name).glob("*.json")
    }
    for name in ("scheme-2", "scheme-4")
)
"""Of scheme 2, in which velocity nodes were 50 km/s apart by default, or 40 beside a grid of the library; and of scheme
4, in which splines were cubic, on as many cells as these need."""
NOW = "the spectra of the library are now values at its resolution"
"""How what changed with scheme 4 begins."""
CUBES = [name for name, header in HEADERS.items() if "flux" in header]


def configuration(name):
    return deepcopy(HEADERS[name]["record"]["configuration"])


def means(lines):
    """Coefficients of the quadratic splines whose means over the pixels are the spectra of a library."""
    taps = np.sqrt(3) * (np.sqrt(3) - 2) ** np.abs(np.arange(-14, 15))
    mirrored = jnp.pad(lines, ((0, 0), (14, 14)), mode="symmetric")
    return jnp.stack(
        [jnp.convolve(line, jnp.asarray(taps / taps.sum(), line.dtype), mode="valid") for line in mirrored]
    )


@pytest.fixture
def means_over_pixels(monkeypatch):
    """Takes the spectra of libraries for what they were up to scheme 3, with programs of its own."""
    monkeypatch.setattr("ifux.kinematics.channels.spline_coefficients", means)
    monkeypatch.setattr("ifux.program_cache.place", lambda: None)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.mark.optimised
@pytest.mark.parametrize("name", CUBES)
def test_header_of_an_earlier_version_makes_its_cube_again(means_over_pixels, name):
    """To rounding, but for what the spectra of a library are; where the line spread function has changed, to what its
    sentence says.
    """
    session = run.prepare(configuration(name))
    made, before = run.observe(session).flux, np.asarray(HEADERS[name]["flux"], np.float32)
    lines = any("line spread function" in note for note in session.notes)
    assert np.abs(made - before).max() < (1e-3 if lines else 1e-6) * before.max()


@pytest.mark.parametrize("name", HEADERS)
def test_header_of_an_earlier_version_is_converted_once(name):
    before = configuration(name)
    given = deepcopy(before)
    whole = config.resolved(given)
    assert given == before and "scheme" not in before and whole["scheme"] == SCHEME
    assert survey.made.within(before, whole)
    assert converted(whole) == (whole, ())
    assert json.dumps(config.resolved(whole)) == json.dumps(whole)
    stages, _ = config.parts(whole["telescope"])
    assert stages["kinematics"].reach == before["telescope"]["kinematics"]["reach"]


@pytest.mark.parametrize("name", SECOND)
def test_header_of_scheme_2_makes_its_cube_again(means_over_pixels, name):
    """Its velocity nodes and its line spread function are what they were, if the spectra of the library are.

    To 1e-5: narrow Gaussians felt the dark that began beyond the mirror images of a spectrum, which now goes on.
    """
    before, given = np.asarray(SECOND[name]["flux"], np.float32), deepcopy(SECOND[name]["record"]["configuration"])
    session = run.prepare(given)
    assert given["scheme"] == 2 and session.configuration["scheme"] == SCHEME
    assert session.telescope.kinematics.spacing == (40 if name == "grid" else 50)
    assert session.configuration["telescope"]["lsf"] == given["telescope"]["lsf"] | {"includes_pixel": False}
    assert [sentence.split(":")[0] for sentence in converted(given)[1]] == [NOW]
    assert np.abs(run.observe(session).flux - before).max() < 1e-5 * before.max()


def test_spectra_of_a_library_change_a_cube_by_a_thousandth_of_its_peak():
    """Of the embedded library at MUSE's resolution; its light is kept."""
    before = np.asarray(HEADERS["plain"]["flux"], np.float32)
    session = run.prepare(configuration("plain"))
    made = run.observe(session).flux
    assert any(note.startswith(NOW) for note in session.notes)
    assert 1e-4 * before.max() < np.abs(made - before).max() < 1e-3 * before.max()
    assert np.abs(made.sum(axis=0) - before.sum(axis=0)).max() < 2e-5 * before.sum(axis=0).max()


def test_spacing_that_a_whole_description_of_scheme_2_left_out_is_that_of_then():
    for name, spacing in (("grid", 40), ("low-rank", 50)):
        given = deepcopy(SECOND[name]["record"]["configuration"])
        del given["telescope"]["kinematics"]["spacing"]
        assert config.resolved(given)["telescope"]["kinematics"]["spacing"] == spacing


@pytest.mark.optimised
@pytest.mark.parametrize("name", FOURTH)
def test_header_of_scheme_4_makes_its_cube_again(name):
    """On the cells and with the cubic splines that it states, where a description would have others today."""
    before, given = np.asarray(FOURTH[name]["flux"], np.float32), deepcopy(FOURTH[name]["record"]["configuration"])
    session = run.prepare(given)
    assert given["scheme"] == 4 and session.configuration == given | {"scheme": SCHEME} and not converted(given)[1]
    assert np.abs(run.observe(session).flux - before).max() < 1e-6 * before.max()
    unsaid = deepcopy(given)
    del unsaid["telescope"]["spaxels"]["degree"], unsaid["telescope"]["spaxels"]["oversampling"]
    assert config.resolved(unsaid)["telescope"]["spaxels"] == given["telescope"]["spaxels"]
    unsaid["telescope"]["psf"].pop("reach", None)
    today = config.resolved(unsaid | {"scheme": SCHEME})["telescope"]["spaxels"]
    assert (today["degree"], today["oversampling"]) == (5, [1, 1])


def test_what_cannot_be_the_same_is_told():
    told = {name: " ".join(converted(configuration(name))[1]) for name in HEADERS}
    assert {name for name, sentences in told.items() if "line spread function" in sentences} == {"demo", "starburst"}
    noisy = {"demo", "chromatic", "dust", "survey"}
    assert {name for name, sentences in told.items() if "random numbers" in sentences} == noisy
    notes = run.prepare(configuration("survey")).notes
    assert {*converted(configuration("survey"))[1]} <= {*notes}
    assert HEADERS["survey"]["record"]["notes"][0] not in told["survey"]
    assert all("stars faster than telescope.kinematics.reach" in sentences for sentences in told.values())


def test_scene_of_before_has_one_cell_to_a_spaxel():
    """Though its PSF would have several today, and a kernel that reaches further."""
    by_hand = deepcopy(SECOND["narrow"]["record"]["configuration"])
    whole = config.resolved(by_hand)["telescope"]
    assert whole["spaxels"]["oversampling"] == [1, 1] and whole["psf"]["psf"]["reach"] == 3
    by_hand["telescope"]["psf"]["psf"].pop("reach")
    del by_hand["scheme"], by_hand["telescope"]["trim"]
    today = config.resolved(by_hand)["telescope"]
    assert today["spaxels"]["oversampling"] == [3, 3] and today["psf"]["psf"]["reach"] > 20


def test_word_that_is_another_today_is_translated():
    before = configuration("plain") | {"compute": {"contract": "lit"}}
    assert config.resolved(before)["compute"]["contract"] == "occupied"


def test_grid_of_before_keeps_its_velocity_nodes():
    spacing = {name: config.resolved(configuration(name))["telescope"]["kinematics"]["spacing"] for name in HEADERS}
    assert spacing["grid-before"] == 50 and spacing["grid"] == 40


def stages_of(description):
    """Every stage of a description, with those inside of others."""
    found = []
    for family, stage in description.items():
        if family in KINDS and isinstance(stage, dict):
            found += [(family, stage), *stages_of(stage)]
    return found


@pytest.mark.parametrize("name", HEADERS)
def test_no_default_is_left_unsaid(name):
    whole = config.resolved(configuration(name))
    stages = stages_of(whole["telescope"])
    assert len(stages) >= 9
    for family, stage in stages:
        known = parameters(KINDS[family][stage["kind"]])
        unsaid = {key for key, argument in known.items() if argument.default is not None} - stage.keys()
        assert unsaid <= FOLLOWS.get(family, set()), family
    assert whole["galaxy"].keys() == {"kind", *DRAWN, *parameters(KINDS["model"]["disc-bulge"])} - {"bulge_count"}


def test_default_that_changes_leaves_a_header_as_it_is(monkeypatch):
    """Some defaults, numbers and a stage, are other ones for a moment."""
    before = {name: config.resolved(configuration(name)) for name in HEADERS}
    other = {"slope": -0.3, "beta": 3.5, "disc_scale": 5.0, "degree": 1, "tolerance": 0.1, "curve": CardelliCurve}

    def changed(function):
        known = parameters(function)
        return known | {key: replace(known[key], default=other[key]) for key in known.keys() & other.keys()}

    monkeypatch.setattr("ifux.config.document.parameters", changed)
    assert completed("dust", {"kind": "screen", "depth": 1.0})["curve"]["kind"] == "cardelli"
    assert completed("psf", {"kind": "moffat", "fwhm": 1.0})["beta"] == 3.5
    assert {name: config.resolved(configuration(name)) for name in HEADERS} == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"scheme": SCHEME + 1}, f"scheme: {SCHEME + 1} is that of a later version of ifux; this one knows schemes up"),
        ({"scheme": 0}, "scheme: 0 is not a whole number from 1 to"),
        ({"scheme": True}, "scheme: True is not a whole number from 1 to"),
        ({"scheme": "new"}, "scheme: 'new' is not a whole number from 1 to"),
        ({"scheme": 1, "telescope": {"instrument": "muse-wfm"}}, "scheme: a description of scheme 1 must be whole"),
    ],
)
def test_scheme_that_is_none_is_one_sentence(change, sentence):
    with pytest.raises(InputError, match=f"^{sentence}"):
        config.resolved(configuration("plain") | change)


def test_description_by_hand_has_the_defaults_of_today():
    by_hand = configuration("grid-before")
    del by_hand["telescope"]["trim"]
    del by_hand["telescope"]["kinematics"]
    assert converted(by_hand)[0]["telescope"] == by_hand["telescope"]
    assert config.resolved(by_hand)["telescope"]["kinematics"] == {"kind": "channels", "degree": 3}


def test_cube_of_an_earlier_scheme_is_not_taken_for_one_of_today(tmp_path):
    """What was faster than its channels was dark: nothing in a record tells whether that was any light."""
    path = tmp_path / "cube.fits"
    for name in ("plain", "survey"):
        asked = config.resolved(configuration(name))
        stages, observed = config.parts(asked["telescope"])
        dark = np.zeros((observed.size, *stages["spaxels"].shape), np.float32)

        def taken(history, dark=dark, observed=observed, asked=asked):
            write_cube(path, Cube(dark, observed, (3.0, 3.0), history=history), overwrite=True)
            return survey.is_made(path, asked)

        assert not taken(configuration(name))
        assert taken(asked) and read_configuration(path)["scheme"] == SCHEME
        assert not taken(asked | {"seed": asked["seed"] + 1})
        assert not taken(asked | {"scheme": SCHEME + 1})
