"""What all tests share: a workspace of their own, and no way out of this machine."""

from __future__ import annotations

import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser import Server, Tab, chromium, seen_last, visit

SAMPLES = Path(__file__).parent.parent / "vision_core" / "assets" / "samples"
MAY_BE_MISSING = (
    "/Compare/_stcore/health",
    "/Compare/_stcore/host-config",
    "/Data/_stcore/health",
    "/Data/_stcore/host-config",
    "/Train/_stcore/health",
    "/Train/_stcore/host-config",
    "/Evaluate/_stcore/health",
    "/Evaluate/_stcore/host-config",
    "/Costs/_stcore/health",
    "/Costs/_stcore/host-config",
    "/Decide/_stcore/health",
    "/Decide/_stcore/host-config",
    "/media/",
)
"""On a deep link Streamlit's own client first looks for its server below the page's address: two 404s. A picture that
a slider has replaced before the browser fetched it is gone; what is on screen at the end must be there."""
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of a file."""
    with chromium() as running:
        yield running


@pytest.fixture
def tab(server: Server, browser: Browser) -> Iterator[Tab]:
    """A new visitor of the file's own `server`; at the end `check` looks what came of it."""
    with visit(browser) as opened:
        yield opened
        check(opened, server)


def check(tab: Tab, server: Server) -> None:
    """A tab must have complained of nothing, show every picture, and have asked nobody but the server, which lives."""
    own = [said for said in tab.complaints if not ("404" in said and any(path in said for path in MAY_BE_MISSING))]
    assert own == []
    broken = "images => images.filter(image => image.complete && !image.naturalWidth).map(image => image.alt)"
    assert tab.page.locator("img").evaluate_all(broken) == []
    hosts = {urlsplit(address).netloc for address in tab.requests if not address.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(server.url).netloc}
    assert server.is_healthy()


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the sample photos."""
    return SAMPLES
