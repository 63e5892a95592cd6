"""Plotly figures of a data set's boxes: how large, where, and of what shape. Crowds are left out, as in training.

Sizes in pixels need the boxes alone; shares and places of the picture also its size, so unmeasured pictures are left
out there. See `vision_core.data.charts` for the rest.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, LEGEND_PX
from vision_core.data.charts import HEIGHT_PX, add_density, framed, sentence
from vision_core.data.index import EDGES, DatasetIndex

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SMALL_PX, LARGE_PX = 32, 96
"""COCO's bands (cocodataset.org, "Detection Evaluation"): a small object's area is below 32², a large's above 96²."""
_BANDS = (
    ("small", f"below {SMALL_PX}² px", COLOURS[0]),
    ("medium", "between", COLOURS[1]),
    ("large", f"above {LARGE_PX}² px", COLOURS[2]),
)
_BARS_A_BAND = 6  # so that the bands' limits are limits of bars
_BARS_A_DECADE = 5
_LONGEST_ASPECT = 4  # octaves: 16 to 1
_GRID = 24
_NO_BOXES = "No boxes have been drawn yet."
_NOT_MEASURED = "No picture with boxes has been measured yet."


def box_sizes(index: DatasetIndex) -> Figure:
    """Histogram of the square root of the boxes' areas in pixels, in COCO's bands small, medium and large."""
    edges, rows = _boxes(index)
    if not len(rows):
        return sentence(_NO_BOXES)
    sides = edges[2:] - edges[:2]
    side = np.sqrt(sides[0] * sides[1])
    ratio = LARGE_PX / SMALL_PX
    reach = np.log([side.min() / SMALL_PX, side.max() / SMALL_PX]) / np.log(ratio) * _BARS_A_BAND
    first, last = min(int(np.floor(reach[0])), 0), max(int(np.floor(reach[1])) + 1, _BARS_A_BAND)
    limits = SMALL_PX * ratio ** (np.arange(first, last + 1) / _BARS_A_BAND)
    counts = _histogram(side, limits)
    ranges = [f"{_short(low)} to {_short(high)} pixels" for low, high in pairwise(limits.tolist())]
    figure = framed(HEIGHT_PX + LEGEND_PX, "square root of the box's area (pixels)", "boxes")
    bands = pairwise((0, -first, -first + _BARS_A_BAND, len(counts)))
    for (name, meaning, colour), (start, stop) in zip(_BANDS, bands, strict=True):
        part = counts[start:stop]
        _add_bars(
            figure,
            np.log2(limits[start : stop + 1]),
            part,
            ranges[start:stop],
            (f"{name} ({meaning}): {100 * part.sum() / len(rows):.3g} %", colour),
        )
    figure.update_layout(bargap=0, showlegend=True)
    octaves = np.arange(np.ceil(np.log2(limits[0])), np.log2(limits[-1]))
    figure.update_xaxes(tickvals=octaves, ticktext=[f"{2**octave:g}" for octave in octaves])
    return figure


def box_shares(index: DatasetIndex) -> Figure:
    """Histogram of the share of its picture that a box covers."""
    edges, rows = _boxes(index)
    sizes = _picture_sizes(index, rows)
    measured = (sizes > 0).all(axis=0)
    if not measured.any():
        return sentence(_NOT_MEASURED if len(rows) else _NO_BOXES)
    share = 100 * ((edges[2:, measured] - edges[:2, measured]) / sizes[:, measured]).prod(axis=0)
    first = int(np.floor(np.log10(share.min()) * _BARS_A_DECADE))
    logs = np.arange(min(first, 2 * _BARS_A_DECADE - 1), 2 * _BARS_A_DECADE + 1) / _BARS_A_DECADE
    limits = 10**logs
    figure = framed(HEIGHT_PX, "share of the picture's area (%)", "boxes")
    ranges = [f"{_short(low)} to {_short(high)} % of the picture" for low, high in pairwise(limits.tolist())]
    _add_bars(figure, logs, _histogram(share, limits), ranges)
    decades = np.arange(np.ceil(logs[0]), 3)
    figure.update_xaxes(tickvals=decades, ticktext=[f"{10**decade:g}" for decade in decades])
    return figure


def box_positions(index: DatasetIndex) -> Figure:
    """Heat map of where the boxes' centres lie in their pictures."""
    edges, rows = _boxes(index)
    sizes = _picture_sizes(index, rows)
    measured = (sizes > 0).all(axis=0)
    if not measured.any():
        return sentence(_NOT_MEASURED if len(rows) else _NO_BOXES)
    centres = (edges[:2, measured] + edges[2:, measured]) / 2 / sizes[:, measured]
    columns, lines = np.clip(centres * _GRID, 0, _GRID - 1).astype(np.int64)
    counts = np.bincount(lines * _GRID + columns, minlength=_GRID**2).reshape(_GRID, _GRID)
    limits = np.linspace(0, 100, _GRID + 1)
    ranges = [f"{low:.0f} to {high:.0f} %" for low, high in pairwise(limits.tolist())]
    places = [[f"{x} from the left,<br>{y} from the top" for x in ranges] for y in ranges]
    figure = framed(HEIGHT_PX + LEGEND_PX, "centre, from the left (% of the width)", "from the top (% of the height)")
    middles = (limits[1:] + limits[:-1]) / 2
    add_density(figure, counts, (middles, middles), places, "boxes")
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=[100, 0])
    return figure


def box_aspects(index: DatasetIndex) -> Figure:
    """Histogram of the boxes' width to height; whatever is longer than 16 to 1 counts in the last bar."""
    edges, rows = _boxes(index)
    if not len(rows):
        return sentence(_NO_BOXES)
    width, height = edges[2:] - edges[:2]
    logs = np.arange(-_LONGEST_ASPECT - 0.25, _LONGEST_ASPECT + 0.5, 0.5)
    figure = framed(HEIGHT_PX, "width : height", "boxes")
    ranges = [f"width : height from {_ratio(low)} to {_ratio(high)}" for low, high in pairwise((2**logs).tolist())]
    _add_bars(figure, logs, _histogram(width / height, 2**logs), ranges)
    octaves = np.arange(-_LONGEST_ASPECT, _LONGEST_ASPECT + 1)
    figure.update_xaxes(tickvals=octaves, ticktext=[_ratio(2.0**octave) for octave in octaves])
    return figure


def _boxes(index: DatasetIndex) -> tuple[np.ndarray, np.ndarray]:
    """Edges `(4, N)` of every box that is no crowd and has an area, and rows of their pictures `(N,)`.

    The others are the doctor's to find.
    """
    edges = np.stack([index.box_column(name) for name in EDGES])
    sides = edges[2:] - edges[:2]
    counted = ~index.boxes["crowd"].to_numpy() & (np.isfinite(sides) & (sides > 0)).all(axis=0)
    return edges[:, counted], index.box_column("image")[counted]


def _picture_sizes(index: DatasetIndex, rows: np.ndarray) -> np.ndarray:
    """Width and height `(2, N)` of the pictures in these rows; 0 for what is not measured."""
    return np.stack([index.image_column(name)[rows] for name in ("width_px", "height_px")])


def _histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many values lie between neighbouring edges, `(len(edges) - 1,)`; those beyond count in the outermost."""
    return np.bincount(np.searchsorted(edges[1:-1], values, side="right"), minlength=len(edges) - 1)


def _add_bars(
    figure: Figure,
    limits: np.ndarray,
    counts: np.ndarray,
    ranges: list[str],
    legend: tuple[str, str] = ("", COLOURS[0]),
) -> None:
    """Bars between `limits` on the x axis, with what each range is called on hover; `legend`: name and colour."""
    name, colour = legend
    figure.add_bar(
        name=name,
        x=(limits[1:] + limits[:-1]) / 2,
        y=counts,
        width=np.diff(limits) * 0.92,
        marker_color=colour,
        customdata=ranges,
        hovertemplate="%{y:,} boxes<br>%{customdata}<extra></extra>",
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(aspect: float) -> str:
    """0.5 -> "1:2"."""
    return f"{aspect:.3g}:1" if aspect >= 1 else f"1:{1 / aspect:.3g}"
