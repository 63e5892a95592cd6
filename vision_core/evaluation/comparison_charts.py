"""Plotly figures of several runs side by side: every question a panel, every run a row, "cannot say" in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.data.charts import framed, sentence, short_name
from vision_core.evaluation.charts import MARKERS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ROW_PX = 26
MOST_CLASSES = 20


def by_class(values: Mapping[str, np.ndarray], names: Sequence[str], title: str, percent: bool = True) -> Figure:
    """One figure of every class, a marker a run; classes where the runs differ most first.

    Args:
        values: of each run, `(K,)`, nan where it cannot say.
        names: `(K,)` of the classes.
    """
    table = np.stack(list(values.values())) if values else np.zeros((0, len(names)))
    known = ~np.isnan(table)
    if not known.any():
        return sentence("None of these runs can say.")
    some = known.any(axis=0)
    spread = np.zeros(len(names))
    spread[some] = np.nanmax(table[:, some], axis=0) - np.nanmin(table[:, some], axis=0)
    order: list[int] = np.argsort(-spread, kind="stable").tolist()
    shown = [place for place in order if known[:, place].any()][:MOST_CLASSES]
    factor, unit = (100.0, " %") if percent else (1.0, "")
    figure = framed(_ROW_PX * len(shown) + FRAME_PX + LEGEND_PX, title, "")
    for number, (run, each) in enumerate(values.items()):
        rows = [row for row, place in enumerate(shown) if not np.isnan(each[place])]
        figure.add_scatter(
            x=[factor * float(each[shown[row]]) for row in rows],
            y=rows,
            mode="markers",
            name=escape(run),
            marker={"symbol": MARKERS[number % len(MARKERS)], "size": 11, "color": COLOURS[number % len(COLOURS)]},
            hovertext=[escape(str(names[shown[row]])) for row in rows],
            hovertemplate=f"“%{{hovertext}}”: %{{x:.3g}}{unit}<extra>%{{fullData.name}}</extra>",
            showlegend=True,
        )
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[short_name(str(names[place])) for place in shown],
        range=[len(shown) - 0.5, -0.5],
    )
    return figure
