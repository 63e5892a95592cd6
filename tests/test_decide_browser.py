"""The Decide page in a real browser: a tiny duel from the form to its verdict, a result read, a phone."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import OFFLINE, Server, Tab, find_chromium, serve, visit
from tests.conftest import check
from tests.duel_cases import finished
from tests.training_processes import paint_labelled
from vision_core.data.library import import_dataset
from vision_core.duel.folder import DuelFolder
from vision_core.duel.jobs import ACTIVE, duel_status

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose workspace holds a finished duel and pictures of cats, dogs and birds by name."""
    home = tmp_path_factory.mktemp("home")
    data = paint_labelled(tmp_path_factory.mktemp("painted"), a_class=4)
    for split in ("train", "val"):  # names that the pretrained detector knows, whatever the pictures show
        for mine, theirs in (("red", "cat"), ("green", "dog"), ("blue", "bird")):
            (data / split / mine).rename(data / split / theirs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATWHERE_HOME", str(home))
        import_dataset(data, "Animals")
        finished("Read me")
    try:
        with serve(home, **OFFLINE) as running:
            yield running
    finally:
        for duel in map(DuelFolder, (home / "duels").iterdir()):
            if duel_status(duel)["state"] in ACTIVE:
                os.kill(duel_status(duel)["pid"], signal.SIGKILL)


def test_a_duel_is_started_watched_to_its_end_and_read(tab: Tab, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/Decide?show=New duel")
    name = page.get_by_role("textbox", name="Name of the duel")
    expect(name).to_be_visible()
    expect(page.get_by_text("Nobody has drawn boxes in Animals.")).to_be_visible()
    name.fill("Squares")
    name.press("Enter")
    tab.settled()
    page.get_by_role("button", name="Start the duel").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.get_by_role("combobox", name="Duel")).to_have_value(re.compile("Squares"))
    page.reload()  # it goes on without anybody
    expect(page.locator(".verdict-winner")).to_be_visible()
    expect(page.get_by_role("combobox", name="Duel")).to_have_value("Squares · finished")
    expect(page.locator(".verdict-why")).to_contain_text("For “Is it there?” choose")
    expect(page.locator(".duel-table")).to_contain_text("Nobody has drawn boxes")
    duel = next(one for one in map(DuelFolder, (server.log.parent / "duels").iterdir()) if one.name == "Squares")
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON", exact=True).click()
    taken = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert taken["verdict"] == duel.result()["verdict"]
    page.locator(".duel-table a[href^='Evaluate']").first.click()
    expect(page.get_by_role("heading", name=re.compile("Evaluate"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_result_is_read_and_nothing_is_cut_off_on_a_phone(server: Server, browser: Browser, scheme: str) -> None:
    with visit(browser, 400, color_scheme=scheme) as tab:  # type: ignore[arg-type]
        for show in ("Result", "New duel"):
            tab.page.goto(f"{server.url}/Decide?show={show}")
            expect(tab.page.get_by_role("radio", name=show)).to_be_checked()
            tab.settled()
            scroll, shown = tab.page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
            assert scroll <= shown, show
        check(tab, server)
