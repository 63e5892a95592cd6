"""Plotly figures of runs while they learn: losses, the metric, learning rate, speed, memory; one colour a run.

Training figures are dotted and validation figures solid, so that they differ without colour too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.data.charts import framed, sentence, short_name
from vision_core.training.overview import metric_title

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from vision_core.training.finder import Finder

HEIGHT_PX = 300
_ROW_PX = 22
_LONGEST_NAME = 30
_MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star")
_LEAST_SPAN = 15  # percent
_NOTHING = "There is nothing to draw before the first epoch has ended."


@dataclass(frozen=True)
class Curve:
    """A run's name and its records, one an epoch. A run keeps its place's colour, also while others have no record."""

    name: str
    history: Sequence[dict[str, Any]]


def losses(runs: Sequence[Curve]) -> Figure:
    """Training (dotted) and validation loss of each run by epoch; of several, the legend names the solid ones."""
    shown = [(number, run) for number, run in enumerate(runs) if run.history]
    if not shown:
        return sentence(_NOTHING)
    names = _names(runs)
    figure = _by_epoch("loss", shown, len(runs) if len(runs) > 1 else 2)
    for number, run in shown:
        for part, title, dash in (("train", "training", "dot"), ("val", "validation", "solid")):
            points = [(r["epoch"], r.get(part, {}).get("loss")) for r in run.history]
            _line(figure, number, points, title if len(runs) == 1 else names[number], f"{title} loss %{{y:.4~g}}", dash)
            figure.data[-1].showlegend = len(runs) == 1 or part == "val"
    return figure


def metric(runs: Sequence[Curve], name: str, task: str) -> Figure:
    """One metric of each run, all of this task, by epoch, in percent, its best value marked with a ring."""
    shown = [(n, run) for n, run in enumerate(runs) if any(name in line.get("metrics", {}) for line in run.history)]
    if not shown:
        return sentence(_NOTHING)
    names = _names(runs)
    figure = _by_epoch(f"{metric_title(name, task)}, %", shown, len(runs))
    for number, run in shown:
        points = [(r["epoch"], _percent(r.get("metrics", {}).get(name))) for r in run.history]
        _line(figure, number, points, names[number], "%{y:.1f} %", "solid")
        kept = [(r["epoch"], _percent(r.get("metrics", {}).get(name))) for r in run.history if r.get("best")][-1:]
        figure.add_scatter(
            x=[epoch for epoch, _ in kept],
            y=[value for _, value in kept],
            mode="markers",
            marker={"symbol": "circle-open", "size": 15, "color": _colour(number), "line": {"width": 2}},
            hovertemplate="kept: epoch %{x}, %{y:.1f} %<extra></extra>",
            showlegend=False,
        )
    figure.update_yaxes(range=_percent_range([r["metrics"].get(name) for _, run in shown for r in run.history]))
    return figure


def learning_rate(runs: Sequence[Curve]) -> Figure:
    """The learning rate at the end of each epoch."""
    return _field(runs, "learning_rate", "learning rate", 1, "%{y:.3~g}")


def speed(runs: Sequence[Curve]) -> Figure:
    """Training pictures a second in each epoch."""
    return _field(runs, "images_per_second", "pictures a second", 1, "%{y:,.3~r} pictures/s")


def data_wait(runs: Sequence[Curve]) -> Figure:
    """Share of the training time that was spent waiting for pictures."""
    return _field(runs, "data_wait", "time waiting for pictures (%)", 100, "%{y:.1f} % of the time")


def memory(runs: Sequence[Curve]) -> Figure:
    """Peak memory by epoch."""
    return _field(runs, "peak_memory_bytes", "peak memory (GB)", 1e-9, "%{y:.2f} GB")


def device_use(runs: Sequence[Curve]) -> Figure:
    """How busy the GPU was at the end of each epoch, for runs that had one."""
    return _field(runs, "gpu_share", "GPU in use (%)", 100, "%{y:.0f} % of the time")


def class_counts(classes: Sequence[tuple[str, int]], most: int = 30) -> Figure:
    """Bars of how many training pictures show each class, the most frequent first."""
    ranked = sorted(classes, key=lambda item: -item[1])
    shown = ranked[:most]
    figure = framed(_ROW_PX * len(shown) + FRAME_PX, "training pictures", "")
    figure.add_bar(
        orientation="h",
        x=[count for _, count in shown],
        y=list(range(len(shown))),
        marker_color=COLOURS[0],
        customdata=[[escape(name)] for name, _ in shown],
        hovertemplate="“%{customdata[0]}”: %{x:,} training pictures<extra></extra>",
    )
    if len(ranked) > most:
        figure.update_xaxes(title=f"training pictures ({len(ranked) - most} rarer classes are left out)")
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[short_name(name) for name, _ in shown],
        showgrid=False,
        range=[len(shown) - 0.5, -0.5],
    )
    return figure


def search(found: Finder) -> Figure:
    """The learning-rate finder's losses by rate, its suggestion marked."""
    figure = framed(HEIGHT_PX, "learning rate (logarithmic)", "loss")
    figure.add_scatter(
        x=list(found.rates),
        y=list(found.losses),
        mode="lines",
        line={"color": COLOURS[0], "width": 3},
        hovertemplate="rate %{x:.2~g}: loss %{y:.4~g}<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=found.suggestion, line={"color": COLOURS[3], "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=math.log10(found.suggestion),  # a logarithmic axis wants its annotations so
        y=1,
        yref="paper",
        yanchor="bottom",
        text=f"suggested: {found.suggestion:.2g}",
        showarrow=False,
    )
    figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    figure.update_layout(margin={"t": 28})
    low = min(found.losses)
    start = found.losses[0]
    figure.update_yaxes(range=[low - 0.1 * abs(start - low), max(start, low) + 1.0 * max(start - low, 1e-6)])
    return figure


def _field(runs: Sequence[Curve], field: str, title: str, scale: float, shown_as: str) -> Figure:
    """One number of each record by epoch."""
    shown = [(n, run) for n, run in enumerate(runs) if any(line.get(field) is not None for line in run.history)]
    if not shown:
        return sentence(_NOTHING)
    names = _names(runs)
    figure = _by_epoch(title, shown, len(runs))
    for number, run in shown:
        points = [(r["epoch"], None if r.get(field) is None else scale * r[field]) for r in run.history]
        _line(figure, number, points, names[number], shown_as, "solid")
    figure.update_yaxes(rangemode="tozero")
    return figure


def _by_epoch(y_title: str, shown: Sequence[tuple[int, Curve]], entries: int) -> Figure:
    """An empty figure over the epochs of these runs, with room for so many entries of a legend."""
    longest = max(int(record["epoch"]) for _, run in shown for record in run.history)
    legend_px = _ROW_PX * entries if entries > 1 else 0
    figure = framed(HEIGHT_PX + max(legend_px, LEGEND_PX if entries > 1 else 0), "epoch", y_title)
    figure.update_xaxes(tickformat="d", tick0=0, dtick=_step(longest))
    figure.update_layout(showlegend=entries > 1, hovermode="closest")
    return figure


def _percent_range(values: Sequence[float | None]) -> tuple[float, float]:
    """What an axis shows of these fractions, in percent: all, and never so little that noise looks like news."""
    known = [100 * value for value in values if value is not None]
    low, high = min(known), max(known)
    margin = max(_LEAST_SPAN - (high - low), 0.1 * (high - low)) / 2
    return max(-2.0, low - margin), min(102.0, high + margin)


def _step(longest: int) -> int:
    """Epochs from tick to tick, so that there are ten at most and all are whole."""
    return next(step * 10**power for power in range(9) for step in (1, 2, 5) if longest <= 10 * step * 10**power)


def _line(
    figure: Figure, number: int, points: Sequence[tuple[int, float | None]], name: str, shown_as: str, dash: str
) -> None:
    solid = dash == "solid"
    figure.add_scatter(
        x=[epoch for epoch, _ in points],
        y=[value for _, value in points],
        name=name,
        mode="lines+markers" if solid and len(points) <= 60 else "lines" if len(points) > 1 else "markers",
        line={"color": _colour(number), "width": 3 if solid else 2, "dash": dash},
        marker={"symbol": _MARKERS[number % len(_MARKERS)], "size": 7},
        hovertemplate=f"epoch %{{x}}: {shown_as}<extra>%{{fullData.name}}</extra>",
    )


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _names(runs: Sequence[Curve]) -> list[str]:
    """The curves' names in the legend, each of its own: cut at the end, where that leaves two alike in the middle."""
    names = [run.name for run in runs]
    half = _LONGEST_NAME // 2
    ends = [_cut(name, f"{name[: _LONGEST_NAME - 1]}…") for name in names]
    middles = [_cut(name, f"{name[: half - 1]}…{name[-half:]}") for name in names]
    found = [middle if ends.count(end) > 1 else end for end, middle in zip(ends, middles, strict=True)]
    return [
        escape(name if found.count(name) == 1 else f"{name} ({1 + found[:place].count(name)})")
        for place, name in enumerate(found)
    ]


def _cut(name: str, shorter: str) -> str:
    return name if len(name) <= _LONGEST_NAME else shorter


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
