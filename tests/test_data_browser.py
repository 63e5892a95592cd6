"""The Data page in a real browser: a zip dropped in, checked, mended, looked through, from a desktop and a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import ONE_THREAD, Server, Tab, find_chromium, serve, visit
from tests.conftest import check
from tests.test_data_page import messy as messy  # a fixture
from tests.test_library import zipped
from vision_core.data.journal import read_operations
from vision_core.data.shelf import CLASS_NAMES

TRIES = count(1)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this file's own, which paints a small Fashion Shelf unasked."""
    with serve(tmp_path_factory.mktemp("home"), WHATWHERE_SHELF_SCENES="8", **ONE_THREAD) as running:
        yield running


def test_the_shelf_comes_by_itself(tab: Tab, server: Server) -> None:
    tab.page.goto(f"{server.url}/Data")
    expect(tab.page.get_by_role("combobox", name="Data set")).to_have_value("Fashion Shelf")
    expect(tab.page.get_by_test_id("stMetric").first).to_contain_text("8")


def test_a_zip_is_imported_checked_and_mended(tab: Tab, server: Server, messy: Path) -> None:
    page = tab.page
    page.goto(f"{server.url}/Data")
    page.get_by_text("Bring in a data set").click()
    page.locator("input[type=file]").set_input_files(str(zipped(messy)))
    name = page.get_by_role("textbox", name="Name")
    name.fill(f"messy {next(TRIES)}")  # of an earlier try there may be one already
    name.press("Enter")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_test_id("stMetric").first).to_contain_text("61")

    page.get_by_role("radio", name="Doctor").click()
    page.get_by_role("button", name="Check this data set").click()
    expect(page.get_by_text("Damaged picture", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Make version 2").click()
    expect(page.get_by_role("combobox", name="Version")).to_have_value(re.compile("^2: mended"))
    page.get_by_role("button", name="Check this data set").click()
    expect(page.get_by_role("button", name="Check again")).to_be_visible()
    expect(page.get_by_text("Damaged picture", exact=False)).to_have_count(0)

    page.get_by_role("radio", name="Pictures").click()
    expect(page.locator(".st-key-thumbnails img")).to_have_count(25)


def test_keys_label_whoever_came_by_the_tab(tab: Tab, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/Data?section=Overview")
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("Fashion Shelf")
    page.get_by_role("radio", name="Label").click()
    expect(page.locator(".sheet")).to_be_visible()
    tab.settled()
    page.keyboard.press("3")  # before any click in the picture
    area = page.locator(".overlay").bounding_box()
    assert area is not None
    before = page.locator(".box.line").count()
    x, y = area["x"] + 5, area["y"] + 5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=5)
    page.mouse.up()
    expect(page.locator(".box.line")).to_have_count(before + 1)
    page.keyboard.press("2")
    expect(page.locator('.saved[data-state="saved"]')).to_be_visible()
    (journal,) = (server.log.parent / "datasets").glob("fashion-shelf*/versions/0001")
    operations = read_operations(journal)
    assert operations[0].class_name == CLASS_NAMES[2], "the key before the box chose its class"
    assert operations[-1].class_name == CLASS_NAMES[1], "the key after it changed it"


def test_a_reload_keeps_the_data_set_and_the_section(tab: Tab, server: Server) -> None:
    tab.page.goto(f"{server.url}/Data")
    tab.page.get_by_role("radio", name="Pictures").click()
    expect(tab.page.locator(".st-key-thumbnails img")).to_have_count(8)
    tab.page.reload()
    expect(tab.page.locator(".st-key-thumbnails img")).to_have_count(8)


@pytest.mark.parametrize("section", ["Overview", "Pictures", "Doctor", "Map", "Label", "Use it"])
def test_nothing_is_cut_off_on_a_phone(server: Server, browser: Browser, section: str) -> None:
    with visit(browser, 400) as tab:
        tab.page.goto(f"{server.url}/Data?section={section}")
        expect(tab.page.get_by_role("radio", name=section)).to_be_visible()
        tab.settled()
        widths = "main => [main.scrollWidth, main.clientWidth]"
        scroll, shown = tab.page.get_by_test_id("stMain").evaluate(widths)
        assert scroll <= shown
        check(tab, server)
