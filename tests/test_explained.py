"""Metrics that explain themselves and charts that can be taken away, by Streamlit's own test runner."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_data_page import every, said, seen, words
from vision_core import figure_files


def show_metrics() -> None:
    from pages.parts import explained

    with explained.row("all"):
        explained.metric("map50", 0.6137, interval=(0.55, 0.66), example="Of **412** boxes.")
        explained.metric("map_small", -1.0, note="no *such* objects")
        explained.metric("usd_per_million", 1.5)
    explained.term("ece", example="9 of 10")


def show_chart() -> None:
    from pages.parts import figures
    from vision_core.charts import cost_bars

    figures.draw(cost_bars([("a", 1.0)], "memory", "MB"), "Memory", alt="1 MB", key="memory", table=[{"a": 1}])


def test_a_metric_says_value_interval_and_everything_about_itself() -> None:
    app = seen(AppTest.from_function(show_metrics).run())
    assert [said(item) for item in app.metric] == ["61.4 %", "—", "$1.50"]
    text = words(app).replace("\\", "")
    for part in ("95 %: 55.0 to 66.0 %", "no *such* objects", "Of **412** boxes", "IoU", "Lower is better.", "9 of 10"):
        assert part in text


@pytest.mark.parametrize("found", [None, "/usr/bin/chromium"])
def test_a_chart_offers_what_can_be_made(found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_files, "browser", lambda: found)
    app = seen(AppTest.from_function(show_chart).run())
    labels = [button.label for button in every(app, "download_button")]
    assert labels == (["PNG", "SVG"] if found else []) + ["HTML", "CSV"]
    assert ("camera" in words(app)) == (found is None)
