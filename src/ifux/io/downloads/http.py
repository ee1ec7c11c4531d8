"""One request over HTTP, by `requests` with the retries of `urllib3`; imported as one is made, in a fifth of a second.

By hand are what may follow a redirection, since `requests` keeps back `Authorization` alone and leaves TLS; a limit to
the pause that a server may ask for; and the words of errors, since theirs repeat headers and what a server wrote.
"""

import logging
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL, InvalidURL, ProxyError, TooManyRedirects
from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import HTTPError, IncompleteRead, InvalidHeader

from ifux.errors import InputError
from ifux.io.downloads.download import Patience

PASSING = (408, 425, 429, *range(500, 600))
"""Status of a failure that may pass."""

REDIRECTIONS = 8
"""Followed in a row before they count as a circle."""

PIECE = 1 << 16
"""Most that is read at once [byte]."""

ANYWHERE = {"User-Agent", "Accept-Encoding", "Accept", "Connection", "Range", "If-Range"}
"""Headers that may go to any host."""

REMEDIES = {
    401: "it wants a key that it knows",
    403: "it wants a key that it knows, or a permission that you do not have",
    404: "there is nothing at this address; check the names in it",
    410: "it is there no longer",
}
"""What would do, by the status of a refusal."""

OURS = ContextVar("OURS", default=False)
"""Whether a request is one of ours: `urllib3` logs what a server wrote, which may be what it was sent."""

for module in ("connection", "connectionpool", "util.retry"):
    logging.getLogger(f"urllib3.{module}").addFilter(lambda record: not OURS.get())


class Unreached(Exception):
    """No answer, or one that says to ask again, after all attempts."""


class Cut(Exception):
    """A body that broke off."""


class Retries(Retry):
    """Makes the pause that a server asks for, if that makes sense and is not longer than the longest."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """That pause [s]."""
        try:
            pause = Retry.get_retry_after(self, response)
        except (InvalidHeader, ValueError, OverflowError):
            return None
        if pause and pause > self.backoff_max:
            raise Unreached(f"HTTP status {response.status}; it asks to be left alone for {pause:.0f} s")
        return pause


class Session(requests.Session):
    """Follows redirections to safe addresses alone, without headers that another host was meant for."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Called before every redirection."""
        old, new = str(response.url), str(prepared_request.url)
        if not is_safe(new) or (old.startswith("https:") and not new.startswith("https:")):
            raise InvalidURL("not safe")
        if self.should_strip_auth(old, new):
            for name in {*prepared_request.headers} - ANYWHERE:
                del prepared_request.headers[name]


@contextmanager
def answer(
    address: str,
    headers: Mapping[str, str],
    remedies: Mapping[int, str],
    patience: Patience,
) -> Iterator[requests.Response]:
    """The response to a GET: 200, or 206 and 416 where a range is asked for. Its `raw` is the body as it was sent.

    `remedies` say what would do, by the status of a refusal, unless another host refuses, where the address leads to.
    """
    check(address, headers)
    retries = Retries(
        patience.tries - 1,
        other=0,  # a server that cannot prove who it is will not be able to
        backoff_factor=patience.base,
        backoff_jitter=patience.base,
        backoff_max=patience.longest,
        status_forcelist=PASSING,
        raise_on_status=False,
    )
    with Session() as session:
        session.max_redirects, session.verify = REDIRECTIONS, os.environ.get("SSL_CERT_FILE") or True
        session.auth = lambda request: request  # none from ~/.netrc
        direct = {"http": "", "https": "", "all": ""} if is_loopback(urlsplit(address).hostname) else None
        session.headers.update({"User-Agent": f"ifux/{version('ifux')}", "Accept-Encoding": "identity"})
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=retries))
        mark = OURS.set(True)
        try:
            try:
                how: Any = {"stream": True, "timeout": patience.timeout, "proxies": direct}
                response = session.get(address, headers={**headers}, **how)
            except (OSError, HTTPError, ValueError) as error:
                raise failure(address, error) from None
            with response:
                status, known, place = response.status_code, {**REMEDIES, **remedies}, ""
                if session.should_strip_auth(address, str(response.url)):
                    known, place = REMEDIES, " where it leads to"
                if status in PASSING:
                    raise Unreached(f"HTTP status {status}{place}; {patience.tries} attempts")
                if status != 200 and not ("Range" in headers and status in (206, 416)):
                    remedy = known.get(status, "check the address")
                    raise InputError(f"{address} was refused (HTTP status {status}{place}): {remedy}.")
                yield response
        except HTTPError as error:
            raise failure(address, error) from None
        finally:
            OURS.reset(mark)


def failure(address: str, error: Exception) -> Exception:
    """What went wrong, in the words of the operating system and our own."""
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    reason = "the connection was cut"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = cause.verify_message.partition(",")[0]
            return InputError(
                f"the server of {address} could not prove who it is ({reason}): nothing was fetched; check the clock, "
                "the certificates (REQUESTS_CA_BUNDLE names others) and the proxy of this machine."
            )
        if isinstance(cause, IncompleteRead):
            reason = f"{cause.partial} of {cause.partial + cause.expected} bytes came"
        elif isinstance(cause, TimeoutError):
            reason = "no answer in time"
        elif isinstance(cause, OSError):
            reason = cause.strerror or reason
    if isinstance(error, TooManyRedirects):
        return InputError(f"{address} leads from one address to the next without end: check the address.")
    if isinstance(error, ProxyError | InvalidProxyURL):
        return Unreached("there is no way through the proxy")
    if isinstance(error, ValueError):
        return InputError(f"{address} leads to an address that is not safe, or to none: nothing was fetched.")
    if not isinstance(error, requests.RequestException | HTTPError):
        return InputError(f"{address} was not fetched: the certificates that the environment names cannot be read.")
    return Cut(reason) if isinstance(error, HTTPError) else Unreached(reason)


def check(address: str, headers: Mapping[str, str]) -> None:
    """Refuses addresses that are not safe or none at all, and headers that cannot be sent."""
    if not is_safe(address):
        shown = "what was given" if "@" in address else repr(address)
        raise InputError(f"{shown} is no address that is safe: write it as https://host/path, without a password.")
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
            raise InputError(f"the header {name!r} cannot be sent: it must be one line of printable ASCII characters.")


def is_safe(address: str) -> bool:
    """Whether an address is one, holds no password, and leads over TLS or no further than this machine."""
    try:
        parts = urlsplit(address)
        known = bool(
            re.fullmatch(r"[!-~]+", address) and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        return False
    return known and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)))


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
