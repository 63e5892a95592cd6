"""Plotly figures of shares that change: curves against a threshold or each other, how sure and how right, robustness.

The template is that of `vision_core.charts`; shares are drawn in percent. Lines differ by more than their colour: by
dash, and by marker where points count. Where there is nothing to show, the figure says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, GREY, LEGEND_PX, escape
from vision_core.data.charts import framed, sentence

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT_PX = 330
MOST_LINES = 6
EDGE_PX = 14  # beside the plot, for the half of "100" that stands out
_ROOM = 0.25  # of the axis: what a mark's text takes on a phone
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a chart: `(P,)` places and heights, its name, and what to say of each point on hover."""

    name: str
    x: np.ndarray
    y: np.ndarray
    says: Sequence[str] = ()


@dataclass(frozen=True)
class Mark:
    """A threshold worth looking at: where it is, and what it is called."""

    x: float
    text: str


def lines(
    curves: Sequence[Line],
    titles: tuple[str, str],
    marks: Sequence[Mark] = (),
    diagonal: bool = False,
    span: tuple[float, float] = (0, 100),
) -> Figure:
    """Curves of shares, both axes 0 to 100 %: precision against recall, ROC, figures against a threshold.

    Args:
        curves: fractions of 1; the x axis too.
        titles: of both axes.
        marks: vertical lines with a text each, at fractions of 1.
        diagonal: what chance gives, dotted.
    """
    shown = [curve for curve in curves if len(curve.x)]
    if not shown:
        return sentence("There is nothing to draw.")
    several = len(shown) > 1
    figure = framed(HEIGHT_PX + (LEGEND_PX if several else 0), titles[0], titles[1])
    for number, curve in enumerate(shown):
        figure.add_scatter(
            x=100 * np.asarray(curve.x, float),
            y=100 * np.asarray(curve.y, float),
            name=escape(curve.name),
            mode="lines" if len(curve.x) > 1 else "markers",
            line={"color": COLOURS[number % len(COLOURS)], "width": 2.5, "dash": _DASHES[number % len(_DASHES)]},
            hovertext=list(curve.says) or None,
            hovertemplate=f"{escape(titles[0])} %{{x:.1f}}, {escape(titles[1])} %{{y:.1f}}"
            + ("<br>%{hovertext}" if len(curve.says) else "")
            + "<extra>%{fullData.name}</extra>",
            showlegend=several,
        )
    if diagonal:
        _dotted(figure, [0, 100], [0, 100], "chance")
    apart = _apart(marks)
    first = min((mark.x for mark in apart), default=0.0)
    for number, mark in enumerate(apart):
        _mark(figure, mark, number, leftwards=mark.x > _ROOM and (mark.x == first or mark.x > 1 - _ROOM))
    figure.update_xaxes(range=[-1, 101], ticksuffix="")
    figure.update_yaxes(range=[span[0] - 1, span[1] + 2])
    figure.update_layout(showlegend=several, margin_r=EDGE_PX)
    return figure


def _apart(marks: Sequence[Mark]) -> list[Mark]:
    """The marks, those at one place joined into one."""
    kept: list[Mark] = []
    for mark in marks:
        same = next((one for one in kept if abs(one.x - mark.x) < 0.005), None)
        if same is None:
            kept.append(mark)
        else:
            kept[kept.index(same)] = Mark(same.x, f"{same.text}, {mark.text.partition(':')[0]}")
    return kept


def _dotted(figure: Figure, x: Sequence[float], y: Sequence[float], name: str) -> None:
    figure.add_scatter(
        x=x, y=y, mode="lines", name=name, line={"color": GREY, "width": 1.5, "dash": "dot"}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def _mark(figure: Figure, mark: Mark, number: int, leftwards: bool) -> None:
    """A vertical line and its text, above the axis where no legend is; each on a line of its own and on the side where
    no other mark crosses it."""
    figure.add_vline(x=100 * mark.x, line={"color": COLOURS[(3 + number) % len(COLOURS)], "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=100 * mark.x,
        y=0,
        yref="paper",
        yanchor="bottom",
        xanchor="right" if leftwards else "left",
        yshift=2 + 16 * number,
        text=escape(mark.text),
        showarrow=False,
    )


def reliability(
    confidence: np.ndarray, right: np.ndarray, count: np.ndarray, after: tuple[np.ndarray, np.ndarray] | None = None
) -> Figure:
    """How often answers are right by how sure they sound; the bars would all end on the dotted line.

    Args:
        confidence, right, count: `(B,)` of each bin: mean score, share that is right, answers; empty bins have none.
        after: mean score and share that is right with another temperature, drawn as a line.
    """
    known = count > 0
    if not known.any():
        return sentence("There are no answers.")
    figure = framed(HEIGHT_PX + LEGEND_PX, "score of the answers (%)", "of these are right (%)")
    middles = (np.arange(len(count)) + 0.5) * 100 / len(count)
    figure.add_bar(
        x=middles[known],
        y=100 * right[known],
        width=0.92 * 100 / len(count),
        name="now",
        marker_color=COLOURS[1],
        customdata=np.stack([count[known], 100 * confidence[known]], axis=1),
        hovertemplate="%{customdata[0]:,} answers sound %{customdata[1]:.1f} % sure<br>"
        "%{y:.1f} % are right<extra></extra>",
    )
    if after is not None:
        some = ~np.isnan(after[1])
        figure.add_scatter(
            x=100 * after[0][some],
            y=100 * after[1][some],
            mode="lines+markers",
            name="with the fitted temperature",
            line={"color": COLOURS[0], "width": 2.5},
            marker={"symbol": "diamond", "size": 8},
            hovertemplate="sound %{x:.1f} % sure, %{y:.1f} % are right<extra></extra>",
        )
    _dotted(figure, [0, 100], [0, 100], "as right as sure")
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[0, 103])
    figure.update_layout(showlegend=after is not None, margin_r=EDGE_PX)
    return figure


def by_severity(curves: Mapping[str, Sequence[float]], clean: float, title: str) -> Figure:
    """A figure against how badly pictures were spoilt: 0 is as they are, then one point a step.

    Args:
        curves: of each kind of damage, the figure at each step, fractions of 1.
        clean: the figure of the pictures as they are.
    """
    if not curves:
        return sentence("There is nothing to draw.")
    figure = framed(HEIGHT_PX + LEGEND_PX, "how bad (0: as it is)", f"{title} (%)")
    for number, (name, values) in enumerate(curves.items()):
        figure.add_scatter(
            x=list(range(len(values) + 1)),
            y=[100 * clean, *(100 * value for value in values)],
            name=escape(name),
            mode="lines+markers",
            line={"color": COLOURS[number % len(COLOURS)], "width": 2.5, "dash": _DASHES[number % len(_DASHES)]},
            marker={"symbol": MARKERS[number % len(MARKERS)], "size": 8},
            hovertemplate=f"{escape(name)}, step %{{x}}: %{{y:.1f}} %<extra></extra>",
        )
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(showlegend=True)
    return figure
