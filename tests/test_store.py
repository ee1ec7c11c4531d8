"""The store of libraries: what goes in comes out, what was changed is refused, what is public is fetched."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stages import library as made_up
from web_server import WebServer, content

from ifux import InputError, cli, config, run, survey
from ifux.io import fetch_ssp, import_ssp, library_folder, read_ssp, stored_names, stored_ssp, write_ssp
from ifux.io.downloads.download import Patience
from ifux.io.files.cube import read_configuration
from ifux.io.libraries import public as shop
from ifux.io.libraries import store as storing
from ifux.io.libraries.public import Public, public_libraries
from ifux.io.libraries.store import record

HASTE = Patience(tries=2, base=0.0, timeout=5.0)

OBSERVATION = {
    "galaxy": {"kind": "disc-bulge", "count": 50, "seed": 3},
    "library": {"kind": "stored", "name": "mine"},
    "telescope": {
        "target": {"kind": "fixed", "redshift": 0.02, "distance": 90.0},
        "wavelengths": {"start": 4836.0, "step": 1.25, "size": 40, "medium": "air"},
        "spaxels": {"kind": "square", "pitch": 2.0, "size": [4, 3]},
        "ssp": {"kind": "grid"},
    },
    "seed": 7,
}


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    """A store of its own, and a folder to stand in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IFUX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IFUX_LIBRARIES", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.fixture
def file(tmp_path):
    """A library file."""
    write_ssp(tmp_path / "library.hdf5", replace(made_up(), citation="Nobody (2020)"))
    return tmp_path / "library.hdf5"


def sha256(content):
    return hashlib.sha256(Path(content).read_bytes() if isinstance(content, Path) else content).hexdigest()


def same(one, other):
    """Two libraries agree to the last digit."""
    for name in ("metallicity", "age", "wavelength", "fwhm", "flux"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.medium, one.imf, one.solar_luminosity) == (other.medium, other.imf, other.solar_luminosity)


def test_what_goes_in_comes_out(file, shelf):
    stored = import_ssp(file, "mine")
    same(stored_ssp("mine"), made_up())
    assert stored_ssp("mine").citation == "Nobody (2020)"
    assert sorted(path.name for path in shelf.iterdir()) == ["mine.h5", "mine.json"]
    told = json.loads((shelf / "mine.json").read_text())
    assert told["sha256"] == sha256(shelf / "mine.h5")
    assert told["size"] == (shelf / "mine.h5").stat().st_size
    assert told["source"] == {"file": "library.hdf5", "sha256": sha256(file)}
    assert told["citation"] == "Nobody (2020)"
    assert told["ranges"]["age"] == [0.1, 12.0]
    assert record("mine") == stored
    assert stored_names() == ["mine"]


def test_the_folder_is_the_users(monkeypatch, tmp_path):
    assert library_folder() == tmp_path / "shelf"
    monkeypatch.delenv("IFUX_LIBRARIES")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert library_folder() == tmp_path / "data" / "ifux" / "libraries"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.platform", "linux")
    assert library_folder() == tmp_path / "home" / ".local" / "share" / "ifux" / "libraries"
    monkeypatch.setattr("sys.platform", "darwin")
    assert library_folder() == tmp_path / "home" / "Library" / "Application Support" / "ifux" / "libraries"
    assert stored_names() == []


@pytest.mark.parametrize(
    "name", ["", "../mine", "a/b", "Mine", ".mine", "-mine", "mine.h5", "m ine", "mine\n", "é", "a" * 65]
)
def test_names_are_strict(file, name, shelf):
    with pytest.raises(InputError, match="is no name for a library"):
        import_ssp(file, name)
    with pytest.raises(InputError, match="is no name for a library"):
        stored_ssp(name)
    assert not shelf.exists()


def test_a_name_is_given_once(file, shelf):
    before = import_ssp(file, "mine")
    with pytest.raises(InputError, match=r"there is a library 'mine' in .* already"):
        import_ssp(file, "mine")
    write_ssp(file, replace(made_up(ages=5), citation="Somebody (2021)"), overwrite=True)
    after = import_ssp(file, "mine", overwrite=True)
    assert after.sha256 != before.sha256
    assert stored_ssp("mine").age.size == 5


def test_a_failed_import_leaves_the_old_library(file, shelf, monkeypatch):
    before = import_ssp(file, "mine")

    def broken(path, library):
        Path(path).write_bytes(b"half")
        raise OSError("the disc is full")

    monkeypatch.setattr(storing, "write_ssp", broken)
    with pytest.raises(OSError, match="the disc is full"):
        import_ssp(file, "mine", overwrite=True)
    with pytest.raises(OSError, match="the disc is full"):
        import_ssp(file, "other")
    assert sorted(path.name for path in shelf.iterdir()) == ["mine.h5", "mine.json"]
    assert record("mine") == before
    same(stored_ssp("mine"), made_up())


def test_a_file_without_a_record_is_not_stored_and_not_in_the_way(file, shelf):
    shelf.mkdir()
    (shelf / "mine.h5").write_bytes(b"left by an interrupted call")
    assert stored_names() == []
    import_ssp(file, "mine")
    same(stored_ssp("mine"), made_up())


def test_a_library_says_what_to_cite(file):
    write_ssp(file, replace(made_up(), citation="not stated"), overwrite=True)
    with pytest.raises(InputError, match="does not say what to cite"):
        import_ssp(file, "mine")
    assert import_ssp(file, "mine", citation="Nobody (2020)").citation == "Nobody (2020)"
    assert stored_ssp("mine").citation == "Nobody (2020)"


def test_a_folder_has_the_checksum_of_its_list(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b").write_bytes(b"two")
    (folder / "a").write_bytes(b"one")
    lines = f"{sha256(b'one')}  a\n{sha256(b'two')}  b\n"
    assert storing.digest(folder) == sha256(lines.encode())


def test_real_libraries_are_stored_without_loss(data):
    miles, bc03 = data("miles_ssp.h5"), data("BC03lr.h5")
    assert import_ssp(miles, "miles").source["sha256"] == sha256(miles)
    with h5py.File(miles) as file:
        np.testing.assert_array_equal(stored_ssp("miles").flux, np.asarray(file["flux"], np.float64))
    said = {
        "medium": "air",
        "fwhm": [[3000, 3.0], [9500, 20.0]],
        "imf": "Chabrier (2003)",
        "age_unit": "log yr",
        "citation": "Bruzual & Charlot (2003)",
    }
    stored = import_ssp(bc03, "bc03", **said)
    assert stored.options == {key: value for key, value in said.items() if key != "citation"}
    same(stored_ssp("bc03"), read_ssp(bc03, **said))


def damaged(shelf, name="mine"):
    """Ways to spoil what is stored, and what is said of it."""
    file, note = shelf / f"{name}.h5", shelf / f"{name}.json"
    told = json.loads(note.read_text())
    whole = file.read_bytes()
    yield lambda: file.unlink(), "is missing, but its record is there"
    yield lambda: file.write_bytes(whole[:-1]), "but was stored with"
    yield lambda: file.write_bytes(b""), "but was stored with"
    yield lambda: note.write_text("{"), "is no record of a library"
    yield lambda: note.write_text("[]"), "is no record of the library"
    yield lambda: note.write_bytes(b"\xff\xfe"), "is no record of a library"
    yield lambda: note.write_text(json.dumps(told | {"name": "other"})), "is no record of the library"
    yield lambda: note.write_text(json.dumps(told | {"sha256": "0" * 63})), "is no record of the library"
    yield lambda: note.write_text(json.dumps(told | {"sha256": "0" * 64})), "but was stored with"
    yield lambda: note.write_text(json.dumps(told | {"ranges": {"age": [10**400, 1]}})), "is no record"
    yield lambda: note.write_text(json.dumps(told | {"source": None})), "is no record of the library"
    yield lambda: note.write_text("[" * 100_000), "is no record of a library"


@pytest.mark.parametrize("way", range(12))
def test_what_was_changed_is_refused_in_one_sentence(file, shelf, way, capsys):
    import_ssp(file, "mine")
    spoil, sentence = [*damaged(shelf)][way]
    spoil()
    with pytest.raises(InputError, match=sentence) as caught:
        stored_ssp("mine")
    assert "import or fetch 'mine' again with --overwrite" in str(caught.value)
    assert cli.main(["ssp", "list"]) == 0
    assert "mine" in capsys.readouterr().out
    import_ssp(file, "mine", overwrite=True)
    same(stored_ssp("mine"), made_up())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10**6), change=st.integers(1, 255), cut=st.booleans(), note=st.booleans())
def test_any_changed_byte_is_refused_or_harmless(file, shelf, at, change, cut, note):
    if not stored_names():
        import_ssp(file, "mine")
    path = shelf / ("mine.json" if note else "mine.h5")
    whole = path.read_bytes()
    at %= len(whole)
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
    try:
        same(stored_ssp("mine"), made_up())
        assert note
    except InputError:
        pass
    finally:
        path.write_bytes(whole)


@pytest.mark.slow
def test_a_configuration_takes_a_stored_library_and_its_cube_says_which(file, tmp_path, capsys, monkeypatch):
    # the programs that the tests keep, not those of an empty cache
    monkeypatch.setattr("ifux.io.files.cache.keep_programs", lambda: None)
    stored = import_ssp(file, "mine")
    (tmp_path / "small.json").write_text(json.dumps(OBSERVATION))
    assert cli.main(["observe", "small.json", "--quiet"]) == 0
    history = read_configuration(tmp_path / "small.fits")
    assert history["library"] == {"kind": "stored", "name": "mine", "sha256": stored.sha256}
    assert run.pinned(history["library"]) == history["library"]
    write_ssp(file, replace(made_up(ages=5), citation="Somebody (2021)"), overwrite=True)
    other = import_ssp(file, "mine", overwrite=True)
    (tmp_path / "again.json").write_text(json.dumps(history))
    assert cli.main(["observe", "again.json", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"has the SHA-256 {other.sha256}, but {stored.sha256} is asked for" in said
    assert run.pinned(OBSERVATION["library"])["sha256"] == other.sha256


def test_the_command_line_takes_a_stored_library_in_place_of_that_of_the_configuration(file, tmp_path, monkeypatch):
    import_ssp(file, "mine")
    (tmp_path / "embedded.json").write_text(json.dumps({**OBSERVATION, "library": {"kind": "embedded"}}))
    prepared = []

    def prepare(description, report):
        prepared.append(description["library"])
        raise InputError("enough")

    monkeypatch.setattr(run, "prepare_arms", prepare)
    assert cli.main(["observe", "embedded.json", "--ssp", "mine", "--quiet"]) == 2
    assert prepared == [{"kind": "stored", "name": "mine"}]


def test_a_survey_names_its_cubes_by_the_library_that_is_stored(file, tmp_path):
    (tmp_path / "survey.json").write_text(json.dumps({"observation": OBSERVATION, "vary": {"seed": [1, 2]}}))
    with pytest.raises(InputError, match=r"library.name: there is no library 'mine' .* it is empty"):
        survey.load(tmp_path / "survey.json")
    stored = import_ssp(file, "mine")
    first = survey.load(tmp_path / "survey.json")
    assert first.cases[0].configuration["library"]["sha256"] == stored.sha256
    write_ssp(file, replace(made_up(ages=5), citation="Somebody (2021)"), overwrite=True)
    import_ssp(file, "mine", overwrite=True)
    second = survey.load(tmp_path / "survey.json")
    assert {case.file for case in first.cases}.isdisjoint(case.file for case in second.cases)


@pytest.mark.parametrize(
    ("library", "sentence"),
    [
        ({"kind": "stored"}, "library.name: a stored library is named"),
        ({"kind": "stored", "name": 5}, "library.name: a stored library is named"),
        ({"kind": "stored", "name": "mine", "sha256": 5}, "library.sha256: "),
        ({"kind": "stored", "name": "../mine"}, "library.name: '../mine' is no name for a library"),
        ({"kind": "stored", "name": "yours"}, "library.name: there is no library 'yours' in .*: it has mine"),
        ({"kind": "stored", "name": "mine", "sha256": "0"}, "library: the library stored as 'mine' has"),
        ({"kind": "stored", "name": "mine", "path": "a"}, "library.path: a stored library takes"),
    ],
)
def test_a_configuration_that_names_no_stored_library(file, library, sentence):
    import_ssp(file, "mine")
    with pytest.raises(InputError, match=sentence):
        run.prepare({**OBSERVATION, "library": library})


def test_resolving_twice_changes_nothing(file):
    once = config.resolved(OBSERVATION)
    assert config.resolved(once) == once


def test_the_command_line(file, shelf, capsys):
    assert cli.main(["ssp", "list"]) == 0
    assert "nothing is stored" in capsys.readouterr().out
    assert cli.main(["ssp", "import", str(file), "mine", "--citation", "Me (2026)"]) == 0
    captured = capsys.readouterr()
    assert '"kind": "stored", "name": "mine"' in captured.err
    assert cli.main(["ssp", "list"]) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("  mine "))
    assert "4700 to 4939 angstrom in air" in line and "age 0.1 to 12 Gyr" in line and "Me (2026)" in line
    for name in ("emiles", "mastar", "dsps", "bc03"):
        assert f"  {name} " in out
    assert cli.main(["ssp", "info", "mine"]) == 0
    out = capsys.readouterr().out
    assert "library made up" in out and "cite Me (2026)" in out and sha256(file) in out and "library.hdf5" in out
    assert cli.main(["ssp", "info", str(file)]) == 0
    assert "cite Nobody (2020)" in capsys.readouterr().out
    assert cli.main(["ssp", "info", "emiles"]) == 0
    assert "ppxf_data/main/spectra_emiles_9.0.npz" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import", "library.hdf5", "mine", "--option", "fwhm"], "--option fwhm: an option is like"),
        (["import", "library.hdf5", "mine", "--option", "colour=red"], "--option colour: an option is like"),
        (["import", "library.hdf5", "mine", "--option", "solar_metallicity=much"], "is not a number"),
        (["import", "library.hdf5", "mine", "--option", "medium=air"], "takes no options"),
        (["import", "absent", "mine"], "absent does not exist"),
        (["import", "library.hdf5", "../mine"], "is no name for a library"),
        (["info", "absent"], "there is no library 'absent'"),
        (["info", "./absent"], "does not exist"),
        (["fetch", "absent"], "is no public library that ifux knows"),
        (["fetch", "bc03"], "take files from https://www.bruzual.org/bc03/"),
        (["fetch", "mastar"], "medium=... fwhm=... imf=..."),
        (["fetch", "emiles", "--sha256", "12"], "is no SHA-256"),
        ([], "arguments are required"),
    ],
)
def test_wrong_words_are_one_sentence(file, words, sentence, capsys):
    assert cli.main(["ssp", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and sentence in said
    assert stored_names() == []


def test_the_public_libraries_are_described():
    known = public_libraries()
    assert [*known] == ["emiles", "fsps", "galaxev", "xsl", "mastar", "dsps", "bc03", "miles"]
    for entry in known.values():
        assert storing.NAME.fullmatch(entry.name) and entry.citation and entry.format in shop.LIBRARY_FORMATS
        assert (entry.address is None) != (entry.page is None)
        takes = shop.LIBRARY_FORMATS[entry.format].options
        assert {*entry.options, *entry.asks} <= {*takes}
        assert not {*entry.options} & {*entry.asks}
        if entry.address is not None:
            assert entry.address.startswith("https://") and entry.basis and entry.terms
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)


RNG = np.random.default_rng(5)
ARRAYS = {
    "templates": RNG.uniform(1e-5, 1e-3, (50, 4, 3)),
    "lam": np.linspace(4000.0, 4500.0, 50),
    "ages": np.array([0.1, 1.0, 5.0, 12.0]),
    "metals": np.array([-1.0, -0.5, 0.0]),
    "fwhm": np.full(50, 2.5),
    "masses": np.ones((4, 3)),
}


@pytest.fixture
def spectra(tmp_path):
    """The file of a public library, in the layout of pPXF."""
    np.savez(tmp_path / "spectra.npz", **ARRAYS)
    return (tmp_path / "spectra.npz").read_bytes()


@pytest.fixture
def server(spectra):
    """A server of it."""
    with WebServer({"/spectra.npz": [content(spectra)]}) as server:
        yield server


@pytest.fixture
def entry(server, monkeypatch):
    """What is known of it."""
    entry = Public(
        name="tiny",
        title="A tiny library",
        format="ppxf",
        citation="Nobody (2020)",
        address=f"{server.address}/spectra.npz",
        options={"medium": "air", "imf": "Salpeter (1955)", "solar_metallicity": 0.019},
        terms="none",
    )
    sell(monkeypatch, entry)
    return entry


def sell(monkeypatch, entry):
    monkeypatch.setattr(shop, "public_libraries", lambda: {entry.name: entry})


def test_fetching_stores_the_library_with_its_origin(entry, spectra, shelf):
    stored = fetch_ssp("tiny", patience=HASTE)
    library = stored_ssp("tiny")
    np.testing.assert_array_equal(library.flux, ARRAYS["templates"].transpose(2, 1, 0))
    np.testing.assert_allclose(library.metallicity, [0.0019, 0.0060083275, 0.019], rtol=1e-8)
    assert library.medium == "air" and library.citation == "Nobody (2020)"
    assert stored.source == {
        "address": entry.address,
        "terms": "none",
        "sha256": sha256(spectra),
    }
    assert stored.options == entry.options
    assert [*(shelf / "downloads").iterdir()] == []


def test_fetching_twice_needs_leave(entry, server):
    fetch_ssp("tiny", patience=HASTE)
    with pytest.raises(InputError, match=r"there is a library 'tiny' in .* already"):
        fetch_ssp("tiny", patience=HASTE)
    assert len(server.requests) == 1
    fetch_ssp("tiny", patience=HASTE, overwrite=True)
    assert len(server.requests) == 2


def test_options_of_the_user_win(entry):
    assert fetch_ssp("tiny", patience=HASTE, imf="Kroupa (2001)", citation="Me (2026)").citation == "Me (2026)"
    assert stored_ssp("tiny").imf == "Kroupa (2001)"


def test_what_nobody_says_is_asked_before_anything_is_fetched(entry, server, monkeypatch):
    sell(monkeypatch, replace(entry, asks=("fwhm",)))
    with pytest.raises(InputError, match=r"says its spectral resolution: give fwhm=\.\.\."):
        fetch_ssp("tiny", patience=HASTE)
    assert not server.requests
    fetch_ssp("tiny", patience=HASTE, fwhm=3.0)
    np.testing.assert_array_equal(stored_ssp("tiny").fwhm, np.full(50, 3.0))


def test_a_wrong_checksum_is_refused_and_removed(entry, spectra, shelf, monkeypatch):
    sell(monkeypatch, replace(entry, sha256="0" * 64))
    with pytest.raises(InputError, match=f"has the SHA-256 {sha256(spectra)}, and not 0+ as is published"):
        fetch_ssp("tiny", patience=HASTE)
    assert stored_names() == [] and [*(shelf / "downloads").iterdir()] == []
    with pytest.raises(InputError, match=r"and not 1+ as you said"):
        fetch_ssp("tiny", patience=HASTE, sha256="1" * 64)
    fetch_ssp("tiny", patience=HASTE, sha256=sha256(spectra).upper())
    assert stored_names() == ["tiny"]


def test_the_first_download_is_trusted_and_later_ones_are_compared(entry, server, tmp_path):
    first = fetch_ssp("tiny", patience=HASTE)
    np.savez(tmp_path / "spectra.npz", **ARRAYS | {"templates": 2 * ARRAYS["templates"]})
    other = (tmp_path / "spectra.npz").read_bytes()
    server.answers["/spectra.npz"] = [content(other)]
    with pytest.raises(InputError, match="when it was fetched first; if its authors replaced it, say its new one"):
        fetch_ssp("tiny", patience=HASTE, overwrite=True)
    assert record("tiny") == first
    fetch_ssp("tiny", patience=HASTE, overwrite=True, sha256=sha256(other))
    np.testing.assert_array_equal(stored_ssp("tiny").flux, 2 * ARRAYS["templates"].transpose(2, 1, 0))


def test_a_page_in_place_of_a_library_is_refused_and_removed(entry, server, shelf):
    server.answers["/spectra.npz"] = [content(b"<!DOCTYPE html><title>Log in</title>")]
    with pytest.raises(InputError, match="brought no library of format ppxf: it begins with b'<!DOCTYPE html>"):
        fetch_ssp("tiny", patience=HASTE)
    assert [*(shelf / "downloads").iterdir()] == [] and stored_names() == []


def test_what_was_interrupted_goes_on(entry, server, spectra, shelf):
    server.answers["/spectra.npz"] = [content(spectra, upto=1000), content(spectra)]
    with pytest.raises(InputError, match="could not be fetched"):
        fetch_ssp("tiny", patience=replace(HASTE, tries=1))
    assert stored_names() == []
    assert (shelf / "downloads" / "spectra.npz.part").stat().st_size == 1000
    fetch_ssp("tiny", patience=HASTE)
    assert server.requests[-1].headers["range"] == "bytes=1000-"
    np.testing.assert_array_equal(stored_ssp("tiny").flux, ARRAYS["templates"].transpose(2, 1, 0))


def test_without_a_network_a_file_is_brought_by_hand(entry, server, spectra, shelf, monkeypatch):
    with WebServer() as gone:
        sell(monkeypatch, replace(entry, address=f"{gone.address}/spectra.npz"))
    with pytest.raises(InputError, match=r"could not be fetched .* fetch it by hand and save it as (.*)") as caught:
        fetch_ssp("tiny", patience=HASTE)
    by_hand = Path(re.search(r"save it as (\S+?)\.?$", str(caught.value))[1])
    assert by_hand == shelf / "downloads" / "spectra.npz"
    by_hand.write_bytes(b"something else")
    with pytest.raises(InputError, match="brought no library of format ppxf"):
        fetch_ssp("tiny", patience=HASTE)
    by_hand.write_bytes(spectra)
    with pytest.raises(InputError, match=r"and not 1+ as you said; remove the file to fetch it again"):
        fetch_ssp("tiny", patience=HASTE, sha256="1" * 64)
    fetch_ssp("tiny", patience=HASTE)
    assert stored_names() == ["tiny"] and not server.requests and not by_hand.exists()


def test_a_file_that_could_not_be_read_need_not_be_fetched_again(entry, server, shelf):
    with pytest.raises(InputError, match="medium must be 'air' or 'vacuum'"):
        fetch_ssp("tiny", patience=HASTE, medium="water")
    assert (shelf / "downloads" / "spectra.npz").exists() and stored_names() == []
    fetch_ssp("tiny", patience=HASTE)
    assert len(server.requests) == 1


def test_fetch_on_the_command_line(entry, spectra, capsys):
    assert cli.main(["ssp", "fetch", "tiny", "--option", "imf=Kroupa", "--option", "fwhm=3"]) == 0
    captured = capsys.readouterr()
    assert sha256(spectra) in captured.out and "Nobody (2020)" in captured.out
    assert stored_ssp("tiny").imf == "Kroupa"
