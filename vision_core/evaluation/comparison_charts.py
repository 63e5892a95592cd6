"""Plotly figures of several runs side by side: how they do on every class, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.data.charts import framed, sentence, short_name
from vision_core.evaluation.curve_charts import MARKERS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ROW_PX, _RUN_PX = 26, 12  # a class at least; each of its runs
MOST_CLASSES = 20


def by_class(
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    title: str,
    percent: bool = True,
    ends: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """One figure of every class, a marker a run; classes where the runs differ most first.

    Args:
        values: of each run, `(K,)`, nan where it cannot say.
        names: `(K,)` of the classes.
        ends: of each run, `(K, 2)`, low and high of its 95 % interval, nan where it has none.
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
    figure = framed(max(_ROW_PX, _RUN_PX * (len(values) + 1)) * len(shown) + FRAME_PX + LEGEND_PX, title, "")
    for number, (run, each) in enumerate(values.items()):
        rows = [row for row, place in enumerate(shown) if not np.isnan(each[place])]
        places = [shown[row] for row in rows]
        between = _known_ends(each, None if ends is None else ends.get(run))[places]
        beside = (number - (len(values) - 1) / 2) / (len(values) + 1)
        colour = COLOURS[number % len(COLOURS)]
        figure.add_scatter(
            x=(factor * each[places]).tolist(),
            y=[row + beside for row in rows],
            mode="markers",
            name=escape(run),
            marker={"symbol": MARKERS[number % len(MARKERS)], "size": 11, "color": colour},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (factor * (between[:, 1] - each[places])).tolist(),
                "arrayminus": (factor * (each[places] - between[:, 0])).tolist(),
                "color": colour,
                "thickness": 1.5,
                "width": 3,
            },
            hovertext=[
                _said(str(names[place]), factor * pair, unit) for place, pair in zip(places, between, strict=True)
            ],
            hovertemplate=f"%{{hovertext}}%{{x:.3g}}{unit}<extra>%{{fullData.name}}</extra>",
            showlegend=True,
        )
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[short_name(str(names[place])) for place in shown],
        range=[len(shown) - 0.5, -0.5],
    )
    return figure


def _known_ends(each: np.ndarray, ends: np.ndarray | None) -> np.ndarray:
    """`(K, 2)`: the ends, and the figure itself where it has none, so that nothing is drawn."""
    alone = np.stack([each, each], axis=1)
    return alone if ends is None else np.where(np.isnan(ends).any(axis=1, keepdims=True), alone, ends)


def _said(name: str, pair: np.ndarray, unit: str) -> str:
    """A class, and its interval where it has one, in front of its figure."""
    between = f" (95 %: {pair[0]:.3g} to {pair[1]:.3g}{unit})" if pair[0] < pair[1] else ""
    return f"“{escape(name)}”{between}: "
