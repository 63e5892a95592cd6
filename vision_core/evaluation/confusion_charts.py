"""Plotly figures of what is taken for what: matrices of cells and bars of classes that open the pictures behind them.

The template is that of `vision_core.charts`. Where there is nothing to show, the figure says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.data.charts import framed, sentence, short_name

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_CLASSES = 30
# Faint cells let the page's own text through, full ones carry white: both read on a light and on a dark page.
_DENSITY = [
    [0, "rgba(43,147,206,0)"],
    [0.001, "rgba(43,147,206,0.12)"],
    [0.25, "rgba(43,147,206,0.3)"],
    [0.2501, "#2A76B5"],
    [1, "#084A7F"],
]
_FULL_CELL = 0.2501  # from this share of the fullest cell on, white is the text that reads
_MOST_TEXTS = 16  # classes up to which a cell has room for its number
_ROW_PX, _CELL_PX = 30, 34


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
