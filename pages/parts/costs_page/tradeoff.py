"""How good each model is against what it costs: the Pareto front, with either axis to choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.costs_page import kept
from vision_core import background, glossary
from vision_core.costs.bench_rows import Row, title
from vision_core.costs.cost_charts import Axis, pareto
from vision_core.costs.pareto import Verdict, in_words, judge
from vision_core.costs.quality import (
    MORE_IS_BETTER,
    NOT_EVALUATED,
    OF_A_BATCH,
    OF_A_THRESHOLD,
    OnTheYardstick,
    Quality,
    as_published,
    kept_evaluation,
    kept_points,
    kept_threshold,
    on_the_yardstick,
    points,
)
from vision_core.evaluation.applied import flattered
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER, NOT_ASKED
from vision_core.runs import is_run

COSTS = (
    "latency_ms_p50",
    "latency_ms_p95",
    "images_per_second",
    "usd_per_million",
    "energy_wh_per_1k",
    "co2_g_per_1k",
    "peak_memory_bytes",
    "flops",
    "parameters",
    "size_on_disk_bytes",
)
PUBLISHED = "published"
EVERY_S = 2.0
_UNITS = {"bytes": ("MB", 1e-6), "FLOP": ("GFLOP", 1e-9), "number": ("million", 1e-6), "share": ("%", 100.0)}


def draw(rows: Sequence[Row], key: str) -> None:
    """The choice of the axes, the chart, and what it says in words."""
    st.subheader("How good against how dear", anchor=False)
    models = list(dict.fromkeys(str(row.get("model")) for row in rows))
    runs = [model for model in models if is_run(model)]
    stand = _yardstick(tuple(runs), tuple(_key(run) for run in runs))
    published = as_published(models)
    qualities = {model: {**published.get(model, {}), **stand.of.get(model, {})} for model in models}
    offered = [name for name in (*FIGURES, PUBLISHED) if any(name in known for known in qualities.values())]
    _to_evaluate([run for run in runs if stand.missing.get(run) == NOT_EVALUATED], rows)
    for run, why in stand.missing.items():
        if why != NOT_EVALUATED:
            st.caption(f":material/info: {plain(_title(run, rows))}: {plain(why)}")
    if not offered:
        st.caption("None of these models has been judged on pictures yet: evaluate a run, and it stands here.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        figure = st.selectbox(
            "How good", offered, format_func=_figure_title, key=kept.one_of("good", offered, offered[0])
        )
    with right:
        costs = [name for name in COSTS if any(row.get(name) is not None for row in rows)]
        cost = st.selectbox("How dear", costs, format_func=_figure_title, key=kept.one_of("dear", costs, costs[0]))
    _chart(rows, qualities, figure or offered[0], cost or costs[0], key)
    _lacking(rows, qualities, stand, figure or offered[0])
    _basis(figure or offered[0], stand, rows)


def _chart(
    rows: Sequence[Row], qualities: Mapping[str, Mapping[str, Quality]], figure: str, cost: str, key: str
) -> None:
    found = points(rows, cost, qualities, figure)
    verdicts = judge(
        found, lower_x_is_better=cost not in MORE_IS_BETTER, higher_y_is_better=figure not in LOWER_IS_BETTER
    )
    divided = cost in OF_A_BATCH and any((row.get("batch_size") or 1) > 1 for row in rows)
    dear = _figure_title(cost) + (", of a picture" if divided else "")
    words = in_words(verdicts, f"“{dear}”", f"“{_figure_title(figure)}”")
    figures.draw(
        pareto(verdicts, replace(_axis(cost, log=True), title=dear), _axis(figure)),
        f"{_figure_title(figure)} against {dear.lower()}",
        alt=" ".join(words[:4]) or "No model has both figures",
        key=f"bench_pareto_{key}",
        table=[_line(verdict, figure, f"{cost}, of a picture" if divided else cost) for verdict in verdicts],
        help=explained.brief("pareto"),
    )
    if divided:
        st.caption(
            ":material/info: A batch's latency is divided by its pictures, so that batches of any size compare; each "
            "picture still waits for its whole batch, whose latency stands in the table above."
        )
    for sentence in words[:1]:
        st.markdown(f":material/star: {plain(sentence)}")
    if len(words) > 1:
        with st.expander(f"Who is beaten by whom ({len(words) - 1})", icon=":material/compare_arrows:"):
            st.markdown("\n".join(f"- {plain(sentence)}" for sentence in words[1:]))


def _lacking(
    rows: Sequence[Row], qualities: Mapping[str, Mapping[str, Quality]], stand: OnTheYardstick, figure: str
) -> None:
    """What is not drawn, and why; a classifier that nobody has asked where it looks can be asked on Evaluate."""
    without = {str(row.get("model")): title(row) for row in rows}
    without = {model: name for model, name in without.items() if figure not in qualities.get(model, {})}
    if not without:
        return
    reasons = {model: stand.unanswered.get(model, {}).get(figure, "") for model in without}
    said = [
        f"{name}: — {why[0].lower()}{why[1:]}" for model, name in sorted(without.items()) if (why := reasons[model])
    ]
    plainly = sorted({name for model, name in without.items() if not reasons[model]})
    if plainly:
        st.caption(f":material/visibility_off: Without this figure, so not drawn: {plain(', '.join(plainly))}.")
    for sentence in said:
        st.caption(f":material/visibility_off: {plain(sentence)}")
    if NOT_ASKED in reasons.values():
        judged = [Path(run).name for run in stand.of]
        st.page_link(
            "pages/4_Evaluate.py",
            label="Ask on Evaluate, beside another run, where the classifier looks",
            icon=":material/my_location:",
            query_params={"run": judged},
        )


def _line(verdict: Verdict, figure: str, cost: str) -> dict[str, Any]:
    point = verdict.point
    return {
        "model": point.name,
        "task": point.task,
        cost: point.x,
        f"{cost}, low": point.x_low,
        f"{cost}, high": point.x_high,
        figure: point.y,
        f"{figure}, low": point.y_low,
        f"{figure}, high": point.y_high,
        "on the front": verdict.on_front,
        "beaten by": "; ".join(verdict.dominated_by),
    }


def _basis(figure: str, stand: OnTheYardstick, rows: Sequence[Row]) -> None:
    """On what the figures rest."""
    if figure == PUBLISHED:
        st.caption(
            ":material/warning: As published by others: a classifier's on ImageNet, a detector's on COCO, which are "
            "two yardsticks. They order networks of one task."
        )
        return
    st.caption(
        f":material/straighten: Both tasks on one yardstick: the {stand.pictures:,} pictures that all runs here were "
        "judged on. Bars are 95 % intervals: over pictures drawn anew for how good, over the timed runs for how dear."
    )
    if figure in OF_A_THRESHOLD:
        for run, why in stand.flattered.items():
            st.warning(f"**{plain(_title(run, rows))}**: {plain(why)}", icon=":material/warning:")


def _to_evaluate(runs: Sequence[str], rows: Sequence[Row]) -> None:
    """Runs nobody has judged yet, and the button that has it done."""
    if not runs:
        return
    works = {run: background.find("evaluate", {"run": run}) for run in runs}
    active = any(work is not None and work.is_active for work in works.values())
    names = ", ".join(_title(run, rows) for run in runs)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/quiz: Not evaluated yet: {plain(names)}.")
        if not active and st.button("Evaluate now", icon=":material/quiz:", type="tertiary", key="bench_evaluate"):
            with told():
                for run in runs:
                    background.start("evaluate", {"run": run})
                st.rerun()
    st.fragment(_watch, run_every=EVERY_S if active else None)(list(runs), active)


def _watch(runs: Sequence[str], was_active: bool) -> None:
    """Runs by itself, so that the page's own way with errors is not around it."""
    with told():
        _follow(runs, was_active)


def _follow(runs: Sequence[str], was_active: bool) -> None:
    """How far the evaluation is."""
    works = [work for run in runs if (work := background.find("evaluate", {"run": run})) is not None]
    active = [work for work in works if work.is_active]
    if was_active and not active:
        st.rerun()
    for work in works:
        status = work.status()
        if status["state"] == "failed":
            st.error(plain(f"{Path(str(work.arguments.get('run'))).name}: {status['error']}"), icon=":material/error:")
    if active:
        status = active[0].status()
        share = status["done"] / status["total"] if status["total"] else 0.0
        st.progress(
            min(1.0, share), f"{plain(str(status['stage']) or 'Starting')}: {status['done']} of {status['total']}"
        )


@st.cache_data(show_spinner="Setting runs on one yardstick …", max_entries=20)
def _yardstick(runs: tuple[str, ...], keys: tuple[str, ...]) -> OnTheYardstick:
    """`keys`: differ whenever an evaluation does."""
    return on_the_yardstick(runs)


def _key(run: str) -> str:
    found = kept_evaluation(run)
    if found is None:
        return ""
    return f"{found.key}|{kept_threshold(found)}|{flattered(found)}|{kept_points(found) is not None}"


def _title(model: str, rows: Sequence[Row]) -> str:
    return next((title(row) for row in rows if row.get("model") == model), model)


def _figure_title(name: str) -> str:
    return "As published" if name == PUBLISHED else glossary.term(name).title


def _axis(name: str, log: bool = False) -> Axis:
    if name == PUBLISHED:
        return Axis("as published", "%", 100.0)
    one = glossary.term(name)
    unit, scale = _UNITS.get(one.unit, (one.unit, 1.0))
    return Axis(one.title, unit, scale, log)
