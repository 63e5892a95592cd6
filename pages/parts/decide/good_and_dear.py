"""How good each contender is against what it costs, and who is beaten in both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages import plain
from pages.parts import explained, figures
from pages.parts.costs_page import kept
from pages.parts.decide.choose_figure import choose_figure
from vision_core import glossary
from vision_core.costs.pareto import in_words
from vision_core.duel import charts
from vision_core.duel.plan import TITLES
from vision_core.evaluation.yardstick import FIGURES


def draw(result: Mapping[str, Any], key: str) -> None:
    """The choice of the axes, the chart, and what it says in words."""
    st.markdown("#### How good against how dear")
    figures_known = [name for name in FIGURES if _count(result, name, next(iter(charts.DEAR)))[0]]
    costs = [name for name in charts.DEAR if any(_count(result, figure, name)[1] for figure in figures_known)]
    if not costs:
        st.caption("Nothing was measured of what these contenders cost, so there is nothing to set against how good.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        figure = choose_figure("How good", "duel_good", figures_known, result)
        cost = st.selectbox(
            "How dear",
            costs,
            format_func=lambda name: f"{charts.DEAR[name][0].capitalize()}, {charts.DEAR[name][1]}",
            key=kept.one_of("duel_dear", costs, costs[0]),
            width=320,
        )
    cost = cost or costs[0]
    verdicts = charts.judged(result, figure, cost)
    name = charts.DEAR[cost][0]
    words = in_words(verdicts, f"“{name}”", f"“{glossary.term(figure).title}”")
    figures.draw(
        charts.contenders(result, figure, cost),
        f"{glossary.term(figure).title} against {name}",
        alt=" ".join(words) or "No contender has both figures",
        key=f"duel_pareto_{key}",
        table=[
            {"contender": one.point.name, cost: one.point.x, figure: one.point.y}
            | {"low": one.point.y_low, "high": one.point.y_high, "on the front": one.on_front}
            for one in verdicts
        ],
        help=explained.brief("pareto"),
    )
    for sentence in words:
        st.markdown(f":material/compare_arrows: {plain(sentence)}")
    silent = [TITLES[one["task"]] for one in result["contenders"] if one["figures"].get(figure) is None]
    if silent:
        st.caption(f":material/visibility_off: Not drawn, since it cannot say: {plain(', '.join(silent))}.")


def _count(result: Mapping[str, Any], figure: str, cost: str) -> tuple[int, int]:
    """How many contenders have the figure, and how many both."""
    points = [verdict.point for verdict in charts.judged(result, figure, cost)]
    return sum(point.y is not None for point in points), sum(point.is_known for point in points)
