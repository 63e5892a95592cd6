"""Plotly figures of a duel: the yardstick, good against dear, and what more labels would buy each contender.

yardstick(result, ["presence_ap", "pointing"])
contenders(result, "presence_ap", "latency_ms_p50")
learning_curves(result, "presence_ap", "hours")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core import glossary
from vision_core.charts import FRAME_PX, LEGEND_PX, escape
from vision_core.costs.cost_charts import OTHER, STYLES, Axis, log_axis, pareto
from vision_core.costs.pareto import Point, Verdict, judge
from vision_core.data.charts import framed, sentence
from vision_core.duel.outcome import hours, trained
from vision_core.duel.plan import TITLES
from vision_core.errors import SettingsError
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

AXES: Mapping[str, str] = {
    "pictures": "labelled training pictures",
    "marks": "labels ticked, or boxes drawn",
    "hours": "hours of labelling, at the published pace",
}
TITLE_OF: Mapping[str, str] = {
    "presence_ap": "“Is it there?”: average precision, %",
    "presence_f1": "“Is it there?”: F1, %",
    "count_mae": "“How many?”: objects counted wrong, per class and picture",
    "pointing": "“Where?”: pointing accuracy, %",
    "ap50": "“Where?”: AP50, %",
}
DEAR: Mapping[str, tuple[str, str, float]] = {
    "latency_ms_p50": ("time for one picture", "ms", 1.0),
    "usd_per_million": ("a million pictures", "USD", 1.0),
    "peak_memory_bytes": ("peak memory", "MB", 1e-6),
    "energy_wh_per_1k": ("energy for 1,000 pictures", "Wh", 1.0),
    "hours": ("labelling", "h", 1.0),
    "training": ("training", "min", 1 / 60),
}
"""What a contender may be dear in: its name on an axis, the unit, and what values are multiplied with."""
_HEIGHT_PX = 320
_ROW_PX = 26
_DODGE = 0.24
_STEPS = 40


def learning_curves(result: Mapping[str, Any], figure: str, axis: str = "pictures") -> Figure:
    """A figure of the yardstick over what its labels took, with intervals; dashed, where the power law goes from there.

    Args:
        result: of a duel, with `curves`.

    Raises:
        SettingsError: an unknown figure or axis.
    """
    if figure not in FIGURES or axis not in AXES:
        known = f"{', '.join(FIGURES)} over {', '.join(AXES)}"
        raise SettingsError(f"There is no curve of {figure!r} over {axis!r}; use {known}.")
    view = _View(figure, axis)
    drawn = [
        (kind, points) for kind, curve in result.get("curves", {}).items() if len(points := _known(curve, view)) > 1
    ]
    if not drawn:
        return sentence("There is no curve of this: it takes two shares of the labels, and somebody who can say.")
    chart = framed(_HEIGHT_PX + FRAME_PX + LEGEND_PX, AXES[axis], TITLE_OF[figure])
    for kind, points in drawn:
        _add_points(chart, kind, points, view)
        _add_law(chart, kind, result["curves"][kind], points, view)
    chart.update_layout(showlegend=True)
    traces: tuple[Any, ...] = tuple(chart.data)
    ends = [value for trace in traces for value in (min(trace.x), max(trace.x))]
    chart.update_xaxes(log_axis(min(ends), max(ends)))
    chart.update_yaxes(rangemode="tozero" if figure in LOWER_IS_BETTER else "normal")
    return chart


@dataclass(frozen=True)
class _View:
    """What is drawn over what."""

    figure: str
    axis: str

    @property
    def scale(self) -> float:
        return 1.0 if self.figure in LOWER_IS_BETTER else 100.0


def _known(curve: Mapping[str, Any], view: _View) -> list[dict[str, Any]]:
    """The points that have both values; each also with `marks`."""
    points = [point | {"marks": point["boxes"] or point["labels"]} for point in curve["points"]]
    return [point for point in points if point[view.axis] and point["figures"].get(view.figure) is not None]


def _style(kind: str) -> dict[str, Any]:
    """Colour and symbol of a contender, the same in every chart of costs and duels."""
    _, colour, symbol = STYLES.get(kind, OTHER)
    return {"color": colour, "symbol": symbol}


def _add_points(chart: Figure, kind: str, points: Sequence[Mapping[str, Any]], view: _View) -> None:
    values = [view.scale * point["figures"][view.figure] for point in points]
    ends = [point["intervals"].get(view.figure, [point["figures"][view.figure]] * 2) for point in points]
    style = _style(kind)
    chart.add_scatter(
        x=[point[view.axis] for point in points],
        y=values,
        mode="lines+markers",
        name=escape(TITLES[kind]),
        legendgroup=kind,
        line={"color": style["color"], "width": 3},
        marker=style | {"size": 11},
        error_y=_bars(values, ends, view.scale),
        customdata=[
            [point["pictures"], point["marks"], "unknown" if point["hours"] is None else f"{point['hours']:.2f}"]
            for point in points
        ],
        hovertemplate="%{y:.3~g}: %{customdata[0]:,} pictures, %{customdata[1]:,} labels or boxes, %{customdata[2]} h"
        "<extra>%{fullData.name}</extra>",
    )


def _bars(values: Sequence[float], ends: Sequence[Sequence[float]], scale: float) -> dict[str, Any]:
    """Error bars from values, scaled already, to the ends of their intervals."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, scale * high - value) for (_, high), value in zip(ends, values, strict=True)],
        "arrayminus": [max(0.0, value - scale * low) for (low, _), value in zip(ends, values, strict=True)],
        "thickness": 1.5,
    }


def _add_law(
    chart: Figure, kind: str, curve: Mapping[str, Any], points: Sequence[Mapping[str, Any]], view: _View
) -> None:
    """The fitted line, from the first point to `more` labels beyond the last."""
    law = curve["fits"].get(view.figure)
    if law is None or points[0]["marks"] <= 0:
        return
    marks = np.geomspace(points[0]["marks"], points[-1]["marks"] + law["more"], _STEPS)
    errors = law["a"] * marks ** -law["b"]
    values = errors if view.figure in LOWER_IS_BETTER else 1 - errors
    chart.add_scatter(
        x=marks * points[-1][view.axis] / points[-1]["marks"],
        y=view.scale * values,
        mode="lines",
        name=f"{escape(TITLES[kind])}, expected",
        legendgroup=kind,
        showlegend=False,
        line={"color": _style(kind)["color"], "width": 2, "dash": "dash"},
        hovertemplate="%{y:.3~g} expected by the power law<extra>%{fullData.name}</extra>",
    )


def yardstick(result: Mapping[str, Any], figures: Sequence[str]) -> Figure:
    """A row a figure, a point with its interval for each contender that can say; figures of one unit.

    Args:
        figures: all of them shares, or all of them counts.
    """
    able = [one for one in result["contenders"] if any(one["figures"].get(name) is not None for name in figures)]
    if not able:
        return sentence("None of the contenders can say.")
    counts = figures[0] in LOWER_IS_BETTER
    height = _ROW_PX * len(figures) * max(2, len(able)) + FRAME_PX + LEGEND_PX
    chart = framed(height, "objects counted wrong (fewer is better)" if counts else "% (more is better)", "")
    for number, one in enumerate(able):
        rows = [row for row, name in enumerate(figures) if one["figures"].get(name) is not None]
        _add_row(chart, one, [(row, figures[row]) for row in rows], (number - (len(able) - 1) / 2) * _DODGE)
    ticks = [escape(glossary.term(name).short) for name in figures]
    chart.update_yaxes(
        tickvals=list(range(len(figures))),
        ticktext=ticks,
        tickfont={"size": 14},
        showgrid=False,
        range=[len(figures) - 0.5, -0.5],
    )
    chart.update_xaxes(rangemode="tozero")
    chart.update_layout(showlegend=True)
    return chart


def _add_row(chart: Figure, one: Mapping[str, Any], rows: Sequence[tuple[int, str]], aside: float) -> None:
    values = [_scaled(name, one["figures"][name]) for _, name in rows]
    ends = [one["intervals"].get(name) or [one["figures"][name]] * 2 for _, name in rows]
    scale = 1.0 if rows[0][1] in LOWER_IS_BETTER else 100.0
    title = escape(TITLES[one["task"]])
    chart.add_scatter(
        x=values,
        y=[row + aside for row, _ in rows],
        mode="markers",
        name=title,
        marker=_style(one["task"]) | {"size": 13},
        error_x=_bars(values, ends, scale),
        customdata=[
            [escape(glossary.term(name).title), glossary.say(name, one["figures"][name]), *_ends_said(one, name)]
            for _, name in rows
        ],
        hovertemplate="%{customdata[0]}: %{customdata[1]} (%{customdata[2]} to %{customdata[3]})"
        "<extra>%{fullData.name}</extra>",
    )


def _scaled(name: str, value: float) -> float:
    return value if name in LOWER_IS_BETTER else 100 * value


def _ends_said(one: Mapping[str, Any], name: str) -> list[str]:
    ends = one["intervals"].get(name)
    return [glossary.say(name, end) for end in ends] if ends else ["no interval"] * 2


def judged(result: Mapping[str, Any], figure: str, cost: str) -> list[Verdict]:
    """Who is worth a look: contenders by a cost, of which less is better, and a figure."""
    points = []
    for one in result["contenders"]:
        low, high = one["intervals"].get(figure) or (None, None)
        x = hours(one) if cost == "hours" else trained(one) if cost == "training" else one["costs"].get(cost)
        points.append(
            Point(
                name=TITLES[one["task"]],
                task=one["task"],
                x=x,
                y=one["figures"].get(figure),
                y_low=low,
                y_high=high,
            )
        )
    return judge(points, lower_x_is_better=True, higher_y_is_better=figure not in LOWER_IS_BETTER)


def contenders(result: Mapping[str, Any], figure: str, cost: str) -> Figure:
    """How good each contender is, with its interval, against what it costs.

    Args:
        cost: a name of `DEAR`.

    Raises:
        SettingsError: an unknown figure or cost.
    """
    if figure not in FIGURES or cost not in DEAR:
        raise SettingsError(f"There is no chart of {figure!r} against {cost!r}; use {', '.join(DEAR)}.")
    name, unit, scale = DEAR[cost]
    one = glossary.term(figure)
    y = Axis(one.title, "%" if one.unit == "share" else one.unit, 100.0 if one.unit == "share" else 1.0)
    return pareto(judged(result, figure, cost), Axis(name, unit, scale, log=True), y)


def in_words(result: Mapping[str, Any], figure: str) -> list[str]:
    """What the next labels would buy each contender, a sentence each; none of those without a fitted line."""
    said = []
    for kind, curve in result.get("curves", {}).items():
        law = curve["fits"].get(figure)
        if law is None:
            continue
        what = "boxes" if curve["points"][-1]["boxes"] else "labels"
        scale = 1.0 if figure in LOWER_IS_BETTER else 100.0
        gain, low, high = (scale * law[name] for name in ("gain", "low", "high"))
        bought = f"count about {gain:.2g} fewer objects wrong" if scale == 1 else f"gain about {gain:.2g} points"
        if gain <= 0:
            bought = "gain nothing that the curve shows"
        sure = "" if low > 0 or gain <= 0 else ", so perhaps nothing"
        said.append(f"{TITLES[kind]}: {law['more']} more {what} would {bought} ({low:.2g} to {high:.2g}{sure}).")
    return said
