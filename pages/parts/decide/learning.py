"""What each contender learned from how many labels, and what the next ones would buy it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages import plain
from pages.parts import figures
from pages.parts.costs_page import kept
from pages.parts.decide.choose_figure import choose_figure
from vision_core import glossary
from vision_core.duel import charts
from vision_core.duel.plan import TITLES
from vision_core.evaluation.yardstick import FIGURES

OVER = {"pictures": "Pictures", "marks": "Labels", "hours": "Hours of labelling"}


def draw(result: Mapping[str, Any], key: str) -> None:
    """The curves over pictures, labels or hours, and a sentence for each contender."""
    curves = result["curves"]
    st.markdown("#### What would more labels buy?")
    known = [name for name in FIGURES if any(_points(curve, name) > 1 for curve in curves.values())]
    if not known:
        st.caption(
            "This duel has no learning curves: they take contenders that were trained here on several shares of the "
            "labels, in a duel with “Learning curves” switched on."
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        figure = choose_figure("Figure", "duel_curve_figure", known, result)
        axis = st.segmented_control(
            "Over",
            list(OVER),
            format_func=OVER.__getitem__,
            required=True,
            key=kept.one_of("duel_curve_axis", list(OVER), "hours"),
            help="A box takes longer than a tick, so the same pictures are dearer to label for detection.",
        )
    axis = axis or "hours"
    words = charts.in_words(result, figure)
    figures.draw(
        charts.learning_curves(result, figure, axis),
        f"{glossary.term(figure).title} over {OVER[axis].lower()}",
        alt=" ".join(words) or "How the figure grows with the labels",
        key=f"duel_curves_{key}",
        table=_table(curves, figure),
    )
    for sentence in words:
        st.markdown(f":material/trending_up: {plain(sentence)}")
    st.caption(
        "Bars are 95 % intervals. Dashed: a power law through the points, up to 500 labels beyond the last; its "
        "uncertainty is that of the held-out pictures and of how well it fits."
        + (f" Hours follow from {plain(_paces(curves))}." if axis == "hours" else "")
    )


def _points(curve: Mapping[str, Any], figure: str) -> int:
    return sum(point["figures"].get(figure) is not None for point in curve.get("points", []))


def _paces(curves: Mapping[str, Any]) -> str:
    found = {str(point.get("pace")) for curve in curves.values() for point in curve["points"] if point.get("pace")}
    return "; ".join(sorted(found))


def _table(curves: Mapping[str, Any], figure: str) -> list[dict[str, Any]]:
    rows = []
    for kind, curve in curves.items():
        for point in curve["points"]:
            low, high = point["intervals"].get(figure) or (None, None)
            row = {"contender": TITLES.get(kind, kind)}
            row |= {name: point.get(name) for name in ("share", "pictures", "labels", "boxes", "hours")}
            rows.append(row | {figure: point["figures"].get(figure), "low": low, "high": high})
    return rows
