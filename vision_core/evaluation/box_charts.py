"""Plotly figures of a detector's evaluation: what its average precision is lost to, and how it does by size.

The template is that of `vision_core.charts`; shares are drawn in percent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, escape
from vision_core.data.charts import framed, sentence
from vision_core.evaluation.tide import ErrorBreakdown

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TITLES = {
    "class": "wrong class",
    "location": "misplaced",
    "both": "wrong and misplaced",
    "duplicate": "duplicate",
    "background": "on background",
    "missed": "missed",
    "false_positives": "all false boxes",
    "false_negatives": "all misses",
}
_ROW_PX = 34
_OF_ALL = ("false_positives", "false_negatives")


def error_bars(report: ErrorBreakdown) -> Figure:
    """TIDE: by how much AP50 would rise without each kind of error; bars can be clicked.

    `customdata` holds a bar's kind. The last two rows sum up: without any false box, without any miss.
    """
    gains: dict[str, float | None] = {str(kind): gain for kind, gain in report.gains.items()}
    gains |= {"false_positives": report.false_positives, "false_negatives": report.false_negatives}
    names = list(gains)
    figure = framed(_ROW_PX * len(names) + FRAME_PX + 12, "AP50 lost to it (percentage points)", "")
    known = [(row, name, gain) for row, (name, gain) in enumerate(gains.items()) if gain is not None]
    figure.add_bar(
        orientation="h",
        x=[100 * gain for _, _, gain in known],
        y=[row for row, _, _ in known],
        text=[f"{100 * gain:.1f}" for _, _, gain in known],
        textposition="outside",
        cliponaxis=False,
        marker={
            "color": [COLOURS[1] if name in _OF_ALL else COLOURS[0] for _, name, _ in known],
            "pattern": {"shape": ["/" if name in _OF_ALL else "" for _, name, _ in known]},
        },
        customdata=[[name] for _, name, _ in known],
        hovertext=[_counted(report, name) for _, name, _ in known],
        hovertemplate="%{hovertext}<br>AP50 would rise by %{x:.2f} points<extra></extra>",
        unselected={"marker": {"opacity": 0.45}},
    )
    for row, name in enumerate(names):
        if gains[name] is None:
            figure.add_annotation(
                x=0, xref="paper", xanchor="left", y=row, text="cannot say: nothing would be left", showarrow=False
            )
    figure.update_layout(bargap=0.35, showlegend=False)
    most = max([gain for _, _, gain in known], default=0.0)
    figure.update_xaxes(range=[0, max(1.0, 115 * most)])
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[TITLES[name] for name in names],
        showgrid=False,
        range=[len(names) - 0.5, -0.5],
    )
    return figure


def _counted(report: ErrorBreakdown, name: str) -> str:
    counts: Mapping[Any, int] = report.counts
    if name not in counts:
        return TITLES[name]
    return f"{TITLES[name]}: {counts[name]:,} boxes, whatever their score"


def by_size(rows: Sequence[Mapping[str, Any]], figure_name: str, title: str) -> Figure:
    """Bars of one figure for all, small, medium and large objects; a size without objects says so.

    Args:
        rows: as `CocoScores.by_size` gives them.
    """
    if not rows:
        return sentence("There is no true box.")
    figure = framed(_ROW_PX * len(rows) + FRAME_PX, f"{title} (%)", "")
    known = [(place, row) for place, row in enumerate(rows) if figure_name in row and np.isfinite(row[figure_name])]
    figure.add_bar(
        orientation="h",
        x=[100 * row[figure_name] for _, row in known],
        y=[place for place, _ in known],
        text=[f"{100 * row[figure_name]:.1f}" for _, row in known],
        textposition="outside",
        cliponaxis=False,
        marker_color=COLOURS[0],
        hovertext=[f"{escape(str(row['size']))}: {row['boxes']:,} true boxes" for _, row in known],
        hovertemplate="%{hovertext}<br>%{x:.1f} %<extra></extra>",
    )
    for place, _ in enumerate(rows):
        if not any(place == other for other, _ in known):
            figure.add_annotation(
                x=0, xref="paper", xanchor="left", y=place, text="no object of this size", showarrow=False
            )
    figure.update_layout(bargap=0.35, showlegend=False)
    figure.update_xaxes(range=[0, 112], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[f"{row['size']} ({row['boxes']:,})" for row in rows],
        showgrid=False,
        range=[len(rows) - 0.5, -0.5],
    )
    return figure
