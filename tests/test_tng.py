"""The client of IllustrisTNG's web interface, against a server on this machine in its place; and its key."""

import copy
import hashlib
import io
import json
import logging
import pickle
import traceback
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import h5py
import numpy as np
import pytest
from astropy import units
from web_server import WebServer, content, status

from ifux import InputError, cli
from ifux.io import read_galaxy, tng_cutout
from ifux.io.downloads import tng
from ifux.io.downloads.download import Patience
from ifux.io.downloads.keys import Secret
from ifux.io.snapshots.illustris import LAYOUT
from ifux.io.snapshots.layout import Column

KEY = "5f0a9c3be7d14826a1b2c3d4e5f60718"
PAGE = "/api/TNG50-1/snapshots/99/subhalos/7/"
SIMULATIONS = [{"name": "TNG50-1", "num_snapshots": 100, "url": "http://elsewhere/api/TNG50-1/"}]
SNAPSHOTS = [{"number": 98, "redshift": 0.01}, {"number": 99, "redshift": 2.2e-16}]
SUBHALO = {"id": 7, "snap": 99, "len_stars": 500, "pos_x": 1234.5}


def galaxy(stars: int = 500, seed: int = 0) -> bytes:
    """A cut-out with a galaxy in it, made up, as the interface serves one."""
    draw = np.random.default_rng(seed)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        header = {"Time": 0.999, "Redshift": 0.001, "HubbleParam": 0.6774, "Omega0": 0.3089, "OmegaLambda": 0.6911}
        file.create_group("Header").attrs.update({**header, "BoxSize": 35000.0})
        columns = {
            "Coordinates": draw.normal(1000.0, 3.0, (stars, 3)),
            "Velocities": draw.normal(0.0, 100.0, (stars, 3)),
            "Masses": np.full(stars, 1e-5),
            "GFM_InitialMass": np.full(stars, 2e-5),
            "GFM_Metallicity": np.full(stars, 0.02),
            "GFM_StellarFormationTime": draw.uniform(0.3, 0.9, stars),
        }
        for name, values in columns.items():
            file[f"PartType4/{name}"] = values
    return memory.getvalue()


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch):
    """A home, a cache and a key of one's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IFUX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("IFUX_TNG_KEY_FILE", raising=False)
    monkeypatch.setenv("TNG_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server():
    def keyed(answer):
        def asked(handler):
            given = handler.headers.get("API-Key")
            (answer if given == KEY else status(403, f'{{"detail": "bad key {given}"}}'.encode()))(handler)

        return asked

    with WebServer() as server:
        server.answers |= {
            "/api/": [keyed(status(200, json.dumps({"simulations": SIMULATIONS}).encode()))],
            "/api/TNG50-1/snapshots/": [keyed(status(200, json.dumps(SNAPSHOTS).encode()))],
            PAGE: [keyed(status(200, json.dumps(SUBHALO).encode()))],
            f"{PAGE}cutout.hdf5": [keyed(content(galaxy()))],
        }
        server.keyed = keyed
        yield server


@pytest.fixture
def place(server):
    """Where the interface is, and how long it is waited for."""
    return {"base": f"{server.address}/api/", "patience": Patience(tries=3, base=0.0, timeout=5.0)}


def shows_the_key(folder: Path) -> list[Path]:
    """Everything in a folder that has the key in its name or content."""
    return [
        path for path in folder.rglob("*") if KEY in str(path) or (path.is_file() and KEY.encode() in path.read_bytes())
    ]


def test_lists_are_as_the_interface_gives_them(server, place):
    assert tng.simulations(**place) == SIMULATIONS
    assert tng.snapshots("TNG50-1", **place) == SNAPSHOTS
    assert tng.subhalo("TNG50-1", 99, 7, **place) == SUBHALO
    assert [request.headers["api-key"] for request in server.requests] == [KEY] * 3
    assert not any(KEY in request.path for request in server.requests)


def test_a_cutout_is_fetched_once_and_can_be_read(server, place, desk):
    path = tng_cutout("TNG50-1", 99, 7, **place)
    assert path.read_bytes() == galaxy() and path.is_relative_to(desk / "cache" / "tng" / "TNG50-1" / "snapshot-99")
    formed = (500 * 2e-5 * 1.989e43 * units.g / 0.6774).to_value(units.Msun)
    assert float(read_galaxy(path).stars.mass.sum()) == pytest.approx(formed, rel=1e-5)
    (request,) = server.requests
    query = parse_qs(urlsplit(request.path).query)
    assert urlsplit(request.path).path == f"{PAGE}cutout.hdf5"
    assert set(query["gas"][0].split(",")) >= {
        "Coordinates", "Velocities", "Masses", "Density", "InternalEnergy", "ElectronAbundance", "GFM_Metallicity",
        "GFM_Metals", "StarFormationRate",
    }  # fmt: skip
    assert set(query["stars"][0].split(",")) >= {
        "Coordinates", "Velocities", "GFM_InitialMass", "GFM_Metallicity", "GFM_Metals", "GFM_StellarFormationTime",
    }  # fmt: skip
    assert tng_cutout("TNG50-1", 99, 7, **place) == path and len(server.requests) == 1
    note = path.with_name(path.name + ".sha256").read_text()
    assert note == f"{hashlib.sha256(galaxy()).hexdigest()}  {path.name}\n"


@pytest.mark.parametrize("kind", ["stars", "gas"])
def test_every_column_that_the_reader_knows_is_asked_for(kind):
    columns = [*vars(getattr(LAYOUT, kind)).values(), *vars(LAYOUT).values()]
    names = {column.name for column in columns if isinstance(column, Column)}
    names |= {column.column.name for column in columns if hasattr(column, "column")}
    assert names and names <= set(getattr(tng, kind.upper()))


def test_other_fields_are_another_file(server, place):
    both = tng_cutout("TNG50-1", 99, 7, **place)
    stars = tng_cutout("TNG50-1", 99, 7, gas=(), **place)
    assert both != stars and "gas=" not in server.requests[-1].path and len(server.requests) == 2
    with pytest.raises(InputError, match="would be empty"):
        tng_cutout("TNG50-1", 99, 7, stars=(), gas=(), **place)
    for bad in ("Masses&stars=all", "../x", "", "a b"):
        with pytest.raises(InputError, match="is no field of gas"):
            tng_cutout("TNG50-1", 99, 7, gas=(bad,), **place)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "hash", "no hash of a damaged file"])
def test_a_damaged_cache_is_noticed_and_fetched_anew(server, place, damage):
    path = tng_cutout("TNG50-1", 99, 7, **place)
    note, body = path.with_name(path.name + ".sha256"), bytearray(galaxy())
    if damage == "flip":
        body[len(body) // 2] ^= 1
        path.write_bytes(body)
    elif damage == "truncate":
        path.write_bytes(body[:-100])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "hash":
        note.write_bytes(b"\xff\xfe")
    else:
        path.write_bytes(body[:-100])
        note.unlink()
        with pytest.raises(InputError, match=r"subhalo-7-\w+\.hdf5 is no whole cut-out: remove it"):
            tng_cutout("TNG50-1", 99, 7, **place)
        path.unlink()
    assert tng_cutout("TNG50-1", 99, 7, **place) == path
    assert path.read_bytes() == galaxy() and len(server.requests) == 2
    assert {file.name for file in path.parent.iterdir()} == {path.name, note.name}


def test_a_damaged_file_is_not_trusted_where_fetching_it_fails(server, place):
    path = tng_cutout("TNG50-1", 99, 7, **place)
    path.write_bytes(galaxy(seed=1))
    server.answers[f"{PAGE}cutout.hdf5"] = [status(500)]
    for _ in range(2):
        with pytest.raises(InputError, match="HTTP status 500; 3 attempts"):
            tng_cutout("TNG50-1", 99, 7, **place)


def test_a_file_fetched_by_hand_is_taken(server, place):
    server.answers[f"{PAGE}cutout.hdf5"] = [status(503)]
    with pytest.raises(InputError, match="by hand and save it as") as caught:
        tng_cutout("TNG50-1", 99, 7, **place)
    asked = len(server.requests)
    path = Path(str(caught.value).partition("save it as ")[2].removesuffix("."))
    path.write_bytes(galaxy())
    assert tng_cutout("TNG50-1", 99, 7, **place) == path and len(server.requests) == asked
    assert path.with_name(path.name + ".sha256").exists()


def test_a_cut_connection_is_taken_up(server, place):
    keyed, body = server.keyed, galaxy()
    server.answers[f"{PAGE}cutout.hdf5"] = [
        keyed(content(body, upto=1000)), keyed(status(429, Retry_After="0")), keyed(status(500)), keyed(content(body)),
    ]  # fmt: skip
    place["patience"] = Patience(tries=4, base=0.0, timeout=5.0)
    assert tng_cutout("TNG50-1", 99, 7, **place).read_bytes() == body
    assert server.requests[-1].headers["range"] == "bytes=1000-"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"<!DOCTYPE html><p>{KEY}".encode(), "gave no HDF5 file but a page in HTML"),
        (b'{"detail": "busy"}', "gave no HDF5 file but something else"),
        (KEY.encode(), "gave no HDF5 file but something else"),
        (b"", "gave no HDF5 file but an empty file"),
        (galaxy()[:-2000], "truncated or damaged"),
    ],
    ids=["html", "json", "key", "empty", "truncated"],
)
def test_what_is_no_cutout_is_not_kept(server, place, desk, body, said):
    server.answers[f"{PAGE}cutout.hdf5"] = [status(200, body)]
    with pytest.raises(InputError, match=said) as caught:
        tng_cutout("TNG50-1", 99, 7, **place)
    assert KEY not in str(caught.value)
    assert not [path for path in (desk / "cache").rglob("*") if path.is_file()]


def test_a_cutout_of_nothing_is_said(server, place):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_group("Header")
    server.answers[f"{PAGE}cutout.hdf5"] = [status(200, memory.getvalue())]
    with pytest.raises(InputError, match="neither stars nor gas"):
        tng_cutout("TNG50-1", 99, 7, **place)


@pytest.mark.parametrize("answer", [b"<html>", b"[1, 2]", b'{"simulations": {}}', b"[" * 99_999, b"\xff", b"", b"null"])
def test_answers_that_make_no_sense_are_said(server, place, answer):
    server.answers["/api/"] = server.answers["/api/TNG50-1/snapshots/"] = server.answers[PAGE] = [status(200, answer)]
    for ask in (
        lambda: tng.simulations(**place),
        lambda: tng.snapshots("TNG50-1", **place) and tng.subhalo("TNG50-1", 99, 7, **place),
    ):
        with pytest.raises(InputError, match=r"did not answer in JSON|gave another answer"):
            ask()


@pytest.mark.parametrize(
    "name", ["", "..", "../TNG50-1", "TNG50-1/..", "TNG50 1", "TNG50-1?x=1", "-TNG", "T" * 99, "é", "a\n"]
)
def test_names_that_are_no_simulation_go_nowhere(server, place, desk, name):
    for ask in (lambda: tng.snapshots(name, **place), lambda: tng_cutout(name, 99, 7, **place)):
        with pytest.raises(InputError, match="is no name of a simulation"):
            ask()
    assert not server.requests and not (desk / "cache").exists()


@pytest.mark.parametrize(("snapshot", "subhalo"), [(-1, 0), (10_000, 0), (99, -1), (99, 10**11), (True, 0)])
def test_numbers_that_no_subhalo_has_go_nowhere(server, place, snapshot, subhalo):
    with pytest.raises(InputError, match="is no number from 0 to"):
        tng_cutout("TNG50-1", snapshot, subhalo, **place)
    assert not server.requests


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (401, "the key in the variable TNG_API_KEY is not one that is known there"),
        (403, "the key in the variable TNG_API_KEY is not one that is known there"),
        (404, "there is no such simulation, snapshot or subhalo"),
        (400, "a field may be missing in this snapshot"),
        (410, "it is there no longer"),
    ],
)
def test_a_refusal_says_what_would_do(server, place, code, said):
    server.answers[f"{PAGE}cutout.hdf5"] = [status(code, KEY.encode(), Reason=KEY)]
    with pytest.raises(InputError, match=f"status {code}.*{said}") as caught:
        tng_cutout("TNG50-1", 99, 7, **place)
    assert len(server.requests) == 1 and "\n" not in str(caught.value)


def test_no_key_says_where_one_belongs(server, place, monkeypatch):
    monkeypatch.setenv("TNG_API_KEY", " ")
    with pytest.raises(InputError, match=r"no key in TNG_API_KEY.*users/register/.*tng-key \(chmod 600\)"):
        tng.simulations(**place)
    assert not server.requests


@pytest.mark.parametrize("usual", [True, False])
def test_a_key_in_a_file(server, place, desk, monkeypatch, usual):
    monkeypatch.delenv("TNG_API_KEY")
    path = desk / "home" / ".config" / "ifux" / "tng-key" if usual else desk / "key"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{KEY}\n")
    if not usual:
        monkeypatch.setenv("IFUX_TNG_KEY_FILE", str(path))
    for mode in (0o644, 0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(InputError, match=f"can be read by others .its mode is {mode:o}.*`chmod 600 {path}`"):
            tng.simulations(**place)
    path.chmod(0o600)
    assert tng.simulations(**place) == SIMULATIONS
    path.write_text(f"{KEY[::-1]}\n")
    with pytest.raises(InputError, match=r"the key in .* is not one that is known there") as caught:
        tng.simulations(**place)
    assert KEY[::-1] not in str(caught.value)


@pytest.mark.parametrize("bad", ["two words", "short", "ключ-ключ-ключ", f"{KEY}\nX: 1", "x" * 5000, "\0" * 20])
def test_what_is_no_key_is_not_sent_and_not_shown(server, place, desk, monkeypatch, bad):
    path = desk / "key"
    path.write_text(bad)
    path.chmod(0o600)
    monkeypatch.delenv("TNG_API_KEY")
    monkeypatch.setenv("IFUX_TNG_KEY_FILE", str(path))
    with pytest.raises(InputError, match="IFUX_TNG_KEY_FILE names holds no key") as caught:
        tng.simulations(**place)
    assert bad not in str(caught.value) and not server.requests


def test_a_key_in_the_place_of_the_name_of_its_file_is_not_shown(monkeypatch):
    monkeypatch.delenv("TNG_API_KEY")
    monkeypatch.setenv("IFUX_TNG_KEY_FILE", KEY)
    with pytest.raises(InputError, match="the file that IFUX_TNG_KEY_FILE names cannot be read") as caught:
        tng.key()
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_secret_hides():
    own = tng.key()
    assert isinstance(own, Secret) and own.reveal() == KEY
    for shown in (repr(own), str(own), f"{own}", f"{own:>40}", f"{own!r:>9}", repr([own]), str({"key": own})):
        assert KEY not in shown and "***" in shown
    for hide in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            hide(own)
    assert not hasattr(own, "__dict__")


def test_the_key_is_shown_nowhere_whatever_fails(server, place, desk, caplog, capfd):
    """Servers that repeat the key in all they say, and every way to fail: no text, log or file has it."""
    caplog.set_level(logging.DEBUG)
    echo = {"Reason": KEY, "ETag": f'"{KEY}"', "Last_Modified": KEY}

    def reason(handler):
        handler.wfile.write(f"HTTP/1.0 403 {KEY}\r\nX: {KEY}\r\n\r\n{KEY}".encode())

    def garbage(handler):
        handler.wfile.write(f"{KEY} {KEY}\r\n\r\n".encode())

    answers = [
        status(401, KEY.encode(), **echo), status(404, KEY.encode()), status(429, KEY.encode(), Retry_After=KEY),
        status(500, KEY.encode()), status(200, KEY.encode(), **echo), status(302, Location=f"http://{KEY}.org/"),
        status(302, Location=f"/{KEY}"), status(301, Location="/api/"), content(galaxy(), upto=1000), reason, garbage,
        content(galaxy(), upto=1000, tag=f'"{KEY}"'),
    ]  # fmt: skip
    for answer in answers:
        server.answers[f"{PAGE}cutout.hdf5"] = server.answers[PAGE] = [answer]
        for ask in (tng_cutout, tng.subhalo):
            with pytest.raises(InputError) as caught:
                ask("TNG50-1", 99, 7, **place)
            assert KEY not in "".join(traceback.format_exception(caught.value))
            assert "\n" not in str(caught.value)
        assert not shows_the_key(desk)
    server.answers[f"{PAGE}cutout.hdf5"] = [server.keyed(content(galaxy()))]
    tng_cutout("TNG50-1", 99, 7, progress=True, **place)
    assert not shows_the_key(desk)
    printed = capfd.readouterr()
    assert KEY not in caplog.text + printed.out + printed.err


def test_the_key_does_not_follow_to_another_host(server, place):
    with WebServer() as elsewhere:
        server.answers[f"{PAGE}cutout.hdf5"] = [status(302, Location=f"{elsewhere.address}/file?token=1")]
        elsewhere.answers["/file"] = [content(galaxy())]
        assert tng_cutout("TNG50-1", 99, 7, **place).read_bytes() == galaxy()
        assert elsewhere.requests and not any(KEY in str(request) for request in elsewhere.requests)


def test_a_refusal_of_another_host_is_not_the_fault_of_the_key(server, place):
    with WebServer({"/file": [status(403)]}) as elsewhere:
        server.answers[f"{PAGE}cutout.hdf5"] = [status(302, Location=f"{elsewhere.address}/file")]
        with pytest.raises(InputError, match="HTTP status 403 where it leads to") as caught:
            tng_cutout("TNG50-1", 99, 7, **place)
    assert "the key in" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_said(server, place, desk, monkeypatch):
    (desk / "blocked").write_text("a file")
    monkeypatch.setenv("IFUX_CACHE", str(desk / "blocked"))
    with pytest.raises(InputError, match=r"cannot be written: .*; name a folder in IFUX_CACHE"):
        tng_cutout("TNG50-1", 99, 7, **place)


@pytest.fixture
def command(place, monkeypatch):
    """`ifux tng` against the server."""

    monkeypatch.setattr(
        "ifux.io.downloads.tng.tng_cutout", lambda *names, **options: tng_cutout(*names, **options, **place)
    )
    return lambda *words: cli.main(["tng", *words])


def test_the_command_writes_a_file_and_says_how_to_look_at_it(command, desk, capsys, server):
    assert command("TNG50-1", "99", "7", "--out", "galaxy.hdf5") == 0
    said = capsys.readouterr()
    assert said.out == "galaxy.hdf5\n" and "`ifux inspect galaxy.hdf5` shows what is in it" in said.err
    assert (desk / "galaxy.hdf5").read_bytes() == galaxy()
    assert command("TNG50-1", "99", "7", "--out", "galaxy.hdf5") == 2
    assert "exists already" in capsys.readouterr().err
    assert command("TNG50-1", "99", "7", "--out", "galaxy.hdf5", "--overwrite", "--quiet") == 0
    assert capsys.readouterr() == ("", "") and len(server.requests) == 1
    assert command("TNG50-1", "99", "7") == 0
    assert Path(capsys.readouterr().out.strip()).is_relative_to(desk / "cache")
    assert cli.main(["inspect", "galaxy.hdf5"]) == 0
    assert "500" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("../x", "99", "7"), "is no name of a simulation"),
        (("TNG50-1", "-1", "7"), "is no number from 0"),
        (("TNG50-1", "last", "7"), "invalid int value"),
        (("TNG50-1", "99", "8"), "there is no such simulation, snapshot or subhalo"),
        (("TNG50-1", "99", "7", "--out", "none/galaxy.hdf5"), "there is no folder"),
        (("TNG50-1", "99"), "required"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(command, capsys, words, said):
    assert command(*words) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("ifux: ") and error.count("\n") == 1 and KEY not in error


def test_the_help_says_where_the_key_belongs(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["tng", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0 and all(word in said for word in ("TNG_API_KEY", "IFUX_TNG_KEY_FILE", "--out"))
