"""What all tests share: a workspace of their own, and no way out of this machine."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.browser import seen_last

SAMPLES = Path(__file__).parent.parent / "vision_core" / "assets" / "samples"
_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `WHATWHERE_HOME`, so that no test sees or changes the user's own; nothing is painted into it unasked."""
    home = tmp_path / "workspace"
    monkeypatch.setenv("WHATWHERE_HOME", str(home))
    monkeypatch.setenv("WHATWHERE_SHELF_SCENES", "0")
    return home


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test that tries it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            pytest.fail(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A real browser on a machine that is busy with other tests needs another try now and then; each is reported.

    What is broken fails every time.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=2))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a browser test that failed had on its screen, and what its server printed."""
    report = yield
    if report.failed and item.get_closest_marker("browser"):
        for name, content in seen_last():
            report.sections.append((name, content))
    return report


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the sample photos."""
    return SAMPLES
