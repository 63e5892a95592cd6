"""The Costs page in a real browser: measure and cancel, read the charts, take one away, reckon, on a phone too."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.bench_cases import CLASSIFIER, DETECTOR, STREAM, row, rows
from tests.browser import OFFLINE, Server, Tab, find_chromium, serve, visit
from tests.conftest import check
from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_store import ROWS, BenchFolder

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]
SECTIONS = ("Measure", "Results", "Money", "Real time")


def benches(home: Path) -> list[BenchFolder]:
    return [BenchFolder(path) for path in sorted((home / "benches").iterdir())]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose workspace holds a finished measurement; one that outlives it, as it should, is ended."""
    home = tmp_path_factory.mktemp("home")
    finished = BenchFolder(home / "benches" / "20261123-100000-000000-aaaa")
    finished.path.mkdir(parents=True)
    found = [*rows(), row(stream=STREAM), row(DETECTOR, stream=STREAM)]
    finished.files.write("plan.json", BenchPlan((CLASSIFIER, DETECTOR), target_fps=25.0).to_json())
    finished.files.write("about.json", {"name": "Both tasks", "made_at": "2026-11-23T10:00:00+00:00"})
    finished.files.write("status.json", {"state": "finished", "done": 10, "total": 10})
    finished.files.write_lines(ROWS, found)
    try:
        with serve(home, **OFFLINE) as running:
            yield running
    finally:
        for bench in benches(home):
            if bench.is_active:
                os.kill(bench.status()["pid"], signal.SIGKILL)


def test_a_measurement_is_started_watched_and_cancelled(tab: Tab, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/Costs?show=Measure")
    name = page.get_by_role("textbox", name="Name of the measurement")
    expect(name).to_be_visible()
    name.fill("To be cancelled")
    name.press("Enter")
    tab.settled()
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.get_by_role("combobox", name="Measurement")).to_have_value(re.compile("To be cancelled"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Measure again")).to_be_visible()
    expect(page.get_by_role("combobox", name="Measurement")).to_have_value("To be cancelled · stopped")
    expect(page.get_by_text(re.compile(r"stopped · \d rows?"))).to_be_visible()
    bench = benches(server.log.parent)[-1]
    assert bench.status()["state"] == "cancelled"
    page.reload()
    expect(page.get_by_role("combobox", name="Measurement")).to_have_value(re.compile("To be cancelled"))


def test_the_front_is_read_and_taken_away(tab: Tab, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/Costs?show=Results&bench=20261123-100000-000000-aaaa")
    expect(page.locator(".js-plotly-plot")).to_have_count(5)
    tab.settled()
    expect(page.get_by_text(re.compile("Worth a look"))).to_be_visible()
    plot = page.locator(".js-plotly-plot").first
    expect(plot.locator(".errorbars").first).to_be_attached()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    table = Path(download.value.path()).read_text("utf-8")
    assert len(table.splitlines()) == 1 + 12
    page.get_by_role("button", name=re.compile("Export")).first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).last.click()
    assert "on the front" in Path(download.value.path()).read_text("utf-8").splitlines()[0]


def test_the_volume_moves_the_totals(tab: Tab, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/Costs?show=Money&bench=20261123-100000-000000-aaaa")
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    tab.settled()
    before = page.get_by_test_id("stMetricValue").all_inner_texts()
    assert len(before) == 3
    began = time.monotonic()
    pictures = page.get_by_role("spinbutton", name="Pictures", exact=True)
    pictures.fill("250000000")
    pictures.press("Enter")
    expect(page.get_by_text("250 million pictures a year", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stMetricValue").first).not_to_have_text(before[0])
    assert time.monotonic() - began < 20  # a shared machine
    expect(page.get_by_text(re.compile("is the cheapest"))).to_be_visible()
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("link", name="Compare the tasks on a photo")).to_be_visible()
    page.get_by_role("link", name="Costs").click()
    expect(page.get_by_text("250 million pictures a year", exact=True)).to_be_visible()  # nothing was forgotten


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone(server: Server, browser: Browser, scheme: str) -> None:
    with visit(browser, 400, color_scheme=scheme) as tab:  # type: ignore[arg-type]
        for show in SECTIONS:
            tab.page.goto(f"{server.url}/Costs?show={show}&bench=20261123-100000-000000-aaaa")
            expect(tab.page.get_by_role("radio", name="Real time")).to_be_visible()
            expect(tab.page.get_by_role("radio", name=show)).to_be_checked()
            tab.settled()
            scroll, shown = tab.page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
            assert scroll <= shown, show
        check(tab, server)
