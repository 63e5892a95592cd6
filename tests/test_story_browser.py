"""The whole story in a real browser: pictures come in, a duel is fought over them, the advisor is asked, the report is
taken away, opened without a network and printed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from tests.browser import OFFLINE, Server, Tab, find_chromium, serve
from tests.test_library import zipped
from tests.training_processes import paint_boxed
from vision_core.duel.folder import DuelFolder
from vision_core.duel.jobs import ACTIVE, duel_status

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]
TRIES = count()
DUEL_MS, REPORT_MS = 400_000, 120_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an empty workspace."""
    home = tmp_path_factory.mktemp("home")
    try:
        with serve(home, **OFFLINE) as running:
            yield running
    finally:
        for duel in map(DuelFolder, (home / "duels").glob("*/")):
            if duel_status(duel)["state"] in ACTIVE:
                os.kill(duel_status(duel)["pid"], signal.SIGKILL)


@pytest.mark.slow
def test_pictures_come_in_and_a_defended_answer_goes_out(
    tab: Tab, server: Server, browser: Browser, tmp_path: Path
) -> None:
    page, name = tab.page, f"Squares {next(TRIES)}"
    page.goto(f"{server.url}/Data")
    page.locator("input[type=file]").set_input_files(str(zipped(paint_boxed(tmp_path / "squares"))))
    called = page.get_by_role("textbox", name="Name")
    called.fill(name)
    called.press("Enter")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_test_id("stMetric").first).to_contain_text("8")

    page.goto(server.url)  # Home knows what comes next
    page.get_by_role("link", name="Start a duel on it").click()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value(name)
    page.get_by_text("How many are there?").click()
    page.get_by_role("button", name="Detect-then-classify", exact=True).click()  # two are enough here
    tab.settled()
    page.get_by_text("Learning curves", exact=True).click()
    tab.settled()
    page.get_by_role("button", name="Start the duel").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()

    verdict = page.locator(".verdict-winner")
    expect(verdict).to_be_visible(timeout=DUEL_MS)
    why = page.locator(".verdict-why").inner_text()
    assert "Classification cannot say" in why
    expect(page.locator(".duel-table")).to_contain_text("cannot say")

    page.get_by_role("radio", name="Advisor").click()
    expect(page.get_by_text(re.compile("choose detection", re.I)).first).to_be_visible()
    tab.settled()
    page.get_by_role("radio", name="Result").click()
    tab.settled()
    page.get_by_role("button", name="Make the report").click()
    ready = page.get_by_role("button", name="Download the report")
    expect(ready).to_be_visible(timeout=REPORT_MS)
    with page.expect_download() as download:
        ready.click()
    report = tmp_path / "report.html"
    download.value.save_as(report)
    assert report.stat().st_size < 5_000_000

    context = browser.new_context(offline=True)
    try:
        opened = context.new_page()
        opened.goto(report.as_uri())
        opened.wait_for_selector("html[data-drawn]", state="attached")
        expect(opened.locator("body")).to_contain_text("detection")
        opened.pdf(path=str(tmp_path / "report.pdf"))
    finally:
        context.close()
    printed = " ".join(
        text for leaf in PdfReader(tmp_path / "report.pdf").pages for text in leaf.extract_text().split()
    )
    assert "cannot say" in printed
    assert name.split()[0] in printed
