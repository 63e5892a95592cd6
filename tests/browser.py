"""Drives the dashboard as a visitor would: a server of its own, a real Chromium, and what happened in it.

    with serve(home) as server, chromium() as browser, visit(browser, server.url) as tab:
        tab.page.goto(f"{server.url}/Compare")
        tab.measured()

The tests and `docs/screenshots.py` share it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Error, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
WAIT_MS = 120_000
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # several servers and browsers share two cores here
OFFLINE = {"WHATWHERE_OFFLINE": "1", **ONE_THREAD}
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]


def find_chromium() -> str | None:
    """The path of the first installed Chromium or Chrome."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


_STILL = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  const now = [main.scrollHeight, ...[...document.images].map(image => image.complete)].join();
  const frames = window.framesAlike = window.seenBefore === now ? (window.framesAlike || 0) + 1 : 0;
  window.seenBefore = now;
  return frames > 60 && [...document.images].every(image => image.complete);
}"""  # asked once a frame, so: a second without a change


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Server:
    """A running dashboard: its address, its process and what it printed."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def is_healthy(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=30) as answer:
            return answer.status == 200 and self.process.poll() is None


@contextmanager
def serve(home: Path, command: Sequence[str] = ("-m", "streamlit"), **environment: str) -> Iterator[Server]:
    """`python -m streamlit run app.py` on a free port of the loopback interface, ended with the block.

    Args:
        home: the workspace of this server, made if absent; `environment` is added to the process's own. Fashion Shelf
            is not painted unless it asks for it.
        command: what stands for `-m streamlit`.
    """
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    log = home / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command, "run", "app.py", *options],
            cwd=ROOT,
            env={**os.environ, "WHATWHERE_HOME": str(home), "WHATWHERE_SHELF_SCENES": "0", **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    _running.append(server)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        _running.remove(server)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(server: Server, limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.is_healthy():
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{server.log.read_text(errors='replace')[-3000:]}")


@dataclass
class Tab:
    """One page of a browser context of its own, and everything it asked for or complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def column(self, number: int) -> Locator:
        """One contender's column, from 0."""
        columns = self.page.locator(".st-key-contenders").get_by_test_id("stColumn")
        return columns.nth(number)

    def measured(self, columns: int = 3) -> None:
        """Waits until every column shows its cost and the server has nothing more to do."""
        expect(self.page.locator('[class*="st-key-costs_"]')).to_have_count(columns)
        expect(self.idle).to_be_attached()

    def settled(self) -> None:
        """Waits until nothing on the page loads, moves or is still to be drawn."""
        expect(self.idle).to_be_attached()
        expect(self.page.locator('[data-testid="stSkeleton"], [data-testid="stSpinner"]')).to_have_count(0)
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("document.fonts.ready")
        self.page.wait_for_function(_STILL)

    @property
    def errors(self) -> Locator:
        """The boxes that say what went wrong."""
        return self.page.get_by_test_id("stAlertContentError")

    @property
    def idle(self) -> Locator:
        """The app while no script of it runs."""
        return self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')


_open: list[Tab] = []
_running: list[Server] = []


def seen_last() -> Iterator[tuple[str, str]]:
    """A name and a text for what every open tab shows and every running server printed last."""
    for tab in _open:
        with suppress(Error):
            yield f"Screen of {tab.page.url}", tab.page.locator("body").inner_text(timeout=5000)[:5000]
            yield "Its complaints", "\n".join(tab.complaints)
    for server in _running:
        yield f"Server {server.url}", server.log.read_text(errors="replace")[-3000:]


@contextmanager
def visit(
    browser: Browser,
    width_px: int = 1440,
    height_px: int = 900,
    color_scheme: Literal["light", "dark"] = "light",
) -> Iterator[Tab]:
    """A tab of a new visitor, without cookies or cache."""
    context = browser.new_context(viewport={"width": width_px, "height": height_px}, color_scheme=color_scheme)
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    tab = Tab(context.new_page())
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    tab.page.on(
        "console", lambda said: tab.complaints.append(f"{said.text} {said.location}") if said.type == "error" else None
    )
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    _open.append(tab)
    try:
        yield tab
    finally:
        _open.remove(tab)
        context.close()
