"""The report in a real browser: offline, hostile, on a phone, and printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page
from pypdf import PdfReader

from tests.browser import find_chromium
from tests.reported import HOSTILE, bring, finished_duel
from vision_core.report import write_report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]
CHARTS = 9
OWN = ("file:", "data:")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A duel whose every name is hostile."""
    folder = tmp_path_factory.mktemp("told")
    names = [name.replace("/", "∕").replace("\n", "")[:60] for name in HOSTILE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATWHERE_HOME", str(folder / "home"))
        data = bring(folder / "squares", '<b onclick="alert(5)">', HOSTILE, files=names, pictures=9)
        duel = finished_duel(folder / "duel", data, HOSTILE[1])
        return write_report([duel.path], folder / "report.html")


@pytest.fixture
def page(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report in a browser without any network, which must neither ask, warn nor open anything."""
    width_px = getattr(request, "param", 1280)
    context = browser.new_context(viewport={"width": width_px, "height": 900}, offline=True)
    opened = context.new_page()
    heard: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        heard.append(dialog.message)
        dialog.dismiss()

    opened.route(lambda address: not address.startswith(OWN), lambda route: route.abort())
    opened.on(
        "request", lambda asked: heard.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
    )
    opened.on("console", lambda said: heard.append(said.text))
    opened.on("pageerror", lambda error: heard.append(str(error)))
    opened.on("dialog", dismissed)
    opened.goto(file.as_uri())
    opened.wait_for_selector("html[data-drawn]", state="attached")
    yield opened
    assert heard == []
    context.close()


@pytest.mark.parametrize("page", [1280, 400], indirect=True)
def test_it_opens_offline_draws_every_chart_and_fits_its_window(page: Page):
    assert page.locator(".drawing").count() == page.locator(".drawing:has(.main-svg .cartesianlayer)").count() == CHARTS
    marks = page.locator(".drawing").evaluate_all("all => all.map(one => one.querySelectorAll('path').length)")
    assert min(marks) > 3
    wide = "() => [document.documentElement.scrollWidth, innerWidth]"
    inner, window = page.evaluate(wide)
    assert inner <= window
    pictures = page.locator("img").evaluate_all("all => all.map(one => [one.naturalWidth, one.alt.length])")
    assert len(pictures) > 20
    assert all(width > 100 and said > 10 for width, said in pictures)


def test_hovering_a_point_tells_its_numbers(page: Page):
    chart = page.locator("#chart-figure_presence_ap")
    chart.scroll_into_view_if_needed()
    point = chart.locator("path.point").first.bounding_box()
    assert point is not None
    page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2, steps=4)
    chart.locator(".hoverlayer .hovertext").first.wait_for()


def test_hostile_names_add_no_element_and_run_nothing(page: Page):
    assert page.locator("script").count() == 3
    assert page.locator("[onclick], [onerror], [onmouseover], iframe, object, embed, form, base").count() == 0
    assert page.locator('a:not([href^="#"])').count() == 0
    assert page.locator("main img:not([src^='data:image/jpeg;base64,'])").count() == 0
    assert page.get_by_text("<script>alert(1)</script>").count() > 0


def test_its_policy_lets_no_other_script_run(browser: Browser, file: Path):
    context = browser.new_context(offline=True)
    opened = context.new_page()
    opened.goto(file.as_uri())
    injected = """() => { const one = document.createElement("script"); one.textContent = "window.ran = true";
      document.body.append(one); return window.ran === true; }"""
    assert opened.evaluate(injected) is False
    context.close()


def test_it_prints_with_every_heading_and_every_chart_whole(page: Page, tmp_path: Path):
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    pages = PdfReader(tmp_path / "report.pdf").pages
    text = " ".join(" ".join(one.extract_text() for one in pages).split())
    headings = page.locator("h1, h2, h3").all_inner_texts()
    assert len(headings) > 20
    for heading in headings:
        if heading.isascii():
            assert " ".join(heading.split()) in text
    for axis in ("Average precision (%)", "latency of a picture (ms)", "pictures a year", "labelled training pictures"):
        assert axis in text, "charts are printed as drawings with their words"
    assert len(page.locator(".drawing").all()) == CHARTS
    page.emulate_media(media="print")
    widths = page.locator(".drawing .main-svg").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert max(widths) <= 688, "an A4 page is so wide between its margins"
    pictures = sum(len(one.images) for one in pages)
    assert pictures >= page.locator("img").count() * 0.5, "a picture that comes twice is kept once"
