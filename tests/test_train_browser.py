"""The Train page in a real browser: a button pressed, learning watched, the browser closed, the result used."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import painted_data
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import OFFLINE, ROOT, Server, Tab, find_chromium, serve, visit
from tests.conftest import check
from vision_core.run_folder import RunFolder

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]
TINY = {"preset": "balanced", "input_size_px": 64, "batch_size": 4, "frozen_epochs": 0, "views": 0, "patience": 0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this file's own with a small Fashion Shelf; runs that outlive it, as they should, are ended."""
    home = tmp_path_factory.mktemp("home")
    try:
        with serve(home, WHATWHERE_SHELF_SCENES="14", **OFFLINE) as running:
            yield running
    finally:
        for run in runs(home):
            if run.record().is_active:
                os.kill(run.record().status["pid"], signal.SIGKILL)


@pytest.fixture
def finished(server: Server, tmp_path: Path) -> None:
    """There is a finished run, whichever tests ran on this server before."""
    home = server.log.parent
    if any(run.record().state == "finished" for run in runs(home)):
        return
    data = painted_data.photos(tmp_path / "photos")
    command = [sys.executable, "-m", "vision_core", "train", "--data", str(data), "--task", "classification"]
    command += ["--model", "timm:test_vit", "--start", "scratch", "--epochs", "2", "--name", "My first"]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"WHATWHERE_HOME": str(home)}, timeout=180)


def runs(home: Path) -> list[RunFolder]:
    return [RunFolder(path.parent) for path in sorted(home.glob("runs/*/config.json"))]


def set_up(tab: Tab, server: Server, **settings: object) -> None:
    """The form, with these settings typed into its text box."""
    page = tab.page
    page.goto(f"{server.url}/Train?show=New run")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    page.get_by_text("All settings").first.click()
    text = page.get_by_role("textbox", name="As JSON")
    expect(text).not_to_have_value("")  # it is there before what it holds
    text.fill(json.dumps(json.loads(text.input_value()) | settings))
    text.press("Control+Enter")
    page.get_by_role("button", name="Use these settings").click()
    expect(page.get_by_text("changed: ")).to_be_visible()
    tab.settled()


def train(page: Page, name: str) -> None:
    page.get_by_role("textbox", name="Name of the run").fill(name)
    page.get_by_role("textbox", name="Name of the run").press("Enter")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_train_watch_close_come_back_and_use(server: Server, browser: Browser) -> None:
    with visit(browser) as tab:
        set_up(tab, server, input_size_px=96)
        train(tab.page, "My first")
        expect(tab.page.get_by_test_id("stProgress").first).to_be_visible()
        expect(tab.page.get_by_text(re.compile("Features|Epoch")).first).to_be_visible()  # nobody reloaded
        check(tab, server)
    with visit(browser) as tab:
        tab.page.goto(f"{server.url}/Train")
        expect(tab.page.get_by_role("heading", name="My first")).to_be_visible()
        expect(tab.page.locator(".st-key-train_figures")).to_be_visible()
        link = tab.page.get_by_role("link", name="Try it on the Compare page")
        expect(link).to_be_visible()
        expect(tab.page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)  # it has finished
        expect(tab.page.get_by_text("See it learn")).to_be_visible()
        expect(tab.page.locator(".st-key-train_pictures img").first).to_be_visible()
        expect(tab.page.locator(".js-plotly-plot")).to_have_count(2)
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name="Download the best weights").click()
        assert download.value.suggested_filename == "my-first.safetensors"
        tab.settled()
        link.click()
        tab.measured()
        expect(tab.page.get_by_role("combobox", name="Classifier")).to_have_value(re.compile("your run"))
        check(tab, server)
    (run,) = runs(server.log.parent)
    assert run.record().state == "finished"


def test_stop_resume_and_keep_the_best(tab: Tab, server: Server) -> None:
    set_up(tab, server, **TINY, epochs=500)
    page = tab.page
    train(page, "Long one")
    expect(page.get_by_text(re.compile(r"Epoch [2-9]\d* of 500")).first).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    resume = page.get_by_role("button", name="Resume")
    expect(resume).to_be_visible()
    before = len(runs(server.log.parent)[-1].history())
    assert before >= 1
    resume.click()
    expect(page.get_by_role("button", name="Stop and keep the best")).to_be_visible()
    expect(
        page.get_by_text(re.compile(rf"Epoch ({before + 2}|{before + 3}|{before + 4}) of 500")).first
    ).to_be_visible()
    page.get_by_role("button", name="Stop and keep the best").click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    run = runs(server.log.parent)[-1]
    assert run.record().state == "finished"
    assert [line["epoch"] for line in run.history()] == list(range(1, len(run.history()) + 1))
    expect(page.get_by_role("link", name="Try it on the Compare page")).to_be_visible()


@pytest.mark.usefixtures("finished")
def test_an_epoch_of_the_past_is_shown_on_demand(tab: Tab, server: Server) -> None:
    tab.page.goto(f"{server.url}/Train?show=Runs")
    slider = tab.page.get_by_role("slider").first
    expect(slider).to_be_visible()
    tab.settled()
    slider.press("Home")
    expect(tab.page.get_by_text(re.compile("After epoch 1:"))).to_be_visible()


@pytest.mark.usefixtures("finished")
def test_the_way_back_leads_to_the_run_and_the_form(tab: Tab, server: Server) -> None:
    page = tab.page
    page.goto(f"{server.url}/Train?show=New run")
    page.get_by_text("Thorough", exact=True).click()
    tab.settled()
    page.get_by_role("radio", name="Runs").click()
    opened = page.get_by_role("heading", name=re.compile("My first|Long one"))
    expect(opened).to_be_visible()
    tab.settled()
    name = opened.inner_text()
    page.get_by_role("link", name="Data", exact=True).click()
    expect(page.get_by_role("combobox", name="Data set")).to_be_visible()
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.get_by_role("radio", name="New run").click()
    expect(page.get_by_role("radio", name="Thorough")).to_be_checked()


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("query", ["show=New run", "show=Runs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone(server: Server, browser: Browser, query: str, scheme: str) -> None:
    with visit(browser, 400, color_scheme=scheme) as tab:  # type: ignore[arg-type]
        tab.page.goto(f"{server.url}/Train?{query}")
        expect(tab.page.get_by_role("radio", name="New run")).to_be_visible()
        tab.settled()
        scroll, shown = tab.page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
        assert scroll <= shown
        check(tab, server)
