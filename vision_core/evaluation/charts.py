"""Plotly figures of an evaluation: what is taken for what, how sure and how right, curves, slices, robustness.

All share the template of `vision_core.charts`. Lines and bars differ by more than their colour: by dash, by marker, or
by standing in a row of their own. Shares are drawn in percent. Where there is nothing to show, the figure says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape, new_figure
from vision_core.data.charts import framed, sentence, short_name

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT_PX = 330
MOST_CLASSES = 30
MOST_LINES = 6
# Faint cells let the page's own text through, full ones carry white: both read on a light and on a dark page.
_DENSITY = [
    [0, "rgba(43,147,206,0)"],
    [0.001, "rgba(43,147,206,0.12)"],
    [0.25, "rgba(43,147,206,0.3)"],
    [0.2501, "#2A76B5"],
    [1, "#084A7F"],
]
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star")
_GREY = "#7B7B7B"
_ROW_PX, _NAMED_ROW_PX, _CELL_PX = 30, 44, 34
_LONGEST_NAME = 36  # characters above a row, with its value, on a phone
_FULL_CELL = 0.2501  # from this share of the fullest cell on, white is the text that reads
_MOST_TEXTS = 16  # classes up to which a cell has room for its number


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


@dataclass(frozen=True)
class Bar:
    """A figure with its interval, both ends None where it has none; `says` on hover, `key` for whoever clicks it."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    says: str = ""
    key: str = ""


def confusion(
    counts: np.ndarray, names: Sequence[str], of_row: bool = False, axes: tuple[str, str] = ("truth", "answer")
) -> Figure:
    """A confusion matrix whose cells can be clicked; `customdata` holds a cell's row and column.

    Of more than 30 classes, those with most mistakes are shown.

    Args:
        counts: `(K, K)` int, truth by answer.
        of_row: shares of the row instead of counts.
    """
    if not counts.sum():
        return sentence("There is nothing to count: no picture has an answer.")
    kept: list[int] = most_mistaken(counts).tolist()
    shown = counts[np.ix_(kept, kept)]
    total = counts.sum(axis=1)[kept]
    share = np.divide(shown, total[:, None], out=np.zeros(shown.shape), where=total[:, None] > 0)
    ticks = [short_name(names[i]) for i in kept]
    left_out = len(counts) - len(kept)
    note = f" ({left_out} classes with fewer mistakes are left out)" if left_out else ""
    figure = framed(_CELL_PX * len(kept) + 150, f"{axes[1]}{note}", axes[0])
    places = np.arange(len(kept))
    strength = share if of_row else shown / max(1, shown.max())
    figure.add_heatmap(
        z=strength, zmin=0, zmax=1, colorscale=_DENSITY, showscale=False, xgap=1, ygap=1, hoverinfo="skip"
    )
    called = [escape(str(names[i])) for i in kept]
    says = [
        f"{axes[0]} “{true}”, {axes[1]} “{said}”:<br>{shown[a, b]:,} of {total[a]:,} ({100 * share[a, b]:.1f} %)"
        for a, true in enumerate(called)
        for b, said in enumerate(called)
    ]
    _add_cells(figure, kept, says)
    if len(kept) <= _MOST_TEXTS:
        _add_texts(figure, shown, share, strength, of_row)
    figure.update_xaxes(tickvals=places, ticktext=ticks, tickangle=-45, showgrid=False, title_standoff=16)
    figure.update_yaxes(tickvals=places, ticktext=ticks, showgrid=False, range=[len(kept) - 0.5, -0.5])
    figure.update_xaxes(range=[-0.5, len(kept) - 0.5])
    return figure


def most_mistaken(counts: np.ndarray, most: int = MOST_CLASSES) -> np.ndarray:
    """The classes that a confusion matrix shows, in their order: those with most mistakes; the last row stays, for it
    may be the background."""
    if len(counts) <= most:
        return np.arange(len(counts))
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    wrong[-1] = wrong.max() + 1
    return np.sort(np.argsort(-wrong, kind="stable")[:most])


def _add_cells(figure: Figure, kept: Sequence[int], says: Sequence[str]) -> None:
    """A square in each cell that nobody sees until it is chosen: heat maps themselves cannot be clicked."""
    places = np.arange(len(kept))
    figure.add_scatter(
        x=np.tile(places, len(kept)),
        y=np.repeat(places, len(kept)),
        mode="markers",
        marker={"symbol": "square-open", "size": 22, "color": COLOURS[1], "opacity": 0, "line": {"width": 3}},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0}},
        customdata=[[a, b] for a in kept for b in kept],
        hovertext=says,
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _add_texts(figure: Figure, counts: np.ndarray, share: np.ndarray, strength: np.ndarray, of_row: bool) -> None:
    """The number in each cell that is not empty: white where the cell is full, else as the page's own text.

    Annotations, since the texts of a trace fade when a cell is chosen.
    """
    for a, b in zip(*map(np.ndarray.tolist, np.nonzero(counts)), strict=True):
        figure.add_annotation(
            x=b,
            y=a,
            text=f"{100 * share[a, b]:.0f} %" if of_row else f"{counts[a, b]:,}",
            font={"size": 11} | ({"color": "#FFFFFF"} if strength[a, b] >= _FULL_CELL else {}),
            showarrow=False,
        )


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
    for number, mark in enumerate(_apart(marks)):
        _mark(figure, mark, number)
    figure.update_xaxes(range=[-1, 101], ticksuffix="")
    figure.update_yaxes(range=[span[0] - 1, span[1] + 2])
    figure.update_layout(showlegend=several)
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
        x=x, y=y, mode="lines", name=name, line={"color": _GREY, "width": 1.5, "dash": "dot"}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def _mark(figure: Figure, mark: Mark, number: int) -> None:
    """A vertical line and its text, above the axis where no legend is; each text on a line of its own."""
    figure.add_vline(x=100 * mark.x, line={"color": COLOURS[(3 + number) % len(COLOURS)], "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=100 * mark.x,
        y=0,
        yref="paper",
        yanchor="bottom",
        xanchor="left" if mark.x < 0.5 else "right",
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
    figure.update_layout(showlegend=after is not None)
    return figure


def intervals(bars: Sequence[Bar], title: str, overall: float | None = None, percent: bool = True) -> Figure:
    """A point with its interval for each row, its name above it; `overall` is a dotted line through all.

    A row without a value says "cannot say" and its `says`. Rows can be clicked: `customdata` holds their key.
    """
    if not bars:
        return sentence("There is nothing to compare.")
    factor, unit = (100.0, " %") if percent else (1.0, "")
    figure = new_figure(_NAMED_ROW_PX * len(bars) + FRAME_PX)
    known = [(row, bar, bar.value) for row, bar in enumerate(bars) if bar.value is not None and np.isfinite(bar.value)]
    figure.add_scatter(
        x=[factor * value for _, _, value in known],
        y=[row for row, _, _ in known],
        mode="markers",
        marker={"size": 11, "color": COLOURS[0]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [factor * _beyond(value, bar.high) for _, bar, value in known],
            "arrayminus": [factor * _beyond(bar.low, value) for _, bar, value in known],
            "thickness": 2,
            "width": 5,
            "color": COLOURS[0],
        },
        customdata=[[bar.key or str(row)] for row, bar, _ in known],
        hovertext=[_said(bar, factor, unit) for _, bar, _ in known],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    drawn = {row for row, _, _ in known}
    for row, bar in enumerate(bars):
        _name_row(figure, row, bar, "" if row in drawn else "cannot say", factor, unit)
    if overall is not None and np.isfinite(overall):
        figure.add_vline(x=factor * overall, line={"color": _GREY, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title=title)
    figure.update_yaxes(range=[len(bars) - 0.6, -0.75], tickvals=list(range(len(bars))), ticktext=_ticks(bars))
    return figure


def _ticks(bars: Sequence[Bar]) -> list[str]:
    """Names for whoever exports the numbers; on the chart they stand above their rows."""
    return [escape(bar.name) for bar in bars]


def _name_row(figure: Figure, row: int, bar: Bar, instead: str, factor: float, unit: str) -> None:
    """A row's name above it, and its value, or why there is none."""
    value = instead or f"{factor * (bar.value or 0):.3g}{unit}"
    name = bar.name if len(bar.name) <= _LONGEST_NAME else f"{bar.name[: _LONGEST_NAME - 1]}…"
    figure.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        y=row,
        yanchor="bottom",
        yshift=7,
        text=f"{escape(name)}  <b>{escape(value)}</b>",
        hovertext=escape(f"{bar.name}: {bar.says}" if bar.says else bar.name),
        showarrow=False,
    )


def _beyond(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None or not np.isfinite(high - low) else max(0.0, high - low)


def _said(bar: Bar, factor: float, unit: str) -> str:
    between = ""
    if bar.low is not None and bar.high is not None and np.isfinite(bar.high - bar.low):
        between = f" (95 %: {factor * bar.low:.3g} to {factor * bar.high:.3g}{unit})"
    value = f"{factor * (bar.value or 0):.3g}{unit}"
    return f"{escape(bar.name)}: {value}{between}" + (f"<br>{escape(bar.says)}" if bar.says else "")


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


def label_counts(counts: np.ndarray, names: Sequence[str], kinds: Sequence[str]) -> Figure:
    """Bars of how often each class was rightly said, wrongly said, and not said; each can be clicked.

    `customdata` holds a bar's class and its place among the kinds. Of more than 30 classes those with most mistakes
    are shown.

    Args:
        counts: `(K, L)` int, of each class and kind; the first kind is the right one.
    """
    order = np.argsort(-counts[:, 1:].sum(axis=1), kind="stable")[:MOST_CLASSES]
    rows = np.sort(order) if len(counts) <= MOST_CLASSES else order
    figure = framed(_ROW_PX * len(rows) + FRAME_PX + LEGEND_PX, "pictures", "")
    patterns = ("", "/", ".")
    for kind, title in enumerate(kinds):
        figure.add_bar(
            orientation="h",
            name=escape(title),
            x=counts[rows, kind],
            y=np.arange(len(rows)),
            marker={"color": COLOURS[(0, 3, 1)[kind % 3]], "pattern": {"shape": patterns[kind % 3]}},
            customdata=[[int(row), kind] for row in rows],
            hovertext=[escape(str(names[row])) for row in rows],
            hovertemplate=f"“%{{hovertext}}”: %{{x:,}} pictures, {escape(title)}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.3, showlegend=True)
    figure.update_yaxes(
        tickvals=np.arange(len(rows)),
        ticktext=[short_name(str(names[row])) for row in rows],
        showgrid=False,
        range=[len(rows) - 0.5, -0.5],
    )
    return figure
