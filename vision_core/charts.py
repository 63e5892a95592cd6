"""Plotly figures of the Compare page: ranked labels, where the time goes, what it costs.

All share one template: the Okabe-Ito palette, a transparent ground and a grey that reads on light and
dark pages. Class and model names come from users and data sets: `escape` keeps Plotly from reading them as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vision_core.drawing import PALETTE, clean_text
from vision_core.types import Classification, Timing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GREY = "#7B7B7B"  # 4.2:1 on white and 4.5:1 on Streamlit's dark ground
COLOURS = (PALETTE[4], PALETTE[0], PALETTE[2], PALETTE[6], PALETTE[1], PALETTE[5])
_LONGEST_NAME = 40  # characters that fit a phone 320 px wide
_NAME_PX, _BAR_PX = 26, 16
FRAME_PX, LEGEND_PX = 64, 48  # around the plot; the legend takes two lines on a phone
_STAGES = (
    ("pre-processing", "resizing and normalising the picture", PALETTE[1]),
    ("network", "the forward pass itself", PALETTE[4]),
    ("post-processing", "turning outputs into labels or boxes", PALETTE[0]),
)


def escape(text: str) -> str:
    """Text that Plotly shows as it is: no tags, no links, no TeX, and one line."""
    line = clean_text(text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;"), ("%{", "&#37;{")):
        line = line.replace(character, entity)
    return line


def label_bars(classifications: Sequence[Classification], k: int = 5) -> Figure:
    """Ranked horizontal bars of the best `k` labels, one colour a model; each name stands above its bars.

    With several models a label is listed when it is among the best `k` of any of them, and every model's score for
    it is shown; a class that a model does not know has no bar.
    """
    names = _ranked_names(classifications, k)
    models = max(1, len(classifications))
    row_px = _NAME_PX + _BAR_PX * models
    figure = new_figure(row_px * max(1, len(names)) + FRAME_PX + (LEGEND_PX if models > 1 else 0))
    for index, item in enumerate(classifications):
        scores = _scores_by_name(item)
        known = [(row, name, 100 * scores[name]) for row, name in enumerate(names) if name in scores]
        figure.add_bar(
            orientation="h",
            name=escape(item.model or "classifier"),
            x=[percent for _, _, percent in known],
            y=[row for row, _, _ in known],
            text=[f"{percent:.1f} %" for _, _, percent in known],
            textposition="outside",
            cliponaxis=False,
            marker_color=COLOURS[index % len(COLOURS)],
            customdata=[[escape(name)] for _, name, _ in known],
            hovertemplate="“%{customdata[0]}”: score %{x:.2f} %<extra>%{fullData.name}</extra>",
        )
    for row, name in enumerate(names):
        _write_above(figure, row, name, _BAR_PX * models / 2)
    figure.update_layout(bargap=1 - _BAR_PX * models / row_px, showlegend=len(classifications) > 1)
    figure.update_xaxes(title="score (%)", range=[0, 118], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(range=[len(names) - 0.5, -0.8])
    return figure


def latency_split(timings: Sequence[tuple[str, Timing]]) -> Figure:
    """Stacked bars, one a model: milliseconds a picture spends before, in and after the network."""
    figure = new_figure((_NAME_PX + _BAR_PX) * max(1, len(timings)) + FRAME_PX + LEGEND_PX)
    rows = list(range(len(timings)))
    parts = [(t.preprocess_ms, t.network_ms, t.postprocess_ms) for _, t in timings]
    for stage, (name, meaning, colour) in enumerate(_STAGES):
        figure.add_bar(
            orientation="h",
            name=name,
            x=[part[stage] for part in parts],
            y=rows,
            marker_color=colour,
            customdata=[[escape(model), timing.total_ms] for model, timing in timings],
            hovertemplate="%{customdata[0]}: %{x:.2f} of %{customdata[1]:.2f} ms<br>"
            f"{name}: {meaning}<extra></extra>",
        )
    for row, (model, timing) in enumerate(timings):
        _write_above(figure, row, model, _BAR_PX / 2, f"  {timing.total_ms:.1f} ms")
    figure.update_layout(barmode="stack", bargap=1 - _BAR_PX / (_NAME_PX + _BAR_PX), showlegend=True)
    figure.update_xaxes(title="time a picture (ms)", rangemode="tozero")
    figure.update_yaxes(range=[len(timings) - 0.5, -0.8])
    return figure


def cost_bars(values: Sequence[tuple[str, float | None]], measure: str, unit: str) -> Figure:
    """Bars of one cost, one a model, e.g. `cost_bars([("resnet18", 46.8), …], "weights on disk", "MB")`.

    None means that it could not be had: the row then says "unavailable" instead of showing a zero.
    """
    figure = new_figure((_NAME_PX + _BAR_PX) * max(1, len(values)) + FRAME_PX)
    known = [(row, model, value) for row, (model, value) in enumerate(values) if value is not None]
    figure.add_bar(
        orientation="h",
        x=[value for _, _, value in known],
        y=[row for row, _, _ in known],
        marker_color=COLOURS[0],
        customdata=[[escape(model)] for _, model, _ in known],
        hovertemplate=f"%{{customdata[0]}}: %{{x:.4~g}} {escape(unit)} ({escape(measure)})<extra></extra>",
    )
    for row, (model, value) in enumerate(values):
        said = "unavailable" if value is None else f"{value:.4g} {escape(unit)}"
        _write_above(figure, row, model, _BAR_PX / 2, f"  {said}")
    figure.update_layout(bargap=1 - _BAR_PX / (_NAME_PX + _BAR_PX), showlegend=False)
    figure.update_xaxes(title=f"{escape(measure)} ({escape(unit)})", rangemode="tozero")
    figure.update_yaxes(range=[len(values) - 0.5, -0.8])
    return figure


def new_figure(height_px: int) -> Figure:
    """An empty figure of that height with the shared template."""
    import plotly.graph_objects as go

    axis = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False, "automargin": True, "fixedrange": True}
    template = go.layout.Template(
        layout={
            "colorway": COLOURS,
            "font": {"color": GREY, "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 4, "r": 4, "t": 8, "b": 8},
            "hoverlabel": {"align": "left", "namelength": -1},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
            "xaxis": axis,
            "yaxis": {"visible": False, "fixedrange": True},
        }
    )
    return go.Figure(layout={"template": template, "height": height_px})


def _write_above(figure: Figure, row: int, name: str, shift_px: float, value: str = "") -> None:
    """A name at the left end of its row, above the bars, cut to what a phone shows; the whole of it on hover."""
    shown = name if len(name) <= _LONGEST_NAME - len(value) else name[: _LONGEST_NAME - len(value) - 1] + "…"
    figure.add_annotation(
        x=0,
        xref="paper",
        xanchor="left",
        y=row,
        yanchor="bottom",
        yshift=shift_px,
        text=escape(shown) + value,
        hovertext=escape(name),
        showarrow=False,
    )


def _scores_by_name(item: Classification) -> dict[str, float]:
    """Each name's score; the better one where two classes share a name (ImageNet has two cranes)."""
    scores: dict[str, float] = {}
    for name, score in zip(item.class_names, item.scores.tolist(), strict=True):
        scores[name] = max(score, scores.get(name, 0.0))
    return scores


def _ranked_names(classifications: Sequence[Classification], k: int) -> list[str]:
    """Names among the best `k` of any classifier, by the best score that any gives."""
    best: dict[str, float] = {}
    for item in classifications:
        for label in item.top(k):
            best[label.name] = max(label.score, best.get(label.name, 0.0))
    return sorted(best, key=lambda name: -best[name])
