"""One request over HTTP, with redirections that neither leave TLS nor carry headers to another host.

No error repeats what a server wrote, which may be what it was sent.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.error import URLError
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

from ifux.errors import InputError

REDIRECTIONS = 8
"""Followed in a row before they count as a circle."""

PIECE = 1 << 18
"""Most that is read at once [byte]."""


class Trouble(Exception):
    """A failure that may pass, and how long the server asks to wait [s]."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class Refused(InputError):
    """An answer that will not change by asking again."""

    status: int = 0
    """That of HTTP."""
    elsewhere: bool = False
    """Whether another host gave it, where the address leads to: it was sent no headers."""

    @classmethod
    def of(cls, address: str, status: int, place: str = "") -> "Refused":
        """The error for a status."""
        remedies = {
            401: "it wants a key that it knows",
            403: "it wants a key that it knows, or a permission that you do not have",
            404: "there is nothing at this address; check the names in it",
            410: "it is there no longer",
        }
        error = cls(
            f"{address} was refused (HTTP status {status}{place}): {remedies.get(status, 'check the address')}."
        )
        error.status, error.elsewhere = status, bool(place)
        return error


class Unjudged(HTTPErrorProcessor):
    """Leaves every status, redirections among them, to us."""

    def http_response(self, request: Any, response: Any) -> Any:
        """The response as it came."""
        return response

    https_response = http_response


def answer(address: str, headers: Mapping[str, str], conditions: Mapping[str, str], timeout: float) -> HTTPResponse:
    """The response to a GET: 200, 206 or 416. `headers` go to the host of the address alone, `conditions` anywhere."""
    here = address
    for _ in range(REDIRECTIONS):
        response = sent(address, here, {**headers, **conditions, "User-Agent": f"ifux/{version('ifux')}"}, timeout)
        status, location = response.status, response.headers.get("Location")
        if status in (200, 206, 416):
            return response
        response.close()
        place = "" if origin(here) == origin(address) else " where it leads to"
        if status in (301, 302, 303, 307, 308) and location:
            here, headers = redirected(address, here, location, headers)
        elif status in (408, 425, 429) or status >= 500:
            raise Trouble(f"HTTP status {status}{place}", retry_after(response.headers.get("Retry-After")))
        else:
            raise Refused.of(address, status, place)
    raise InputError(f"{address} leads from one address to the next without end: check the address.")


def sent(address: str, here: str, headers: Mapping[str, str], timeout: float) -> HTTPResponse:
    """The response from one host. An error names the address that was asked for first."""
    direct = [ProxyHandler({})] if is_loopback(urlsplit(here).hostname) else []
    try:
        return build_opener(Unjudged, *direct).open(Request(here, headers=dict(headers)), timeout=timeout)
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message.partition(",")[0]
            raise InputError(
                f"the server of {address} could not prove who it is ({reason}): nothing was fetched; check the clock, "
                "the certificates and the proxy of this machine."
            ) from None
        raise Trouble(said(cause)) from None
    except ValueError:
        raise InputError(f"{address} is no address: write it as https://host/path, without spaces.") from None


def pieces(response: HTTPResponse) -> Iterator[bytes]:
    """The body as it comes in."""
    while True:
        try:
            piece = response.read1(PIECE)
        except (OSError, HTTPException, ValueError) as error:
            raise Trouble(said(error)) from None
        if not piece:
            return
        yield piece


def redirected(address: str, here: str, location: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Where a redirection leads, and the headers that may go along: none to another scheme, host or port."""
    try:
        there = urljoin(here, location)
        old, new = split(here), split(there)
    except ValueError:
        raise InputError(f"{address} leads to something that is no address: nothing was fetched.") from None
    if new.scheme != "https" and (old.scheme == "https" or not is_loopback(new.hostname)):
        raise InputError(f"{address} leads to an address without https, which is not safe: nothing was fetched.")
    return there, headers if origin(here) == origin(there) else {}


def check_address(address: str) -> None:
    """Refuses addresses that are not safe or none at all."""
    try:
        parts = split(address)
    except ValueError:
        shown = "what was given" if "@" in address else repr(address)
        raise InputError(f"{shown} is no address: write it as https://host/path, without a password.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise InputError(f"{address} is not safe: only addresses that begin with https:// are fetched.")


def check_headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """Headers that can be sent. Their values appear in no error."""
    for name, value in (headers or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
            raise InputError(f"the header {name!r} cannot be sent: it must be one line of printable ASCII characters.")
    return dict(headers or {})


def split(address: str) -> SplitResult:
    """The parts of an address; a `ValueError` where it is none, or holds a password."""
    parts = urlsplit(address)
    if not re.fullmatch(r"[!-~]+", address) or not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError("no address")
    return parts


def origin(address: str) -> tuple[str, str | None, int]:
    """Scheme, host and port."""
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def length_of(response: HTTPResponse) -> int | None:
    """Size of the body, where it is stated [byte]."""
    text = response.headers.get("Content-Length", "").strip()
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return int(text) if re.fullmatch(r"\d{1,18}", text) and not chunked else None


def validator_of(response: HTTPResponse) -> str:
    """What tells one state of a file from another: a strong entity tag, or the time of the last change."""
    tag, changed = (response.headers.get(name, "").strip() for name in ("ETag", "Last-Modified"))
    return tag if re.fullmatch(r'"[!#-~]*"', tag) else changed if re.fullmatch(r"[ -~]{10,40}", changed) else ""


def retry_after(text: str | None) -> float | None:
    """How long a server asks to wait [s], in seconds or until a date."""
    if text is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def said(error: object) -> str:
    """What went wrong, without what a server wrote."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "the connection was cut" if isinstance(error, HTTPException) else type(error).__name__
