"""A Plotly figure of how good models are against what they cost.

    pareto(judge(points), Axis("latency", "ms"), Axis("mean F1", "%", scale=100))

Tasks differ by colour and by shape, dominated models are faint and hollow; `vision_core.costs.pareto.in_words` says the
same in sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vision_core.charts import COLOURS, LEGEND_PX, escape
from vision_core.costs.bench_rows import shortened, told_apart
from vision_core.costs.pareto import Point, Verdict
from vision_core.data.charts import framed, sentence
from vision_core.data.wording import digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT_PX = 380
STYLES = {
    "classification": ("classification", COLOURS[0], "circle"),
    "detection": ("detection", COLOURS[1], "diamond"),
    "two-stage": ("detect-then-classify", COLOURS[2], "square"),
}
"""Name in the legend, colour and marker of each task."""
OTHER = ("other", COLOURS[3], "triangle-up")
_FAINT = 0.55
GREY = "rgba(128,128,128,0.8)"
_LONGEST = 30  # characters beside a point on a phone


@dataclass(frozen=True)
class Axis:
    """What an axis shows: a title with its unit in brackets, and what values are multiplied with."""

    title: str
    unit: str = ""
    scale: float = 1.0
    log: bool = False

    @property
    def label(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title


def pareto(verdicts: Sequence[Verdict], x: Axis, y: Axis) -> Figure:
    """Points by cost (`x`) and quality (`y`) with their intervals, the front as a line, the dominated ones faint.

    What is not known is left out; a page says so beside the figure.
    """
    shown = [verdict for verdict in verdicts if verdict.point.is_known]
    if not shown:
        return sentence("No model has both figures yet.")
    figure = framed(HEIGHT_PX + LEGEND_PX, escape(x.label), escape(y.label))
    _front_line(figure, [verdict.point for verdict in shown if verdict.on_front], x, y)
    tasks = list(dict.fromkeys(verdict.point.task for verdict in shown))
    whole = [verdict.point.name for verdict in shown]
    names = dict(zip(whole, map(escape, told_apart(whole, _LONGEST)), strict=True))
    middle = _middle([one.point.x or 0.0 for one in shown], x.log)
    for task in tasks:
        for on_front in (True, False):
            some = [one for one in shown if one.point.task == task and one.on_front == on_front]
            if some:
                _points(figure, some, names, (x, y), middle)
    figure.update_layout(showlegend=True, hovermode="closest")
    _room(figure, shown, x, y)
    return figure


def _points(
    figure: Figure, some: Sequence[Verdict], names: Mapping[str, str], axes: tuple[Axis, Axis], middle: float
) -> None:
    """Those of one task that are on the front, or are not; `names` stand to the side of `middle`, beside the bars."""
    task, on_front = some[0].point.task, some[0].on_front
    name, colour, symbol = STYLES.get(task, OTHER)
    x, y = axes
    points = [one.point for one in some]
    figure.add_scatter(
        x=[x.scale * (point.x or 0.0) for point in points],
        y=[y.scale * (point.y or 0.0) for point in points],
        error_x=_bars([(point.x, point.x_low, point.x_high) for point in points], x, on_front),
        error_y=_bars([(point.y, point.y_low, point.y_high) for point in points], y, on_front),
        mode="markers+text" if on_front else "markers",
        name=name if on_front else f"{name}, beaten",
        text=[names[point.name] for point in points] if on_front else None,
        textposition=[f"top {'left' if (point.x or 0.0) > middle else 'right'}" for point in points],
        cliponaxis=False,
        marker={"color": colour, "size": 13, "symbol": symbol if on_front else f"{symbol}-open", "line": {"width": 2}},
        opacity=1 if on_front else _FAINT,
        customdata=[[_hover(one, x, y)] for one in some],
        hovertemplate="%{customdata[0]}<extra></extra>",
    )


def _bars(values: Sequence[tuple[float | None, float | None, float | None]], axis: Axis, on_front: bool) -> dict:
    """Error bars of (value, low, high); none where no value has an interval."""
    ups = [0.0 if v is None or high is None else axis.scale * (high - v) for v, _, high in values]
    downs = [0.0 if v is None or low is None else axis.scale * (v - low) for v, low, _ in values]
    bars = {"type": "data", "symmetric": False, "array": ups, "arrayminus": downs, "thickness": 1.5, "width": 4}
    return bars | {"visible": any(ups) or any(downs), "color": GREY if on_front else "rgba(128,128,128,0.45)"}


def _hover(verdict: Verdict, x: Axis, y: Axis) -> str:
    point = verdict.point
    lines = [f"<b>{escape(point.name)}</b>", _said(point.x, point.x_low, point.x_high, x)]
    lines.append(_said(point.y, point.y_low, point.y_high, y))
    if verdict.dominated_by:
        lines.append(f"beaten by {escape(', '.join(verdict.dominated_by[:2]))}")
    if point.note:
        lines.append(escape(point.note))
    return "<br>".join(lines)


def _said(value: float | None, low: float | None, high: float | None, axis: Axis) -> str:
    text = f"{escape(axis.title)}: {digits(axis.scale * (value or 0.0), 4)} {escape(axis.unit)}".rstrip()
    if low is None or high is None:
        return text
    return f"{text} (95 %: {digits(axis.scale * low, 4)} to {digits(axis.scale * high, 4)})"


def _front_line(figure: Figure, points: Sequence[Point], x: Axis, y: Axis) -> None:
    ordered = sorted({(x.scale * (point.x or 0.0), y.scale * (point.y or 0.0)) for point in points})
    figure.add_scatter(
        x=[pair[0] for pair in ordered],
        y=[pair[1] for pair in ordered],
        mode="lines",
        name="front",
        line={"color": GREY, "width": 1.5, "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
        showlegend=len(ordered) > 1,
    )


def _room(figure: Figure, shown: Sequence[Verdict], x: Axis, y: Axis) -> None:
    """Axes that leave room for the names beside the points, and do not blow up a hair's breadth."""
    xs = [x.scale * (one.point.x or 0.0) for one in shown]
    ends = [
        y.scale * value
        for one in shown
        for value in (one.point.y, one.point.y_low, one.point.y_high)
        if value is not None
    ]
    low, high = min(ends), max(ends)
    margin = max(0.12 * (high - low), 0.02 * abs(high), 1e-9)
    top = high + 1.6 * margin
    figure.update_yaxes(range=[low - margin, min(top, 105) if y.unit == "%" and high <= 100 else top])
    if x.log and min(xs) > 0:
        figure.update_xaxes(log_axis(min(xs) / 1.15, max(xs) * 1.15))
    else:
        low, high = min(xs), max(xs)
        margin = max(0.18 * (high - low), 0.1 * abs(high), 1e-9)
        figure.update_xaxes(range=[min(low - margin, 0) if low < 0 else max(0.0, low - margin), high + margin])


def _middle(values: Sequence[float], log: bool) -> float:
    """The middle of an axis that shows these values."""
    low, high = min(values), max(values)
    return math.sqrt(low * high) if log and low > 0 else (low + high) / 2


def log_axis(low: float, high: float) -> dict:
    """A logarithmic axis around positive values, with ticks at 1, 2 and 5 of each decade; of many, powers of ten alone.

    >>> log_axis(3, 40)["ticktext"]
    ['5', '10', '20']
    """
    margin = max(0.06 * math.log10(high / low), 0.08)
    start, end = math.log10(low) - margin, math.log10(high) + margin
    steps = (1, 2, 5) if end - start <= 3.5 else (1,)
    values = [step * 10.0**power for power in range(math.floor(start), math.ceil(end) + 1) for step in steps]
    texts = [f"{value:,.{max(0, -math.floor(math.log10(value)))}f}" for value in values]
    shown = [(value, text) for value, text in zip(values, texts, strict=True) if start <= math.log10(value) <= end]
    ticks = {"tickvals": [value for value, _ in shown], "ticktext": [text for _, text in shown]}
    return {"type": "log", "range": [start, end], **ticks}


def short(name: str) -> str:
    return escape(shortened(name, _LONGEST))
