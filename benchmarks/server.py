"""The dashboard as a benchmark needs it: on a known range of ports, with or without a clock around each script run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
PORTS = range(8901, 9000)
PLAIN, TIMED = ("-m", "streamlit"), ("-m", "benchmarks.timed_server")


@contextmanager
def serve(home: Path, command: Sequence[str] = PLAIN, **environment: str) -> Iterator[str]:
    """Starts `python COMMAND run app.py`, waits until it answers, yields its address and ends it.

    Args:
        home: its workspace; `environment` is added to the process's own.
    """
    port = _free_port()
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "run", "app.py", *options],
            cwd=ROOT,
            env={**os.environ, "WHATWHERE_HOME": str(home), **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError(f"every port of {PORTS} is taken")


def _wait(address: str, process: subprocess.Popen[bytes], limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError("the server did not start")
