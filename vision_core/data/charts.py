"""Plotly figures of a data set's pictures: balance of classes, objects a picture, sizes, what is seen together.

Everything is counted with NumPy first, so a figure of a million pictures holds no more than one of a hundred. Where
there is nothing to show, the figure has no traces and says why in a sentence: a page shows whatever it gets.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape, new_figure
from vision_core.data.arrow import compute
from vision_core.data.index import DatasetIndex

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_CLASSES = 30
MOST_TOGETHER = 20
HEIGHT_PX = 320

# Few to many as faint to full: reads on a light and on a dark ground. Between the palette's two blues.
_DENSITY = [[0, "rgba(43,147,206,0.15)"], [1, "rgba(43,147,206,1)"]]
_ROW_PX = 22
_MOST_BARS = 40
_MOST_CELLS = 32
_SHORT_NAME = 18  # characters of a class's name beside its bar: a third of a phone 320 px wide
_FEW = 5  # up to so many Plotly would write halves beside a colour bar
_LINE = 42  # characters of a sentence across the same phone
_SPLIT_COLOURS = {"train": COLOURS[0], "val": COLOURS[1], "test": COLOURS[2]}

Things = Literal["labels", "boxes"]


def class_balance(index: DatasetIndex, of: Things = "boxes") -> Figure:
    """Bars of how many boxes, or pictures with that label, each class has in each split; the most frequent 30."""
    unit = "boxes" if of == "boxes" else "pictures"
    counts = _count_classes(index, of)
    if not counts.sum():
        return sentence("No boxes have been drawn yet." if of == "boxes" else "No picture has a label yet.")
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    shown, rest = order[:MOST_CLASSES], order[MOST_CLASSES:]
    many_splits = len(index.splits) > 1
    height = _ROW_PX * (len(shown) + bool(len(rest))) + FRAME_PX + many_splits * LEGEND_PX
    figure = framed(height, f"{unit} of the class", "")
    names = [escape(index.class_names[class_id]) for class_id in shown]
    for position, split in enumerate(index.splits):
        column = counts[:, position]
        share = 100 * column[shown] / max(column.sum(), 1)
        figure.add_bar(
            orientation="h",
            name=escape(split) or "no split",
            x=column[shown],
            y=np.arange(len(shown)),
            marker_color=_SPLIT_COLOURS.get(split, COLOURS[(position + 3) % len(COLOURS)]),
            customdata=list(zip(names, share.tolist(), strict=True)),
            hovertemplate=f"“%{{customdata[0]}}”: %{{x:,}} {unit}<br>%{{customdata[1]:.2~f}} % of all in "
            "%{fullData.name}<extra></extra>",
        )
    if len(rest):
        _write_rest(figure, len(shown), counts[rest].sum(axis=1), unit)
    figure.update_layout(barmode="stack", bargap=0.25, showlegend=many_splits)
    ticks = [short_name(index.class_names[class_id]) for class_id in shown]
    bottom = len(shown) - 0.5 + bool(len(rest))
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=ticks, showgrid=False, range=[bottom, -0.5])
    return figure


def objects_per_image(index: DatasetIndex) -> Figure:
    """Histogram of the number of boxes in the pictures that were searched for objects."""
    counts = index.objects_per_image[index.images["annotated"].to_numpy()]
    if not len(counts):
        return sentence("Nobody has looked for objects in these pictures yet.")
    step = -(-int(counts.max() + 1) // _MOST_BARS)
    bars = np.bincount(counts // step)
    low = np.arange(len(bars)) * step
    figure = framed(HEIGHT_PX, "objects in a picture", "pictures")
    figure.add_bar(
        x=low + (step - 1) / 2,
        y=bars,
        width=step * 0.9,
        marker_color=COLOURS[0],
        customdata=[
            (f"{a:,}" if step == 1 else f"{a:,} to {a + step - 1:,}", 100 * n / len(counts))
            for a, n in zip(low.tolist(), bars.tolist(), strict=True)
        ],
        hovertemplate="%{y:,} pictures (%{customdata[1]:.2~f} %)<br>show %{customdata[0]} objects<extra></extra>",
    )
    return figure


def image_sizes(index: DatasetIndex) -> Figure:
    """Where widths and heights lie, in pixels of the upright pictures; unmeasured pictures are left out."""
    sizes = np.stack([index.image_column("width_px"), index.image_column("height_px")], axis=1)
    sizes = sizes[(sizes > 0).all(axis=1)]
    if not len(sizes):
        return sentence("No picture has been measured yet.")
    low, high = sizes.min(axis=0), sizes.max(axis=0)
    if (low == high).all():
        return sentence(f"Every picture is {low[0]:,} × {low[1]:,} pixels.")
    step = -(-(high - low + 1) // _MOST_CELLS)
    cells = (sizes - low) // step
    shape = cells.max(axis=0) + 1
    counts = np.bincount(cells[:, 1] * shape[0] + cells[:, 0], minlength=shape.prod()).reshape(shape[1], shape[0])
    starts = [low[axis] + np.arange(shape[axis]) * step[axis] for axis in (0, 1)]
    ranges = [[_pixels(start, start + step[axis] - 1) for start in starts[axis].tolist()] for axis in (0, 1)]
    figure = framed(HEIGHT_PX + LEGEND_PX, "width (pixels)", "height (pixels)")
    add_density(
        figure,
        counts,
        (starts[0] + (step[0] - 1) / 2, starts[1] + (step[1] - 1) / 2),
        [[f"{width} wide, {height} high" for width in ranges[0]] for height in ranges[1]],
        "pictures",
    )
    return figure


def co_occurrence(index: DatasetIndex, of: Things = "boxes") -> Figure:
    """Of the pictures that show the class of a row, how many show the class of a column too; the 20 most frequent."""
    ids, shows = _presence(index, of)
    together = shows.T @ shows
    pictures = np.diag(together).copy()
    np.fill_diagonal(together, 0)
    if not together.any():
        return sentence("No picture shows two classes, so none are seen together.")
    share = np.full(together.shape, np.nan)
    np.divide(100 * together, pictures[:, None], out=share, where=together > 0)
    names, ticks = ([cut(index.class_names[i]) for i in ids] for cut in (escape, short_name))
    figure = framed(_ROW_PX * len(ids) + 220, "also shows", "pictures with")
    figure.add_heatmap(
        z=share,
        zmin=0,
        zmax=100,
        colorscale=_DENSITY,
        colorbar=_colour_bar("% of the row's pictures"),
        xgap=1,
        ygap=1,
        customdata=[
            [
                f"{together[a, b]:,.0f} of {pictures[a]:,.0f} pictures with<br>“{names[a]}” show “{names[b]}” too"
                for b in range(len(ids))
            ]
            for a in range(len(ids))
        ],
        hovertemplate="%{customdata}: %{z:.2~f} %<extra></extra>",
    )
    places = np.arange(len(ids))
    figure.update_xaxes(tickvals=places, ticktext=ticks, tickangle=-60, showgrid=False, title_standoff=32)
    figure.update_yaxes(tickvals=places, ticktext=ticks, showgrid=False, range=[len(ids) - 0.5, -0.5])
    return figure


def framed(height_px: int, x_title: str, y_title: str) -> Figure:
    """An empty figure whose axes are named."""
    figure = new_figure(height_px)
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(
        visible=True, title=y_title, gridcolor="rgba(128,128,128,0.25)", zeroline=False, automargin=True
    )
    return figure


def sentence(text: str) -> Figure:
    """A figure without traces that says why."""
    lines = textwrap.wrap(text, _LINE)
    figure = new_figure(_ROW_PX * len(lines) + 24)
    figure.add_annotation(
        text="<br>".join(map(escape, lines)), x=0, y=0.5, xref="paper", yref="paper", showarrow=False, align="left"
    )
    figure.update_xaxes(visible=False)
    return figure


def add_density(
    figure: Figure,
    counts: np.ndarray,
    centres: tuple[np.ndarray, np.ndarray],
    places: Sequence[Sequence[str]],
    unit: str,
) -> None:
    """Cells of a grid by how many `unit` lie in them, `(rows, columns)`; empty cells stay clear.

    Args:
        centres: where the columns lie on the x axis and the rows on the y axis.
        places: what each cell is called on hover.
    """
    figure.add_heatmap(
        x=centres[0],
        y=centres[1],
        z=np.where(counts > 0, counts, np.nan),
        zmin=0,
        colorscale=_DENSITY,
        colorbar=_colour_bar(unit, int(counts.max())),
        customdata=[
            [f"{place}<br>{100 * count / counts.sum():.3g} % of all" for place, count in zip(*row, strict=True)]
            for row in zip(places, counts.tolist(), strict=True)
        ],
        hovertemplate=f"%{{z:,}} {unit}: %{{customdata}}<extra></extra>",
    )


def short_name(name: str) -> str:
    """A class's name as a tick beside its bar."""
    return escape(name if len(name) <= _SHORT_NAME else f"{name[: _SHORT_NAME - 1]}…")


def _colour_bar(title: str, most: int = 100) -> dict[str, Any]:
    """What the colours of a heat map mean, above it; `most`: where it ends, so that small counts have whole ticks."""
    whole = {"tickmode": "linear", "tick0": 0, "dtick": 1} if most <= _FEW else {}
    return whole | {
        "title": {"text": title, "side": "top"},
        "orientation": "h",
        "thickness": 8,
        "outlinewidth": 0,
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "nticks": 5,
    }


def _pixels(low: int, high: int) -> str:
    return f"{low:,} px" if low == high else f"{low:,} to {high:,} px"


def _write_rest(figure: Figure, row: int, counts: np.ndarray, unit: str) -> None:
    """The line below the bars that sums up the classes that have none."""
    low, high = int(counts.min()), int(counts.max())
    each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    text = f"{len(counts):,} more with {each} {unit} each"
    figure.add_annotation(x=0, xref="paper", xanchor="left", y=row, text=text, showarrow=False)


def _class_pairs(index: DatasetIndex, of: Things) -> tuple[np.ndarray, np.ndarray]:
    """Row and class of every label, or of every box that is not a crowd; classes that do not exist are left out."""
    if of == "labels":
        rows, ids = index.label_pairs()
    else:
        single = ~index.boxes["crowd"].to_numpy()
        rows, ids = index.box_column("image")[single], index.box_column("class_id")[single]
    known = (ids >= 0) & (ids < len(index.class_names))
    return rows[known], ids[known]


def _count_classes(index: DatasetIndex, of: Things) -> np.ndarray:
    """`(classes, splits)` int64."""
    rows, ids = _class_pairs(index, of)
    names = index.images["split"].cast(pa.string())
    codes = np.zeros(len(index), np.int64)
    for position, split in enumerate(index.splits):
        codes[compute.equal(names, split).to_numpy()] = position
    shape = len(index.class_names), len(index.splits)
    return np.bincount(ids.astype(np.int64) * shape[1] + codes[rows], minlength=shape[0] * shape[1]).reshape(shape)


def _presence(index: DatasetIndex, of: Things) -> tuple[np.ndarray, np.ndarray]:
    """Ids `(K,)` of the most frequent classes, and `(pictures, K)` float32: 1 where a picture shows the class."""
    rows, classes = _class_pairs(index, of)
    counts = np.bincount(classes, minlength=len(index.class_names))
    ids = np.argsort(-counts, kind="stable")[: min(MOST_TOGETHER, np.count_nonzero(counts))]
    column_of = np.full(len(counts), -1)
    column_of[ids] = np.arange(len(ids))
    columns = column_of[classes]
    shows = np.zeros((len(index), len(ids)), np.float32)
    shows[rows[columns >= 0], columns[columns >= 0]] = 1
    return ids, shows
