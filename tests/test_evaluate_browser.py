"""The Evaluate page in a real browser: a cell and a bar clicked, a threshold applied, a chart taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import OFFLINE, Server, Tab, find_chromium, serve, visit
from tests.conftest import check
from tests.evaluated_runs import evaluated, trained_run
from vision_core import figure_files
from vision_core.data.library import add_shelf
from vision_core.evaluation.applied import apply_threshold
from vision_core.run_folder import RunFolder
from vision_core.training.examples import EXAMPLES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def runs(home: Path) -> dict[str, RunFolder]:
    """A classifier of crops and a detector, both evaluated; the detector has weights that can be loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATWHERE_HOME", str(home))
        shelf = add_shelf(24, seed=3)
        made = {
            "crops": trained_run(shelf, "classification", "Crops", labels_from="crops"),
            "boxes": trained_run(shelf, "detection", "Boxes"),
        }
        weights = EXAMPLES / "fashion-shelf-detector" / "checkpoints" / "best.safetensors"
        (made["boxes"].path / "checkpoints" / "best.safetensors").write_bytes(weights.read_bytes())
        evaluated(made["crops"], sure=0.8)
        evaluated(made["boxes"], sure=1.5)
        return made


@pytest.fixture(scope="module")
def server(home: Path, runs: dict[str, RunFolder]) -> Iterator[Server]:
    with serve(home, **OFFLINE) as running:
        yield running


def show(tab: Tab, server: Server, *chosen: RunFolder, **address: str) -> None:
    asked = [f"run={run.path.name}" for run in chosen] + [f"{name}={value}" for name, value in address.items()]
    tab.page.goto(f"{server.url}/Evaluate?{'&'.join(asked)}")
    expect(tab.page.get_by_role("heading", name=re.compile("^Evaluate"))).to_be_visible()
    tab.settled()


def test_a_cell_opens_its_pictures_and_a_picture_opens_large(
    tab: Tab, server: Server, runs: dict[str, RunFolder]
) -> None:
    show(tab, server, runs["crops"], part="Confusion")
    tab.page.locator(".js-plotly-plot .scatterlayer path.point").first.click(force=True)
    expect(tab.page.get_by_role("heading", name=re.compile("T-shirt.top, said to be T-shirt.top"))).to_be_visible()
    expect(tab.page.locator('[class*="st-key-behind_one_"] img').first).to_be_visible()
    tab.settled()
    tab.page.locator('[class*="st-key-behind_open_"] button').first.click()
    expect(tab.page.get_by_role("dialog").get_by_text(re.compile("truth: T-shirt.top"))).to_be_visible()


def test_a_bar_opens_pictures_with_truth_and_prediction(tab: Tab, server: Server, runs: dict[str, RunFolder]) -> None:
    show(tab, server, runs["boxes"], part="Errors")
    tab.page.locator(".js-plotly-plot .barlayer path").last.click(force=True)
    expect(tab.page.get_by_role("heading", name=re.compile("^All misses: "))).to_be_visible()
    expect(tab.page.get_by_text(re.compile("Dashed"))).to_be_visible()


def test_the_best_threshold_is_applied_and_compare_starts_with_it(
    tab: Tab, server: Server, runs: dict[str, RunFolder]
) -> None:
    apply_threshold(runs["boxes"].path, None)
    show(tab, server, runs["boxes"], part="Threshold")
    button = tab.page.get_by_role("button", name=re.compile("Use the best"))
    best = button.inner_text().rpartition(" ")[2]
    button.click()
    expect(tab.page.get_by_text(f"This run keeps score {best}")).to_be_visible()
    tab.settled()
    tab.page.goto(f"{server.url}/Compare?compare=Detectors&detectors={runs['boxes'].path}")
    expect(tab.page.get_by_test_id("stSlider").first).to_contain_text(best[:4])


def test_a_chart_is_taken_away_as_a_file(tab: Tab, server: Server, runs: dict[str, RunFolder]) -> None:
    show(tab, server, runs["boxes"], part="Curves")
    wanted = ["CSV", "HTML"] + (["SVG"] if figure_files.browser() else [])
    for ending in wanted:
        tab.page.get_by_role("button", name="Export").first.click()
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=ending, exact=True).click()
        assert download.value.suggested_filename == f"precision-against-recall-by-overlap.{ending.lower()}"
        content = Path(download.value.path()).read_text(encoding="utf-8")
        assert {"CSV": "series,recall", "HTML": "<!doctype html>", "SVG": "<svg"}[ending] in content
        tab.page.keyboard.press("Escape")


def test_a_metric_explains_itself(tab: Tab, server: Server, runs: dict[str, RunFolder]) -> None:
    show(tab, server, runs["boxes"])
    tab.page.get_by_role("button", name=re.compile("^AP50")).first.click()
    expect(tab.page.get_by_text("What is good").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("part", ["Overview", "Errors", "Slices"])
def test_nothing_is_cut_off_on_a_phone(
    server: Server, browser: Browser, runs: dict[str, RunFolder], scheme: str, part: str
) -> None:
    with visit(browser, 400, color_scheme=scheme) as tab:  # type: ignore[arg-type]
        show(tab, server, runs["boxes"], part=part)
        scroll, shown = tab.page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
        assert scroll <= shown
        check(tab, server)
