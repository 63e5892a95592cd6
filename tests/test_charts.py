"""Charts: the right numbers in the right order, units on the axes, and names that stay text."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from vision_core.charts import cost_bars, escape, label_bars, latency_split
from vision_core.drawing import clean_text, luminance
from vision_core.types import Classification, Timing

HOSTILE = [
    "<b>bold</b>",
    "<a href='javascript:alert(1)'>click</a>",
    "x<br>y",
    "$\\frac{1}{2}$",
    "%{y} %{customdata[0]}",
    "&lt;b&gt;",
    "two\nlines",
    "\ud800\x00",
]


def said(names: tuple[str, ...], scores: list[float], model: str = "", timing: Timing | None = None) -> Classification:
    return Classification(names, np.array(scores), model=model, timing=timing)


def test_bars_are_ranked_percentages_of_the_best_k() -> None:
    item = said(("cat", "dog", "cow", "fox"), [0.2, 0.5, 0.1, 0.2], model="lite")
    figure: Any = label_bars([item], k=3)
    (bar,) = figure.data
    assert list(bar.x) == pytest.approx([50, 20, 20])
    assert [note.text for note in figure.layout.annotations] == ["dog", "cat", "fox"]
    assert list(bar.text) == ["50.0 %", "20.0 %", "20.0 %"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1], "the best label is on top"
    assert "%" in figure.layout.xaxis.title.text
    assert figure.layout.showlegend is False


def test_two_models_share_rows_and_a_class_one_does_not_know_has_no_bar() -> None:
    first = said(("cat", "dog"), [0.9, 0.1], model="first")
    second = said(("dog", "van"), [0.7, 0.3], model="second")
    figure: Any = label_bars([first, second], k=2)
    assert [note.text for note in figure.layout.annotations] == ["cat", "dog", "van"]
    assert [list(bar.y) for bar in figure.data] == [[0, 1], [1, 2]]
    assert [bar.name for bar in figure.data] == ["first", "second"]
    assert figure.data[0].marker.color != figure.data[1].marker.color
    assert figure.layout.showlegend is True


def test_classes_with_one_name_share_a_row_and_show_the_better_score() -> None:
    figure: Any = label_bars([said(("crane", "cat", "crane"), [0.2, 0.3, 0.5])], k=3)
    assert [note.text for note in figure.layout.annotations] == ["crane", "cat"]
    assert list(figure.data[0].x) == pytest.approx([50, 30])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    assert not set(escape(name)) & set("<>$\n")
    assert html.unescape(escape(name)) == clean_text(name)
    figures: list[Any] = [
        label_bars([said((name, "b"), [0.6, 0.4], model=name)] * 2),
        latency_split([(name, Timing(1, 2, 3))]),
        cost_bars([(name, 1.0), (name + "2", None)], name, name),
    ]
    shown = [piece for figure in figures for piece in strings(json.loads(figure.to_json()))]
    assert any(escape(name)[:10] in piece for piece in shown)
    for piece in shown:
        ours = re.sub(r"<extra>.*?</extra>|<br>|%\{(customdata\[\d\][^}]*|x:[^}]*|fullData.name)\}", "", piece)
        assert not set(ours) & set("<>$"), piece
        assert "%{" not in ours


def strings(value: object) -> Iterator[str]:
    """Every text that a figure holds, however deep."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)


def test_long_names_are_cut_on_the_page_and_whole_on_hover() -> None:
    name = "Staffordshire bullterrier, " * 5
    figure: Any = label_bars([said((name, "b"), [0.6, 0.4])])
    note = figure.layout.annotations[0]
    assert len(note.text) <= 40
    assert note.text.endswith("…")
    assert note.hovertext == name.strip()


def test_latency_stages_stack_to_the_total() -> None:
    figure: Any = latency_split([("a", Timing(1, 20, 3)), ("b", Timing(2, 5, 0))])
    assert [bar.name for bar in figure.data] == ["pre-processing", "network", "post-processing"]
    assert [list(bar.x) for bar in figure.data] == [[1, 2], [20, 5], [3, 0]]
    assert figure.layout.barmode == "stack"
    assert "24.0 ms" in figure.layout.annotations[0].text
    assert "ms" in figure.layout.xaxis.title.text


def test_a_cost_that_could_not_be_had_is_never_a_zero() -> None:
    figure: Any = cost_bars([("a", 3.25), ("b", None)], "memory", "MB")
    assert list(figure.data[0].x) == [3.25]
    assert [note.text for note in figure.layout.annotations] == ["a  3.25 MB", "b  unavailable"]
    assert figure.layout.xaxis.title.text == "memory (MB)"


def test_the_ground_is_transparent_and_grey_reads_on_light_and_dark() -> None:
    figure: Any = label_bars([])
    layout = figure.layout.template.layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    grey = luminance(layout.font.color)
    for ground in ("#FFFFFF", "#0E1117"):
        pair = sorted([grey, luminance(ground)])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) > 4


def test_plotly_is_loaded_with_the_first_figure_only() -> None:
    code = "import sys, vision_core.charts; print('plotly' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
