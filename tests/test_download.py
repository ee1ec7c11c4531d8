"""Files from the network, from a server on this machine with every fault: whole and checked, or not at all."""

import contextlib
import gzip
import hashlib
import itertools
import json
import random
import re
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import urllib3.util.retry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.exceptions import HTTPError
from web_server import WebServer, content, status

from ifux import InputError
from ifux.io.downloads import http
from ifux.io.downloads.download import Patience, download, fetched

BODY = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(250_000)
HASH = hashlib.sha256(BODY).hexdigest()
DATE = "Mon, 06 Jul 2026 10:00:00 GMT"
KEY = "0123456789abcdef-my-key"


@pytest.fixture
def server():
    with WebServer() as server:
        yield server


@pytest.fixture(autouse=True)
def naps(monkeypatch):
    """How long was slept between attempts, in place of sleeping."""
    naps = []
    for module in (urllib3.util.retry, sys.modules[Patience.__module__]):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=naps.append, time=time.time))
    return naps


@pytest.fixture
def patience():
    return Patience(tries=4, base=1.0, longest=20.0, timeout=5.0)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_comes_whole(server, tmp_path, patience, naps):
    server.answers["/a"] = [content(BODY)]
    got = download(f"{server.address}/a", tmp_path / "a.bin", sha256=HASH.upper(), patience=patience)
    assert (got.path, got.sha256, got.size) == (tmp_path / "a.bin", HASH, 300_000)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert left(tmp_path) == {"a.bin"} and not naps
    assert "range" not in server.requests[0].headers and server.requests[0].headers["user-agent"].startswith("ifux/")


def unstated(handler):
    """A file without its length."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BODY)


def test_a_file_without_content_or_length_is_a_file(server, tmp_path, patience):
    server.answers["/a"], server.answers["/b"] = [content(b"")], [unstated]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).size == 0
    assert download(f"{server.address}/b", tmp_path / "b", patience=patience).sha256 == HASH
    assert left(tmp_path) == {"a", "b"}


@pytest.mark.parametrize(
    "validator", [{"tag": '"v1"'}, {"tag": None, "changed": DATE}, {"tag": 'W/"v"', "changed": DATE}]
)
def test_a_cut_connection_is_taken_up_where_it_was_cut(server, tmp_path, patience, naps, validator):
    server.answers["/a"] = [content(BODY, upto=100_000, **validator), content(BODY, **validator)]
    download(f"{server.address}/a", tmp_path / "a", sha256=HASH, patience=patience)
    again = server.requests[1].headers
    assert again["range"] == "bytes=100000-"
    assert again["if-range"] == (DATE if "changed" in validator else '"v1"')
    assert len(server.requests) == 2 and naps == [0.0]
    assert left(tmp_path) == {"a"}


def test_a_later_call_goes_on_with_the_part_of_an_earlier_one(server, tmp_path, patience):
    server.answers["/a"] = [content(BODY, upto=70_000), status(503)]
    with pytest.raises(
        InputError, match=r"could not be fetched \(HTTP status 503; 4 attempts\).*by hand and save it as"
    ):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert left(tmp_path) == {"a.part", "a.part.json"}
    server.answers["/a"] = [content(BODY)]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
    assert server.requests[-1].headers["range"] == "bytes=70000-"
    assert left(tmp_path) == {"a"}


@pytest.mark.parametrize("spoil", ["no note", "note of another address", "note that is no JSON", "no validator"])
def test_a_part_that_nobody_vouches_for_is_begun_anew(server, tmp_path, patience, spoil):
    tag = None if spoil == "no validator" else '"first"'
    server.answers["/a"] = [content(OTHER, tag=tag, upto=70_000), status(403)]
    with pytest.raises(InputError, match="was refused"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    note = tmp_path / "a.part.json"
    if spoil == "no note":
        note.unlink()
    elif spoil == "note of another address":
        note.write_text(json.dumps({**json.loads(note.read_text()), "source": "0" * 64}))
    elif spoil == "note that is no JSON":
        note.write_text("{" * 100_000)
    server.answers["/a"] = [content(BODY, tag=tag)]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
    assert "range" not in server.requests[-1].headers


def test_a_file_that_changed_is_begun_anew(server, tmp_path, patience):
    server.answers["/a"] = [content(OTHER, tag='"old"', upto=70_000), content(BODY, tag='"new"')]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
    assert server.requests[1].headers["if-range"] == '"old"' and len(server.requests) == 2


def test_a_server_that_continues_another_file_is_not_believed(server, tmp_path, patience):
    def careless(handler):
        handler.send_response(206)
        handler.send_header("ETag", '"new"')
        handler.send_header("Content-Range", f"bytes 70000-{len(BODY) - 1}/{len(BODY)}")
        handler.send_header("Content-Length", str(len(BODY) - 70_000))
        handler.end_headers()
        handler.wfile.write(BODY[70_000:])

    server.answers["/a"] = [content(OTHER, tag='"old"', upto=70_000), careless, content(BODY, tag='"new"')]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
    assert "range" not in server.requests[2].headers


def test_a_part_that_is_longer_than_the_file_is_begun_anew(server, tmp_path, patience):
    server.answers["/a"] = [content(BODY, upto=70_000), status(404)]
    with pytest.raises(InputError, match="there is nothing at this address"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    (tmp_path / "a.part").write_bytes(BODY + OTHER)
    server.answers["/a"] = [content(BODY)]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH


def test_errors_of_the_server_pass(server, tmp_path, patience, naps):
    server.answers["/a"] = [status(500), status(502), status(408), content(BODY)]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
    assert len(naps) == 2 and 2.0 <= naps[0] <= 3.0 and 4.0 <= naps[1] <= 5.0


def test_a_server_may_ask_for_a_pause(server, tmp_path, patience, naps):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    server.answers["/a"] = [status(429, Retry_After="7"), status(503, Retry_After=soon), content(BODY)]
    download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert naps[0] == 7.0 and 5.0 < naps[1] <= 10.0


@pytest.mark.parametrize("pause", ["3600", "9" * 30])
def test_a_server_that_asks_for_an_hour_is_left_alone(server, tmp_path, patience, naps, pause):
    server.answers["/a"] = [status(429, Retry_After=pause)]
    with pytest.raises(InputError, match=r"HTTP status 429; it asks to be left alone for \d+ s"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert len(server.requests) == 1 and not naps


@pytest.mark.parametrize("text", ["soon", "", "Mon, 06 Jul 99999 10:00:00 GMT"])
def test_a_pause_that_makes_no_sense_is_our_own(server, tmp_path, patience, naps, text):
    server.answers["/a"] = [status(503, Retry_After=text), content(BODY)]
    download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert len(server.requests) == 2 and not naps


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 418, 204])
def test_refusals_are_not_repeated(server, tmp_path, patience, naps, code):
    server.answers["/a"] = [status(code, b"" if code == 204 else b"page")]
    with pytest.raises(InputError, match=f"status {code}") as caught:
        download(f"{server.address}/a", tmp_path / "a", headers={"API-Key": KEY}, patience=patience)
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1 and not naps and not left(tmp_path)


def test_a_body_that_is_always_short_is_no_file(server, tmp_path, patience, naps):
    server.answers["/a"] = [content(BODY, tag=None, length=300_007)]
    with pytest.raises(InputError, match="300000 of 300007 bytes came; 4 attempts"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert len(server.requests) == 4 and naps == [0.0, 2.0, 4.0] and not (tmp_path / "a").exists()


def test_attempts_that_bring_something_do_not_count(server, tmp_path):
    body = random.Random(3).randbytes(6 << 20)

    def some(handler):
        wanted = handler.headers.get("Range", "bytes=0-")
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        content(body, upto=start + (1 << 20))(handler)

    server.answers["/a"] = [some]
    assert download(f"{server.address}/a", tmp_path / "a", patience=Patience(tries=2)).size == 6 << 20
    assert len(server.requests) == 6


def test_silence_is_given_up(server, tmp_path):
    def half(handler):
        content(BODY, upto=1000)(handler)
        handler.wfile.flush()
        time.sleep(0.3)

    server.answers["/a"] = [lambda handler: time.sleep(1.0), content(BODY)]
    assert download(f"{server.address}/a", tmp_path / "a", patience=Patience(tries=2, timeout=0.5)).sha256 == HASH
    for silent in (half, lambda handler: time.sleep(0.3)):
        server.answers["/b"] = [silent]
        with pytest.raises(InputError, match=r"could not be fetched \(no answer in time"):
            download(f"{server.address}/b", tmp_path / "b", patience=Patience(tries=2, timeout=0.05))


def test_what_is_packed_stays_packed(server, tmp_path, patience):
    """A server may say of a gzip file that it is packed; a hash, a length and a range are those of the file."""
    packed = gzip.compress(BODY)
    server.answers["/a.gz"] = [status(200, packed, Content_Encoding="gzip")]
    download(f"{server.address}/a.gz", tmp_path / "a.gz", patience=patience)
    assert (tmp_path / "a.gz").read_bytes() == packed
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_passwords_and_proxies_of_the_environment(server, tmp_path, patience, monkeypatch):
    """No password is sent that nobody gave; proxies are used, but not to this machine."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://me:hunter2@127.0.0.1:{server.server.server_port}")
    server.answers["/a"] = [content(BODY)]
    assert fetched(f"{server.address}/a", patience=patience) == BODY
    assert "authorization" not in server.requests[0].headers
    with pytest.raises(InputError, match="there is no way through the proxy") as caught:
        fetched("https://example.org/a", patience=patience)
    assert "hunter2" not in str(caught.value) and len(server.requests) == 1


def test_chunks_that_break_off_are_noticed(server, tmp_path, patience):
    def answer(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"1000\r\n" + BODY[:4096] + b"\r\n2000\r\n" + BODY[:100])

    server.answers["/a"] = [answer]
    with pytest.raises(InputError, match="the connection was cut; 4 attempts"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\n" * 99999])
def test_what_is_no_http_is_given_up(server, tmp_path, patience, words):
    server.answers["/a"] = [lambda handler: handler.wfile.write(words)]
    with pytest.raises(InputError, match="could not be fetched"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)


def test_what_is_not_as_promised_or_refused_by_a_check_is_not_kept(server, tmp_path, patience):
    server.answers["/a"], server.answers["/b"] = [content(BODY)], [content(BODY[:-1] + bytes([BODY[-1] ^ 1]))]

    def refuse(path):
        assert path.read_bytes() == BODY and path.name == "a.part"
        raise InputError("no, thanks")

    with pytest.raises(InputError, match="no, thanks"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience, check=refuse)
    with pytest.raises(InputError, match=f"expected {HASH}.*was removed"):
        download(f"{server.address}/b", tmp_path / "b", sha256=HASH, patience=patience)
    assert not left(tmp_path)


@pytest.mark.parametrize("stated", [True, False])
def test_what_is_too_large_is_not_kept(server, tmp_path, patience, stated):
    server.answers["/a"] = [content(BODY) if stated else unstated]
    with pytest.raises(InputError, match="299999 are allowed"):
        download(f"{server.address}/a", tmp_path / "a", largest=299_999, patience=patience)
    assert not left(tmp_path) and len(server.requests) == 1
    with pytest.raises(InputError, match="299999 are allowed"):
        fetched(f"{server.address}/a", largest=299_999, patience=patience)
    assert fetched(f"{server.address}/a", largest=300_000, patience=patience) == BODY


def test_headers_follow_to_the_same_host_alone(server, tmp_path, patience):
    with WebServer() as elsewhere:
        server.answers["/a"] = [status(302, Location="/b")]
        server.answers["/b"] = [status(307, Location=f"{elsewhere.address}/c")]
        elsewhere.answers["/c"] = [status(302, Location=f"{server.address}/d")]
        server.answers["/d"] = [content(BODY)]
        download(f"{server.address}/a", tmp_path / "a", headers={"API-Key": KEY}, patience=patience)
        assert [request.headers.get("api-key") for request in server.requests] == [KEY, KEY, None]
        assert not any(KEY in str(request) for request in elsewhere.requests)
        elsewhere.answers["/c"] = [status(403)]
        with pytest.raises(InputError, match="status 403 where it leads to"):
            download(f"{server.address}/a", tmp_path / "b", headers={"API-Key": KEY}, patience=patience)


def test_a_cut_redirected_file_is_taken_up(server, tmp_path, patience):
    with WebServer() as elsewhere:
        server.answers["/a"] = [status(302, Location=f"{elsewhere.address}/c")]
        elsewhere.answers["/c"] = [content(BODY, upto=1000), content(BODY)]
        assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
        assert elsewhere.requests[1].headers["range"] == "bytes=1000-"


def test_a_circle_of_redirections_ends(server, tmp_path, patience):
    server.answers["/a"] = [status(301, Location="/a")]
    with pytest.raises(InputError, match="without end"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    server.answers["/a"] = [status(302)]
    with pytest.raises(InputError, match="302"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)


@pytest.mark.parametrize(
    "location",
    ["http://example.org/x", "file:///etc/passwd", "ftp://example.org/x", "http://[::", "//:0/"],
)
def test_redirections_lead_to_safe_places(server, tmp_path, patience, location):
    server.answers["/a"] = [status(302, Location=location)]
    with pytest.raises(InputError, match="nothing was fetched"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert not left(tmp_path)


def followed(location: str, start: str = "https://example.org/x") -> requests.PreparedRequest:
    """What is asked for where a redirection leads."""
    request, response = requests.Request("GET", start, headers={"API-Key": KEY}).prepare(), requests.Response()
    response.url, response.status_code, response.headers["Location"] = start, 302, location
    response.request = request
    (after,) = itertools.islice(http.Session().resolve_redirects(response, request, yield_requests=True), 1)
    return after


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1, and its key after it, signed by nobody but itself."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    own = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web server")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(own, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    encoding = serialization.Encoding.PEM
    path.write_bytes(
        made.public_bytes(encoding)
        + own.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def test_a_server_over_tls_must_prove_who_it_is_and_may_not_lead_away(
    server, certificate, tmp_path, patience, naps, monkeypatch
):
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with WebServer(tls=tls) as safe:
        safe.answers["/a"], safe.answers["/b"] = [content(BODY)], [status(302, Location=f"{server.address}/a")]
        server.answers["/a"] = [content(OTHER)]
        with pytest.raises(InputError, match=r"could not prove who it is \(self.signed certificate\)"):
            download(f"{safe.address}/a", tmp_path / "a", headers={"API-Key": KEY}, patience=patience)
        assert not safe.requests and not naps
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(InputError, match="the certificates that the environment names cannot be read"):
            download(f"{safe.address}/a", tmp_path / "a", patience=patience)
        for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(variable, str(certificate))
            assert fetched(f"{safe.address}/a", patience=patience) == BODY
            monkeypatch.delenv(variable)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(InputError, match="not safe, or to none: nothing was fetched"):
            download(f"{safe.address}/b", tmp_path / "b", headers={"API-Key": KEY}, patience=patience)
    assert not server.requests and not left(tmp_path)


@pytest.mark.parametrize(
    ("location", "along"),
    [("/y", True), ("https://EXAMPLE.org:443/y", True), ("https://data.example.org/y", False),
     ("https://example.org:8443/y", False), ("//example.com/y", False), ("https://example.org.evil.com/", False)],
)  # fmt: skip
def test_headers_stay_with_scheme_host_and_port(location, along):
    after = followed(location)
    assert after.url.startswith("https://") and after.headers.get("API-Key") == (KEY if along else None)


@pytest.mark.parametrize("location", ["http://example.org/x", "http://127.0.0.1/x", "https://me:hunter2@example.org/"])
def test_a_redirection_never_leaves_tls_nor_logs_in(location):
    with pytest.raises(requests.exceptions.InvalidURL, match="not safe"):
        followed(location)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/x", "http://localhost.example.org/", "http://127.0.0.1.example.org/", "http://2130706433/",
        "ftp://example.org/", "file:///etc/passwd", "example.org/x", "", "https://", "https:///x", "https://a b/",
        "https://me:hunter2@example.org/", "https://example.org/\nx", "https://[::", "https://example.org:0/",
        "https://example.org:99999/", "https://é.fr/",
    ],
)  # fmt: skip
def test_unsafe_addresses_are_refused_and_passwords_not_repeated(tmp_path, address):
    with pytest.raises(InputError, match=r"is no address that is safe: .* without a password") as caught:
        download(address, tmp_path / "a")
    assert "hunter2" not in str(caught.value) and not left(tmp_path)


@pytest.mark.parametrize("value", [f"{KEY}\r\nX: 1", f"{KEY}\n", f"{KEY}é", "", f" {KEY}"])
def test_headers_that_cannot_be_sent_are_not_repeated(tmp_path, value):
    with pytest.raises(InputError, match="'API-Key' cannot be sent") as caught:
        download("https://example.org/", tmp_path / "a", headers={"API-Key": value})
    assert KEY not in str(caught.value)


def test_no_network_says_what_to_do_by_hand(server, tmp_path, patience, naps):
    server.__exit__()
    address, path = f"{server.address}/a", tmp_path / "a"
    with pytest.raises(InputError) as caught:
        download(address, path, patience=patience)
    server.__enter__()
    assert len(naps) == 2 and not left(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{address} could not be fetched (Connection refused")
    assert said.endswith(f"check the network and try again later, or fetch it by hand and save it as {path}.")


def test_files_are_replaced_only_when_asked_for(server, tmp_path, patience):
    (tmp_path / "a").write_text("mine")
    server.answers["/a"] = [content(BODY)]
    with pytest.raises(InputError, match="exists already"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    server.answers["/a"] = [content(BODY, upto=10, tag=None)]
    with pytest.raises(InputError, match="10 of 300000"):
        download(f"{server.address}/a", tmp_path / "a", overwrite=True, patience=patience)
    assert (tmp_path / "a").read_text() == "mine"
    server.answers["/a"] = [content(BODY)]
    download(f"{server.address}/a", tmp_path / "a", overwrite=True, patience=patience)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_asked(server, tmp_path, patience):
    server.answers["/a"] = [content(BODY)]
    with pytest.raises(InputError, match="there is no folder"):
        download(f"{server.address}/a", tmp_path / "none" / "a", patience=patience)
    (tmp_path / "a.part").mkdir()
    with pytest.raises(InputError, match=r"a\.part is in the way"):
        download(f"{server.address}/a", tmp_path / "a", patience=patience)
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "b.part").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match=r"b\.part is in the way"):
        download(f"{server.address}/a", tmp_path / "b", patience=patience)
    assert (tmp_path / "victim").read_text() == "mine"
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        download(f"{server.address}/a", tmp_path / ("x" * 253), patience=patience)
    assert not server.requests


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root may write to")
def test_a_folder_that_nobody_may_write_to_is_said(server, patience):
    with pytest.raises(InputError, match=r"/proc/a\.part\.json cannot be written: .*; choose another folder"):
        download(f"{server.address}/a", "/proc/a", patience=patience)
    assert not server.requests


def test_a_disk_that_fills_up_is_said_and_what_came_is_kept(server, tmp_path, patience):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    server.answers["/a"] = [content(BODY)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(InputError, match=r"a\.part cannot be written: File too large"):
            download(f"{server.address}/a", tmp_path / "a", patience=patience)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(server.requests) == 1 and left(tmp_path) == {"a.part", "a.part.json"}
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH


def test_two_do_not_write_one_file(server, tmp_path, patience):
    def meanwhile(handler):
        with pytest.raises(InputError, match="is being written by another process"):
            download(f"{server.address}/b", tmp_path / "a", patience=patience)
        content(BODY)(handler)

    server.answers["/a"], server.answers["/b"] = [meanwhile], [content(OTHER)]
    assert download(f"{server.address}/a", tmp_path / "a", patience=patience).sha256 == HASH
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_bar_is_shown_if_asked_for(server, tmp_path, patience, capsys):
    server.answers["/a"] = [content(BODY)]
    download(f"{server.address}/a", tmp_path / "a", patience=patience)
    assert not capsys.readouterr().err
    download(f"{server.address}/a", tmp_path / "b", progress=True, patience=patience)


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64, "0" * 63])
def test_a_hash_that_is_none_is_said(tmp_path, digest):
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        download("https://example.org/x", tmp_path / "a", sha256=digest)


def test_requests_is_imported_as_one_is_made():
    """It takes a fifth of a second, and most commands fetch nothing."""
    heavy = re.compile(r"^(import|from) (requests|urllib3|ifux\.io\.http)\b", re.MULTILINE)
    folder = Path(http.__file__).parent
    assert [path.name for path in folder.rglob("*.py") if heavy.search(path.read_text("utf-8"))] == ["http.py"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 4000), max_size=3), tags=st.lists(st.sampled_from(['"a"', '"b"', None]), min_size=4)
)
def test_whatever_is_cut_and_changed_a_file_is_of_one_piece(server, tmp_path_factory, cuts, tags):
    """A file and its tag may change between attempts: what comes out is one of the files, never a mixture."""
    bodies = {'"a"': b"a" * 4000, '"b"': b"b" * 3000, None: b"c" * 2000}
    folder = tmp_path_factory.mktemp("cut")
    answers = [content(bodies[tag], tag=tag, upto=cut) for cut, tag in zip(cuts, tags, strict=False)]
    server.answers["/a"] = [*answers, content(bodies[tags[3]], tag=tags[3])]
    download(f"{server.address}/a", folder / "a", patience=Patience())
    assert (folder / "a").read_bytes() in bodies.values()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_no_address_raises_anything_but_input_errors(address):
    with contextlib.suppress(InputError):
        http.check(address, {})
    with contextlib.suppress(ValueError, requests.RequestException, HTTPError):
        assert followed(address).url.startswith("https://")
