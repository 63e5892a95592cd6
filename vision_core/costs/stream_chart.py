"""A Plotly figure of real time: frames a second that each model kept up with, and those it dropped.

streams(rows)      # rows as `bench` writes them with a `target_fps`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vision_core.charts import COLOURS, FRAME_PX, LEGEND_PX, escape
from vision_core.costs.bench_rows import Row, labels, shortened
from vision_core.data.charts import framed, sentence

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ROW_PX = 46
_BAR = 0.36  # of a row
_LONGEST = 42  # characters of a name across a phone
_FAINT = "rgba(128,128,128,0.35)"


def streamed(rows: Sequence[Row]) -> list[Row]:
    """Those that were tried on a stream."""
    return [row for row in rows if row.get("stream") and not row.get("error")]


def streams(rows: Sequence[Row]) -> Figure:
    """Bars of frames answered a second and, hatched behind them, those that were dropped; the target is a line."""
    known = streamed(rows)
    if not known:
        return sentence("No model has been tried on a stream yet.")
    figure = framed(_ROW_PX * len(known) + FRAME_PX + LEGEND_PX, "frames a second", "")
    names, reports = labels(known), [row["stream"] for row in known]
    answered = [report["sustained_fps"] for report in reports]
    lost = [max(0.0, report["target_fps"] - fps) for report, fps in zip(reports, answered, strict=True)]
    about = [
        [escape(name), report["processed"], report["dropped"], report["offered"], report["delay_ms_p50"]]
        for name, report in zip(names, reports, strict=True)
    ]
    parts = (
        ("answered", answered, COLOURS[0], "", "%{customdata[1]:,} of %{customdata[3]:,} frames answered"),
        ("dropped", lost, _FAINT, "/", "%{customdata[2]:,} of %{customdata[3]:,} frames dropped"),
    )
    for title, values, colour, pattern, said in parts:
        figure.add_bar(
            orientation="h",
            name=title,
            x=values,
            y=list(range(len(known))),
            width=_BAR,
            marker={"color": colour, "pattern": {"shape": pattern}},
            customdata=about,
            hovertemplate=f"%{{customdata[0]}}<br>{said}<br>%{{customdata[4]:.3~g}} ms from frame to answer"
            "<extra></extra>",
        )
    for place, (name, report) in enumerate(zip(names, reports, strict=True)):
        said = f"{report['sustained_fps']:.3g} of {report['target_fps']:g}"
        _write(figure, place, f"{escape(shortened(name, _LONGEST))}: {said}")
    for target in sorted({report["target_fps"] for report in reports}):
        figure.add_vline(x=target, line={"color": COLOURS[3], "width": 2, "dash": "dash"})
    most = max(max(report["target_fps"] for report in reports), *answered)
    figure.update_layout(barmode="stack", showlegend=True)
    figure.update_xaxes(range=[0, 1.08 * most])
    figure.update_yaxes(visible=False, range=[len(known) - 0.5, -0.75])
    return figure


def _write(figure: Figure, place: int, text: str) -> None:
    """A line at the left end of a row, above its bar."""
    figure.add_annotation(x=0, xref="paper", xanchor="left", y=place, yshift=20, text=text, showarrow=False)
