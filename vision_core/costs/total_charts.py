"""Plotly figures of money: what classification, detection and the two in turn cost at what volume.

    cost_by_volume(ways, pictures_a_year=1e6, years=1)
    cost_parts(ways, pictures=1e6)

Ways differ by colour, dash and marker; `vision_core.costs.totals.in_words` says the same in sentences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.costs.cost_charts import GREY, HEIGHT_PX, OTHER, STYLES, log_axis, short
from vision_core.costs.totals import PARTS, Approach, cheapest, crossings, known, pictures_text, usd_text
from vision_core.data.charts import framed, sentence

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_DASHES = {"classification": "solid", "detection": "dash", "two-stage": "dot"}
_POINTS = 120  # of a line over volumes
_BAR_PX = 40
_PART_COLOURS = (COLOURS[0], COLOURS[1], COLOURS[2])


def cost_by_volume(ways: Sequence[Approach], pictures_a_year: float, years: float = 1.0) -> Figure:
    """What each way costs in all, by pictures a year, both logarithmic; crossings marked, the user's volume a line."""
    candidates = known(ways)
    if not candidates:
        return sentence("No way can be added up yet: a part of each is unknown.")
    met = [one for one in crossings(candidates, years) if one.pictures_a_year >= 1]
    volumes = _volumes([pictures_a_year, *(one.pictures_a_year for one in met)])
    figure = framed(HEIGHT_PX + LEGEND_PX, "pictures a year", f"USD in {years:g} year{'s' * (years != 1)}")
    for way in candidates:
        _, colour, symbol = STYLES.get(way.kind, OTHER)
        totals = [way.total_usd(volume * years) or 0.0 for volume in volumes.tolist()]
        figure.add_scatter(
            x=volumes,
            y=totals,
            mode="lines",
            name=escape(way.name),
            line={"color": colour, "width": 3, "dash": _DASHES.get(way.kind, "solid")},
            customdata=[[pictures_text(v), usd_text(usd)] for v, usd in zip(volumes.tolist(), totals, strict=True)],
            hovertemplate="%{customdata[0]} pictures a year: %{customdata[1]}<extra>%{fullData.name}</extra>",
        )
        at = way.total_usd(pictures_a_year * years) or 0.0
        figure.add_scatter(
            x=[pictures_a_year],
            y=[at],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            hovertemplate=f"at your volume: {usd_text(at)}<extra>{escape(way.name)}</extra>",
            showlegend=False,
        )
    _mark_crossings(figure, candidates, years, volumes)
    _mark_volume(figure, pictures_a_year)
    figure.update_xaxes(type="log", **_decade_ticks(volumes))
    totals = [way.total_usd(v * years) or 0.0 for way in candidates for v in (volumes[0], volumes[-1])]
    if min(totals) > 0:
        figure.update_yaxes(log_axis(min(totals), max(totals)))
    figure.update_layout(showlegend=True, hovermode="closest")
    return figure


def _volumes(wanted: Sequence[float]) -> np.ndarray:
    """Volumes from a tenth of the least to ten times the largest that matters, evenly on a logarithmic axis."""
    low = math.floor(math.log10(max(min(wanted), 10.0)) - 1)
    high = math.ceil(math.log10(max(*wanted, 10.0)) + 1)
    return np.logspace(low, max(high, low + 4), _POINTS)


def _mark_crossings(figure: Figure, ways: Sequence[Approach], years: float, volumes: np.ndarray) -> None:
    """A ring where two ways cost the same; named where that changes which is the cheapest."""
    turns = {span.low for span in cheapest(ways, years)}
    for one in crossings(ways, years):
        if not volumes[0] <= one.pictures_a_year <= volumes[-1]:
            continue
        said = f"{escape(one.below.name)} = {escape(one.above.name)}"
        figure.add_scatter(
            x=[one.pictures_a_year],
            y=[one.usd],
            mode="markers+text" if one.pictures_a_year in turns else "markers",
            text=[pictures_text(one.pictures_a_year)],
            textposition="bottom right",
            marker={"symbol": "circle-open", "size": 14, "color": GREY, "line": {"width": 2}},
            hovertemplate=f"{said}<br>{pictures_text(one.pictures_a_year)} pictures a year, {usd_text(one.usd)}"
            "<extra></extra>",
            name="same cost",
            showlegend=False,
        )


def _mark_volume(figure: Figure, pictures_a_year: float) -> None:
    figure.add_vline(x=pictures_a_year, line={"color": GREY, "width": 1, "dash": "dash"})
    figure.add_annotation(
        x=math.log10(max(pictures_a_year, 1e-9)),  # a logarithmic axis wants its annotations so
        y=0,
        yref="paper",
        yanchor="bottom",
        xanchor="left",
        text=f" yours: {pictures_text(pictures_a_year)}",
        showarrow=False,
    )


def _decade_ticks(volumes: np.ndarray) -> dict:
    """At most five ticks at powers of ten, in words."""
    low, high = round(math.log10(volumes[0])), round(math.log10(volumes[-1]))
    values = [10.0**power for power in range(low, high + 1, 1 + (high - low) // 5)]
    return {"tickvals": values, "ticktext": [pictures_text(value) for value in values]}


def cost_parts(ways: Sequence[Approach], pictures: float) -> Figure:
    """Stacked bars: what labelling, training and inference of that many pictures cost, one bar a way."""
    candidates = known(ways)
    if not candidates:
        return sentence("No way can be added up yet: a part of each is unknown.")
    figure = framed(_BAR_PX * len(candidates) + FRAME_PX + LEGEND_PX, f"USD for {pictures_text(pictures)} pictures", "")
    rows = list(range(len(candidates)))
    totals = [way.total_usd(pictures) or 0.0 for way in candidates]
    for part, colour in zip(PARTS, _PART_COLOURS, strict=True):
        values = [way.parts_usd(pictures)[part] or 0.0 for way in candidates]
        figure.add_bar(
            orientation="h",
            name=part,
            x=values,
            y=rows,
            marker_color=colour,
            customdata=[
                [escape(way.name), usd_text(value), usd_text(total)]
                for way, value, total in zip(candidates, values, totals, strict=True)
            ],
            hovertemplate=f"%{{customdata[0]}}: {part} %{{customdata[1]}} of %{{customdata[2]}}<extra></extra>",
        )
    for row, total in enumerate(totals):
        figure.add_annotation(x=total, y=row, text=f" {usd_text(total)}", xanchor="left", showarrow=False)
    figure.update_layout(barmode="stack", bargap=0.45, showlegend=True)
    figure.update_xaxes(range=[0, 1.5 * max(*totals, 1e-9)], nticks=6)
    ticks = [short(way.name) for way in candidates]
    figure.update_yaxes(tickvals=rows, ticktext=ticks, showgrid=False, range=[len(rows) - 0.5, -0.5])
    return figure
