"""The embedding map as a Plotly figure: a point a picture, alike ones close together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, escape
from vision_core.data.charts import framed, sentence

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_POINTS = 20_000
"""More points than this make a map no clearer and a telephone slow; an even choice of them is drawn."""
_HEIGHT_PX = 480
_SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star", "pentagon")


@dataclass(frozen=True, eq=False)
class MapPoints:
    """What an embedding map shows, one entry a picture.

    Attributes:
        points: `(n, 2)`.
        rows: `(n,)` int, rows of the index; they come back as a point's `customdata` when it is clicked.
        captions: shown on hover, one a picture.
        groups: `(n,)` int, 0..len(group_names) - 1: cluster or known class, told apart by colour and shape.
    """

    points: np.ndarray
    rows: np.ndarray
    captions: Sequence[str]
    groups: np.ndarray
    group_names: Sequence[str]


def embedding_map(shown: MapPoints) -> Figure:
    """A point a picture, alike ones close together; a click gives its row as `customdata`."""
    import plotly.graph_objects as go

    if not len(shown.points):
        return sentence("No picture could be opened, so there is nothing to map.")
    chosen = np.unique(np.linspace(0, len(shown.points) - 1, MOST_POINTS).round().astype(np.int64))
    figure = framed(_HEIGHT_PX, "alike lies close; axes have no unit", "")
    for group, name in enumerate(shown.group_names):
        members = chosen[shown.groups[chosen] == group]
        if len(members):
            figure.add_trace(
                go.Scattergl(
                    name=escape(name),
                    mode="markers",
                    x=shown.points[members, 0],
                    y=shown.points[members, 1],
                    customdata=shown.rows[members],
                    text=[escape(str(shown.captions[i])) for i in members],
                    hovertemplate="%{text}<extra>%{fullData.name}</extra>",
                    marker={
                        "size": 7,
                        "opacity": 0.8,
                        "color": COLOURS[group % len(COLOURS)],
                        "symbol": _SYMBOLS[group // len(COLOURS) % len(_SYMBOLS)],
                    },
                )
            )
    below = {"y": -0.08, "yanchor": "top"}  # above it would lie under the toolbar
    figure.update_layout(showlegend=True, hovermode="closest", legend=below, hoverlabel={"font": {"size": 14}})
    figure.update_xaxes(showticklabels=False, showgrid=False, fixedrange=False)
    figure.update_yaxes(visible=False, fixedrange=False, scaleanchor="x")
    return figure
