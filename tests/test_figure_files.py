"""Figures as files: what is drawn is what is written, nothing comes from a network, and names stay text."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from vision_core import figure_files
from vision_core.charts import cost_bars
from vision_core.data.charts import framed
from vision_core.errors import SettingsError

needs_browser = pytest.mark.skipif(figure_files.browser() is None, reason="no Chrome or Chromium is installed")


def rows(figure: Any, table: Any = None) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(figure_files.to_csv(figure, table))))


def lines() -> go.Figure:
    figure = framed(200, "epoch", "loss &amp; more")
    figure.add_scatter(x=[1, 2], y=np.array([0.5, np.nan]), name="A &lt;b&gt;")
    figure.add_scatter(x=[1], y=[0.25], name="=HYPERLINK()", error_y={"array": [0.1], "arrayminus": [0.05]})
    return figure


def test_points_are_written_with_their_series_and_axes() -> None:
    assert rows(lines()) == [
        {"series": "A <b>", "epoch": "1", "loss & more": "0.5", "loss & more, low": "", "loss & more, high": ""},
        {"series": "A <b>", "epoch": "2", "loss & more": "", "loss & more, low": "", "loss & more, high": ""},
        {"series": "'=HYPERLINK()", "epoch": "1", "loss & more": "0.25", "loss & more, low": "0.2",
         "loss & more, high": "0.35"},
    ]  # fmt: skip


def test_a_heat_map_is_written_cell_by_cell_with_the_names_of_its_ticks() -> None:
    figure = framed(200, "said", "truth")
    figure.add_heatmap(z=[[3, 1], [0, 2]], x=[0, 1], y=[0, 1])
    figure.update_xaxes(tickvals=[0, 1], ticktext=["cat", "dog"])
    figure.update_yaxes(tickvals=np.arange(2), ticktext=["cat", "dog"])
    assert rows(figure)[1] == {"truth": "cat", "said": "dog", "value": "1"}
    assert len(rows(figure)) == 4


def test_a_table_of_the_caller_goes_first() -> None:
    assert rows(lines(), [{"model": "@x", "ms": 1.5}, {"model": "y", "note": None}]) == [
        {"model": "'@x", "ms": "1.5", "note": ""},
        {"model": "y", "ms": "", "note": ""},
    ]


def test_a_page_needs_no_network_and_names_stay_text() -> None:
    page = figure_files.to_html(lines(), "<i>Loss</i>", 'of "A"')
    assert "&lt;i&gt;Loss&lt;/i&gt;" in page
    assert "of &quot;A&quot;" in page
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page), "loads something"


@needs_browser
def test_images_are_painted_in_their_size_on_white() -> None:
    figure = cost_bars([("a", 1.0), ("b", 2.0)], "memory", "MB")
    png = Image.open(io.BytesIO(figure_files.to_image(figure, "png", "Memory", 400)))
    assert png.size[0] == 800
    assert png.convert("RGB").getpixel((799, 0)) == (255, 255, 255)
    before = figure.layout.paper_bgcolor
    svg = figure_files.to_image(figure, "svg", "Memory <b>by</b> model").decode()
    assert svg.startswith("<svg")
    assert "Memory &#60;b&#62;by&#60;/b&#62; model" in svg
    assert figure.layout.paper_bgcolor == before, "the page's own figure stays as it is"


def test_without_a_browser_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_files, "browser", lambda: None)
    with pytest.raises(SettingsError, match="camera button"):
        figure_files.to_image(lines(), "png")


def test_a_browser_that_gives_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import kaleido

    def fail(*args: Any, **options: Any) -> bytes:
        raise RuntimeError("Chrome closed\nmore")

    monkeypatch.setattr(figure_files, "browser", lambda: "chrome")
    monkeypatch.setattr(kaleido, "calc_fig_sync", fail)
    with pytest.raises(SettingsError, match=r"could not be painted \(Chrome closed\)"):
        figure_files.to_image(lines(), "svg")


def test_file_names_are_safe() -> None:
    assert figure_files.file_name("F1 by threshold: “Coat”", "png") == "f1-by-threshold-coat.png"
    assert figure_files.file_name("/../?", "csv") == "chart.csv"


def test_numbers_have_digits_that_count() -> None:
    values = [100 / 3, 0.1 + 0.2, 1 / 30_000, 1234567.8, 0.0, 5]
    rows = figure_files.to_csv(go.Figure(), [{"a": value} for value in values]).splitlines()[1:]
    assert rows == ["33.3333", "0.3", "3.33333e-05", "1234568", "0", "5"]
