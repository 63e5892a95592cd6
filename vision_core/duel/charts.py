"""Plotly figures of a duel: what each contender learned from more labels, and what the next ones would buy.

learning_curves(result, "presence_ap", "hours")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.costs.cost_charts import log_axis
from vision_core.data.charts import framed, sentence
from vision_core.duel.plan import KINDS, TITLES
from vision_core.errors import SettingsError
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Axis = Literal["pictures", "marks", "hours"]
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
_SYMBOLS = ("circle", "square", "diamond")
_HEIGHT_PX = 320
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
    drawn = [(kind, curve) for kind, curve in result.get("curves", {}).items() if len(_known(curve, figure, axis)) > 1]
    if not drawn:
        return sentence("There is no curve of this: it takes two shares of the labels, and somebody who can say.")
    chart = framed(_HEIGHT_PX + FRAME_PX + LEGEND_PX, AXES[axis], TITLE_OF[figure])
    scale = 1 if figure in LOWER_IS_BETTER else 100
    for kind, curve in drawn:
        number = KINDS.index(kind)
        points = _known(curve, figure, axis)
        _add_points(chart, kind, points, figure, axis, scale, number)
        _add_law(chart, kind, curve, points, figure, axis, scale, number)
    chart.update_layout(showlegend=True)
    traces: tuple[Any, ...] = tuple(chart.data)
    ends = [value for trace in traces for value in (min(trace.x), max(trace.x))]
    chart.update_xaxes(log_axis(min(ends), max(ends)))
    chart.update_yaxes(rangemode="tozero" if figure in LOWER_IS_BETTER else "normal")
    return chart


def _known(curve: Mapping[str, Any], figure: str, axis: str) -> list[Mapping[str, Any]]:
    """The points that have both values; each also with `marks`."""
    points = [point | {"marks": point["boxes"] or point["labels"]} for point in curve["points"]]
    return [point for point in points if point[axis] and point["figures"].get(figure) is not None]


def _add_points(
    chart: Figure,
    kind: str,
    points: Sequence[Mapping[str, Any]],
    figure: str,
    axis: str,
    scale: float,
    number: int,
) -> None:
    values = [scale * point["figures"][figure] for point in points]
    ends = [point["intervals"].get(figure, [point["figures"][figure]] * 2) for point in points]
    chart.add_scatter(
        x=[point[axis] for point in points],
        y=values,
        mode="lines+markers",
        name=escape(TITLES[kind]),
        legendgroup=kind,
        line={"color": COLOURS[number], "width": 2},
        marker={"symbol": _SYMBOLS[number], "size": 9},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, scale * high - value) for (_, high), value in zip(ends, values, strict=True)],
            "arrayminus": [max(0.0, value - scale * low) for (low, _), value in zip(ends, values, strict=True)],
            "thickness": 1.2,
        },
        customdata=[
            [point["pictures"], point["marks"], "unknown" if point["hours"] is None else f"{point['hours']:.2f}"]
            for point in points
        ],
        hovertemplate="%{y:.3~g}: %{customdata[0]} pictures, %{customdata[1]} labels or boxes, %{customdata[2]} h"
        "<extra>%{fullData.name}</extra>",
    )


def _add_law(
    chart: Figure,
    kind: str,
    curve: Mapping[str, Any],
    points: Sequence[Mapping[str, Any]],
    figure: str,
    axis: str,
    scale: float,
    number: int,
) -> None:
    """The fitted line, from the first point to `more` labels beyond the last."""
    law = curve["fits"].get(figure)
    if law is None:
        return
    marks = np.geomspace(points[0]["marks"], points[-1]["marks"] + law["more"], _STEPS)
    errors = law["a"] * marks ** -law["b"]
    values = errors if figure in LOWER_IS_BETTER else 1 - errors
    chart.add_scatter(
        x=marks * points[-1][axis] / points[-1]["marks"],
        y=scale * values,
        mode="lines",
        name=f"{escape(TITLES[kind])}, expected",
        legendgroup=kind,
        showlegend=False,
        line={"color": COLOURS[number], "width": 1.5, "dash": "dash"},
        hovertemplate="%{y:.3~g} expected by the power law<extra>%{fullData.name}</extra>",
    )


def in_words(result: Mapping[str, Any], figure: str) -> list[str]:
    """What the next labels would buy each contender, a sentence each; none of those without a fitted line."""
    said = []
    for kind, curve in result.get("curves", {}).items():
        law = curve["fits"].get(figure)
        if law is None:
            continue
        what = "boxes" if curve["points"][-1]["boxes"] else "labels"
        unit, scale = (" objects", 1.0) if figure in LOWER_IS_BETTER else (" points", 100.0)
        gain, low, high = (scale * law[name] for name in ("gain", "low", "high"))
        sure = "" if low > 0 else ", so perhaps nothing"
        said.append(
            f"{TITLES[kind]}: {law['more']} more {what} would gain about {gain:.2g}{unit} "
            f"({low:.2g} to {high:.2g}{sure})."
        )
    return said
