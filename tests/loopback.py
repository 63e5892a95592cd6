"""A real http server on the loopback interface whose manners each test decides, and a model whose weights it has."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vision_core.types import ModelSpec, Preprocessing, WeightsSource


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the server's `answer`, after writing it down."""

    protocol_version = "HTTP/1.1"
    server: Loopback  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.close_connection = True
        with suppress(BrokenPipeError, ConnectionResetError):  # the client may leave, which is its right
            self.server.answer(self)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `Loopback.requests` is the log."""

    def head(self, status: int, **headers: object) -> None:
        """Status line and headers; underscores in names stand for hyphens."""
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def reply(self, status: int, body: bytes = b"", **headers: object) -> None:
        """A whole, honest answer."""
        self.head(status, Content_Length=len(body), **headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def asked_from(self) -> int:
        """First byte that a Range header asks for; 0 without one."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0


class Loopback(ThreadingHTTPServer):
    """The server: `answer` is what it does, `requests` what it was asked (method, path, headers)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Callable[[Handler], object] = lambda handler: handler.reply(404)
        self.released = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, method: str = "GET") -> int:
        return sum(1 for request in self.requests if request[0] == method)


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A running server, stopped at the end; handlers that wait for `released` are let go."""
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def tiny_spec(source: WeightsSource) -> ModelSpec:
    """The catalogue entry of a model of which only the weights matter."""
    return ModelSpec(
        name="tinynet",
        title="TinyNet",
        task="classification",
        family="Tiny",
        source="torchvision",
        year=2024,
        summary="",
        suits="",
        parameters=1,
        input_size_px=8,
        code_licence="",
        weights_licence="",
        weights=source,
        preprocessing=Preprocessing(mode="crop", size_px=8),
        class_names_key="none",
        build=lambda num_classes: None,
    )
