"""Plotly figure of figures with their intervals: a row each, its name above it, or why nobody can say.

The template is that of `vision_core.charts`; shares are drawn in percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, GREY, escape, new_figure
from vision_core.data.charts import sentence

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_NAMED_ROW_PX = 44
_LONGEST_NAME = 36  # characters above a row, with its value, on a phone


@dataclass(frozen=True)
class Bar:
    """A figure with its interval, both ends None where it has none; `says` on hover, `key` for whoever clicks it."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    says: str = ""
    key: str = ""


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
        figure.add_vline(x=factor * overall, line={"color": GREY, "width": 1.5, "dash": "dot"})
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
