"""Stars that are drawn follow the history that was stated, and the same seed gives the same stars."""

import json

import numpy as np
import pytest
from scipy.integrate import quad

from ifux.errors import InputError
from ifux.io.snapshots.populations import populations_of

MANY = 100_000


def one(**entry):
    return populations_of({"PartType2": entry}, "file")[2]


@pytest.mark.parametrize(
    ("history", "rate"),
    [("constant", lambda t: 1.0), ("exponential", lambda t: np.exp(-t / 3)), ("delayed", lambda t: t * np.exp(-t / 3))],
)
def test_ages_follow_their_history(history, rate):
    scale = {} if history == "constant" else {"timescale": 3.0}
    age = one(history=history, start=11.0, end=1.0, **scale).ages(MANY, 2)
    assert age.min() >= 1 and age.max() <= 11
    total = quad(rate, 0, 10)[0]
    for elapsed in (0.5, 2.0, 5.0, 9.0):
        share = quad(rate, 0, elapsed)[0] / total
        assert np.mean(11 - age <= elapsed) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / MANY))


def test_short_bursts_stay_finite():
    for history in ("exponential", "delayed"):
        age = one(history=history, start=10.0, timescale=1e-4).ages(1000, 2)
        assert np.all(np.isfinite(age)) and age.min() > 9.99


def test_metallicities_scatter_about_their_median():
    metals = one(age=5.0, metallicity=0.02, scatter=0.3).metallicities(MANY, 2)
    assert np.median(np.log10(metals)) == pytest.approx(np.log10(0.02), abs=0.01)
    assert np.std(np.log10(metals)) == pytest.approx(0.3, abs=0.005)
    assert set(one(age=5.0, metallicity=0.02).metallicities(10, 2)) == {0.02}
    assert set(one(age=5.0, metallicity=0.02).ages(10, 2)) == {5.0}


def test_a_seed_gives_the_same_stars_and_another_gives_others():
    entry = {"history": "constant", "start": 10.0, "metallicity": 0.02, "scatter": 0.1}
    first, again, other = one(**entry), one(**entry, seed=0), one(**entry, seed=1)
    assert np.array_equal(first.ages(100, 2), again.ages(100, 2))
    assert np.array_equal(first.metallicities(100, 2), again.metallicities(100, 2))
    assert not np.array_equal(first.ages(100, 2), other.ages(100, 2))
    assert not np.array_equal(first.ages(100, 2), first.ages(100, 3)), "disc and bulge would share their ages"
    age, metals = first.ages(MANY, 2), first.metallicities(MANY, 2)
    assert abs(np.corrcoef(age, metals)[0, 1]) < 0.02, "one number must not draw both"


def test_types_have_many_names_and_descriptions_come_from_json():
    entry = {"age": 5, "metallicity": 0.02}
    for name in ("PartType2", "parttype2", "2", "disc", "Disk", 2):
        assert list(populations_of({name: entry}, "file")) == [2]
    text = json.dumps({"bulge": entry, "4": {"history": "delayed", "start": 12, "timescale": 2}})
    assert list(populations_of(json.loads(text), "file")) == [3, 4]
    assert populations_of(None, "file") == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1], "populations is a table such as"),
        ({"PartType9": {}}, "PartType9 is no particle type"),
        ({"PartType2": {}, "disc": {}}, "names PartType2 twice"),
        ({"disc": 5.0}, 'populations.disc is a table such as {"age"'),
        ({"disc": {"ages": 5.0}}, "'ages' is not one of age, history"),
        ({"disc": {"age": "old"}}, "populations.disc.age: 'old' is no number"),
        ({"disc": {"age": float("nan")}}, "nan is no number"),
        ({"disc": {"age": -1.0}}, "-1.0 is no number from zero"),
        ({"disc": {"age": True}}, "True is no number"),
        ({"disc": {"age": 5000}}, "5000 Gyr is older than the universe"),
        ({"disc": {"history": "constant", "start": 1e10}}, "older than the universe"),
        ({"disc": {"metallicity": 2.0}}, "no mass fraction"),
        ({"disc": {"scatter": 0.1}}, "about the metallicity"),
        ({"disc": {"age": 1.0, "seed": -1}}, "seed: -1 is no whole number"),
        ({"disc": {"age": 1.0, "seed": 0.5}}, "seed: 0.5 is no whole number"),
        ({"disc": {"history": "bursty", "start": 1.0}}, "'bursty' is not one of constant, exponential, delayed"),
        ({"disc": {"history": "constant"}}, "start: a history needs the age of its oldest star"),
        ({"disc": {"history": "constant", "start": 1.0, "end": 2.0}}, "start = 1.0 must be above end = 2.0"),
        ({"disc": {"history": "constant", "start": 1.0, "age": 2.0}}, "an age or a history, not both"),
        ({"disc": {"history": "constant", "start": 1.0, "timescale": 2.0}}, "a constant history has none"),
        ({"disc": {"history": "delayed", "start": 1.0}}, "needs one above zero"),
        ({"disc": {"age": 1.0, "timescale": 1.0}}, "belongs to a history"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(given, sentence):
    with pytest.raises(InputError) as error:
        populations_of(given, "file")
    assert sentence in str(error.value) and str(error.value).startswith("file: ")
