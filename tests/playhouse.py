"""A web server on this machine that plays what a test tells it to, faults included."""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Scene = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    """What was asked for."""

    path: str
    headers: dict[str, str]
    """By name in small letters."""


@dataclass
class Playhouse:
    """Plays the scenes of a path one after the other, and the last of them for ever."""

    scenes: dict[str, list[Scene]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """For a house that speaks https."""
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> "Playhouse":
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                house.requests.append(Request(self.path, headers))
                scenes = house.scenes.get(self.path.partition("?")[0], [status(404)])
                scene = scenes.pop(0) if len(scenes) > 1 else scenes[0]
                scene(self)

            def log_message(self, *words: object) -> None:
                """Keeps quiet."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address) -> None:
                """A client that hangs up is no fault of the server."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
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


def status(code: int, body: bytes = b"<html>an explanation</html>", **headers: str) -> Scene:
    """A status with a page; `Retry_After` is the header Retry-After."""

    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return play


def content(
    body: bytes,
    *,
    tag: str | None = '"first"',
    changed: str | None = None,
    upto: int | None = None,
    ranges: bool = True,
    length: int | None = None,
) -> Scene:
    """A file as RFC 9110 wants it served: with ranges if the validator is right. The connection is cut after `upto`."""

    def play(handler: BaseHTTPRequestHandler) -> None:
        wanted, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        start = 0
        if ranges and wanted and condition in (tag, changed):
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

    return play
