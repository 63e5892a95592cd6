"""Plotly figures of a measurement: throughput by batch, how latencies spread, stages, and layers under the roofline.

    throughput(rows); latencies(rows); stages(rows)      # rows as `bench` writes them
    roofline(layers); layer_times(layers)                # layers of one row

A row that could not be measured is left out; where nothing is left, the figure says so in a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.costs.bench_rows import Row, labels, quotable, series, shortened, usable
from vision_core.costs.cost_charts import GREY, log_axis, short
from vision_core.costs.roof import Roof, raised
from vision_core.data.charts import framed, sentence
from vision_core.data.wording import digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

HEIGHT_PX = 340
MOST_ROWS = 12
_MARKERS = ("circle", "diamond", "square", "triangle-up", "x", "star")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MOST_SAMPLES = 200  # dots of one row
_ROW_PX = 46
_BAR = 0.36  # of a row
_LONGEST = 52  # characters of a name across a phone
_LEGEND_ROW_PX = 22
_PERCENTILES = (("p50", "line-ns", 3, COLOURS[0]), ("p95", "diamond", 1, COLOURS[1]), ("p99", "x", 1, COLOURS[3]))
_STAGES = (
    ("preprocess", "pre-processing", COLOURS[4]),
    ("network", "network", COLOURS[0]),
    ("postprocess", "post-processing", COLOURS[1]),
)
_NOTHING = "Nothing has been measured yet."
_TOP_LAYERS = 15
_OTHER_KIND = "other"

Layer = Mapping[str, Any]
"""`name`, `kind` (its class), `time_ms`, `flops`, `bytes_moved`; None where one is not known."""


def throughput(rows: Sequence[Row]) -> Figure:
    """Pictures a second by batch size, a line for each configuration."""
    found = series(rows)
    if not found:
        return sentence(_NOTHING)
    figure = framed(HEIGHT_PX + _LEGEND_ROW_PX * len(found), "batch size", "pictures a second")
    for number, (name, group) in enumerate(found.items()):
        figure.add_scatter(
            x=[row["batch_size"] for row in group],
            y=[row.get("images_per_second") for row in group],
            name=escape(shortened(name, _LONGEST)),
            mode="lines+markers",
            line={"color": COLOURS[number % len(COLOURS)], "width": 3, "dash": _dash(number)},
            marker={"symbol": _MARKERS[number % len(_MARKERS)], "size": 9},
            customdata=[[row["latency_ms_p50"], row["latency_ms_p50"] / row["batch_size"]] for row in group],
            hovertemplate="batch %{x}: %{y:,.4~r} pictures/s<br>%{customdata[0]:,.4~r} ms a batch, "
            "%{customdata[1]:,.4~r} ms a picture<extra>%{fullData.name}</extra>",
        )
    sizes = sorted({row["batch_size"] for group in found.values() for row in group})
    figure.update_xaxes(type="log", tickvals=sizes, ticktext=[str(size) for size in sizes])
    figure.update_xaxes(range=[math.log10(sizes[0]) - 0.12, math.log10(sizes[-1]) + 0.12])
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(showlegend=True, hovermode="closest", legend={"orientation": "v"})
    return figure


def _dash(number: int) -> str:
    """Another one each time a colour comes back."""
    return _DASHES[(number + number // len(COLOURS)) % len(_DASHES)]


def latencies(rows: Sequence[Row]) -> Figure:
    """Every run's milliseconds as dots, a row a configuration, with the 50th, 95th and 99th percentile."""
    known = [row for row in usable(rows) if row.get("samples_ms")][:MOST_ROWS]
    if not known:
        return sentence(_NOTHING)
    figure = framed(_ROW_PX * len(known) + FRAME_PX + LEGEND_PX, "milliseconds a run", "")
    names = labels(known, rows)
    for place, (name, row) in enumerate(zip(names, known, strict=True)):
        samples = np.asarray(row["samples_ms"], np.float64)
        spread = np.sort(samples)[np.unique(np.linspace(0, len(samples) - 1, _MOST_SAMPLES).astype(int))]
        figure.add_scatter(
            x=spread,
            y=place + 0.24 * np.sin(np.arange(len(spread)) * 2.4),  # apart, and the same each time
            mode="markers",
            marker={"color": GREY, "size": 4, "opacity": 0.5},
            hovertemplate=f"{escape(name)}: %{{x:,.4~r}} ms<extra></extra>",
            showlegend=False,
        )
    for title, symbol, width, colour in _PERCENTILES:
        figure.add_scatter(
            x=[quotable(row, f"latency_ms_{title}") for row in known],
            y=list(range(len(known))),
            mode="markers",
            name=title,
            marker={"symbol": symbol, "size": 13, "color": colour, "line": {"width": width, "color": colour}},
            customdata=[[escape(name), len(row["samples_ms"])] for name, row in zip(names, known, strict=True)],
            hovertemplate=f"%{{customdata[0]}}: {title} %{{x:,.4~r}} ms of %{{customdata[1]}} runs<extra></extra>",
        )
    for place, name in enumerate(names):
        _name_above(figure, place, name)
    _spread_axis(figure, [float(value) for row in known for value in row["samples_ms"]])
    figure.update_yaxes(visible=False, range=[len(known) - 0.5, -0.75])
    figure.update_layout(showlegend=True, hovermode="closest")
    return figure


def _spread_axis(figure: Figure, values: Sequence[float]) -> None:
    """Logarithmic where the slowest takes more than ten times as long as the quickest."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 10:
        figure.update_xaxes(log_axis(low, high))
    else:
        margin = 0.1 * (high - low) + 1e-3
        figure.update_xaxes(range=[max(0.0, low - margin), high + margin])


def _name_above(figure: Figure, place: int, name: str) -> None:
    """A name at the left end of its row, above what is drawn, cut to what a phone shows; the whole of it on hover."""
    figure.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        y=place,
        yshift=20,
        text=escape(shortened(name, _LONGEST)),
        hovertext=escape(name),
        showarrow=False,
    )


def stages(rows: Sequence[Row]) -> Figure:
    """Milliseconds of a run before, in and after the network, one bar a configuration."""
    known = [row for row in usable(rows) if row.get("network_ms") is not None][:MOST_ROWS]
    if not known:
        return sentence(_NOTHING)
    figure = framed(_ROW_PX * len(known) + FRAME_PX + LEGEND_PX, "milliseconds of a run, median of each stage", "")
    names = labels(known, rows)
    totals = [sum(float(row.get(f"{stage}_ms") or 0.0) for stage, _, _ in _STAGES) for row in known]
    for stage, title, colour in _STAGES:
        figure.add_bar(
            orientation="h",
            name=title,
            x=[float(row.get(f"{stage}_ms") or 0.0) for row in known],
            y=list(range(len(known))),
            width=_BAR,
            marker_color=colour,
            customdata=[[escape(name), total] for name, total in zip(names, totals, strict=True)],
            hovertemplate=f"%{{customdata[0]}}<br>{title}: %{{x:,.3~r}} of %{{customdata[1]:,.4~r}} ms<extra></extra>",
        )
    for place, (name, total) in enumerate(zip(names, totals, strict=True)):
        _name_above(figure, place, name)
        figure.add_annotation(x=total, y=place, xanchor="left", text=f" {digits(total)}", showarrow=False)
    figure.update_layout(barmode="stack", showlegend=True)
    figure.update_xaxes(range=[0, 1.15 * max(*totals, 1e-9)])
    figure.update_yaxes(visible=False, range=[len(known) - 0.5, -0.75])
    return figure


def roofline(layers: Sequence[Layer], machine: Mapping[str, float] | None = None) -> Figure:
    """Layers by arithmetic for each byte moved and arithmetic a second reached; the dots' area is the time they take.

    Args:
        machine: the `flops_per_second` and `bytes_per_second` that this machine reaches, raised where a layer was
            quicker (`vision_core.costs.roof`); no roof is drawn without.
    """
    known = [one for one in layers if one.get("flops") and one.get("bytes_moved") and one.get("time_ms")]
    if not known:
        return sentence("No layer's time and arithmetic were measured.")
    figure = framed(HEIGHT_PX + LEGEND_PX, "arithmetic for each byte moved (FLOP/byte)", "arithmetic reached (GFLOP/s)")
    total = sum(one["time_ms"] for one in layers if one.get("time_ms"))
    kinds = _kinds(known)
    for number, (kind, some) in enumerate(kinds.items()):
        shares = [one["time_ms"] / total for one in some]
        figure.add_scatter(
            x=[one["flops"] / one["bytes_moved"] for one in some],
            y=[one["flops"] / one["time_ms"] / 1e6 for one in some],
            mode="markers",
            name=escape(kind),
            marker={
                "color": COLOURS[number % len(COLOURS)],
                "symbol": _MARKERS[number % len(_MARKERS)],
                "size": [6 + 40 * math.sqrt(share) for share in shares],
                "opacity": 0.7,
                "line": {"width": 1},
            },
            customdata=[
                [escape(str(one["name"])), one["time_ms"], 100 * share, one["flops"] / 1e6]
                for one, share in zip(some, shares, strict=True)
            ],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]:,.3~r} ms, %{customdata[2]:.1f} % of the time<br>"
            "%{customdata[3]:,.4~r} MFLOP, %{x:,.3~r} FLOP/byte, %{y:,.3~r} GFLOP/s<extra>%{fullData.name}</extra>",
        )
    if machine:
        _roof(figure, [one["flops"] / one["bytes_moved"] for one in known], raised(machine, known))
    _log_axes(figure)
    figure.update_layout(showlegend=True, hovermode="closest")
    return figure


def _log_axes(figure: Figure) -> None:
    """Both axes logarithmic, around everything that is drawn."""
    for name, update in (("x", figure.update_xaxes), ("y", figure.update_yaxes)):
        values = [float(value) for trace in figure.data for value in getattr(trace, name)]
        update(log_axis(min(values), max(values)))


def _kinds(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    """Layers by their class, the one with the most time first; the rarest together."""
    found: dict[str, list[Layer]] = {}
    for one in layers:
        found.setdefault(str(one.get("kind") or _OTHER_KIND), []).append(one)
    ranked = sorted(found, key=lambda kind: -sum(one["time_ms"] for one in found[kind]))
    few = {kind: found[kind] for kind in ranked[: len(COLOURS) - 1]}
    rest = [one for kind in ranked[len(COLOURS) - 1 :] for one in found[kind]]
    return few | ({_OTHER_KIND: [*few.get(_OTHER_KIND, []), *rest]} if rest else {})


def _roof(figure: Figure, intensities: Sequence[float], roof: Roof) -> None:
    """What the machine can do at most: bound by memory at the left of the ridge, by arithmetic at its right."""
    peak, bandwidth = roof.flops_per_second, roof.bytes_per_second
    hint = "<br>raised to the quickest layer" if roof.words else ""
    ridge = peak / bandwidth
    xs = sorted({min(*intensities, ridge) / 2, ridge, max(*intensities, ridge) * 2})
    figure.add_scatter(
        x=xs,
        y=[min(peak, x * bandwidth) / 1e9 for x in xs],
        mode="lines",
        name="most this machine can do",
        line={"color": GREY, "width": 2, "dash": "dash"},
        hovertemplate=f"at most %{{y:,.3~r}} GFLOP/s at %{{x:,.3~r}} FLOP/byte{hint}<extra></extra>",
    )


def layer_times(layers: Sequence[Layer], most: int = _TOP_LAYERS) -> Figure:
    """Bars of the layers that take the most time, and of all others together."""
    timed = sorted((one for one in layers if one.get("time_ms")), key=lambda one: -one["time_ms"])
    if not timed:
        return sentence("No layer's time was measured.")
    total = sum(one["time_ms"] for one in timed)
    shown = [(str(one["name"]), str(one.get("kind") or ""), float(one["time_ms"])) for one in timed[:most]]
    if rest := timed[most:]:
        shown.append((f"{len(rest)} others", "", sum(one["time_ms"] for one in rest)))
    figure = framed(_LEGEND_ROW_PX * len(shown) + FRAME_PX, "milliseconds of a run", "")
    figure.add_bar(
        orientation="h",
        x=[ms for _, _, ms in shown],
        y=list(range(len(shown))),
        marker_color=[COLOURS[0]] * min(most, len(timed)) + ["rgba(128,128,128,0.6)"] * bool(rest),
        customdata=[[escape(name), escape(kind), 100 * ms / total] for name, kind, ms in shown],
        hovertemplate="<b>%{customdata[0]}</b> %{customdata[1]}<br>%{x:,.3~r} ms, %{customdata[2]:.1f} % of the time"
        "<extra></extra>",
    )
    ticks = [short(f"…{name[-20:]}" if len(name) > 21 else name) for name, _, _ in shown]
    figure.update_yaxes(
        tickvals=list(range(len(shown))), ticktext=ticks, showgrid=False, range=[len(shown) - 0.5, -0.5]
    )
    return figure
