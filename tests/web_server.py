"""A web server on this machine that answers as a test tells it to, faults included."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    """What was asked for."""

    path: str
    headers: dict[str, str]
    """By name in small letters."""


@dataclass
class WebServer:
    """Gives the answers of a path one after the other, and the last of them for ever."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """For a server that speaks https."""
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> "WebServer":
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.requests.append(Request(self.path, headers))
                answers = web.answers.get(self.path.partition("?")[0], [status(404)])
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                answer(self)

            def log_message(self, *words: object) -> None:
                """Keeps quiet."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address) -> None:
                """A client that hangs up is no fault of the server."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def address(self) -> str:
        """Where it stands."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server.server_port}"


def status(code: int, body: bytes = b"<html>an explanation</html>", **headers: str) -> Answer:
    """A status with a page; `Retry_After` is the header Retry-After."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def content(
    body: bytes,
    *,
    tag: str | None = '"first"',
    changed: str | None = None,
    upto: int | None = None,
    length: int | None = None,
) -> Answer:
    """A file as RFC 9110 wants it served: with ranges if the validator is right. The connection is cut after `upto`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        wanted, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        start = 0
        if wanted and condition in (tag, changed):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(body):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(body)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if tag:
            handler.send_header("ETag", tag)
        if changed:
            handler.send_header("Last-Modified", changed)
        handler.send_header("Content-Length", str(len(body) - start if length is None else length))
        handler.end_headers()
        handler.wfile.write(body[start:upto])

    return answer
