"""Costs: measure models and runs on this machine, set cost against quality, reckon a year's money, try real time."""

from __future__ import annotations

import streamlit as st

from pages import frame, remember, told
from pages.parts import sections

MEASURE, RESULTS, MONEY, STREAM = SECTIONS = ("Measure", "Results", "Money", "Real time")


def section(is_empty: bool) -> str:
    """Which part of the page: what was asked for a moment ago, what the address says, or where something is."""
    if (opened := st.session_state.pop("bench_next", None)) is not None:
        st.session_state["bench_section"] = RESULTS
        st.query_params["bench"] = opened
    return sections.choose(SECTIONS, "bench_section", RESULTS, MEASURE if is_empty else "")


def measure(found: list[BenchFolder]) -> None:
    """The form; what it asks for is started, and shown."""
    plan = form.draw(any(bench.is_active for bench in found))
    if plan is not None:
        with told():
            name = st.session_state.get(kept.key("name")) or form.usual_name(plan.models, form.known_models())
            benches.open_next(start_bench(plan, name))


def measured(found: list[BenchFolder], show: str) -> None:
    """One measurement, or all of them: what was found, or what a year costs."""
    if not found:
        st.info("Nothing has been measured yet: choose models under “Measure”.", icon=":material/timer:")
        return
    bench, state = benches.choose(found)
    rows = benches.rows_of(bench, found)
    if bench is not None:
        benches.standing(bench, rows, state)
    if show == MONEY:
        money.draw(rows, bench)
    else:
        results.draw(rows, bench.id if bench else "all")
        if rows:
            code.of_results(bench)


with frame("Costs: what it takes"):
    with st.spinner("Opening the workspace …"):
        from pages.parts.costs_page import benches, code, form, kept, money, realtime, results
        from vision_core.costs.bench_store import BenchFolder, list_benches, start_bench
    kept.recall()
    known = list_benches()
    show = section(not known)
    with told():
        if show == MEASURE:
            measure(known)
        elif show == STREAM:
            realtime.draw(known)
        else:
            measured(known, show)
    kept.keep()
    remember("Costs")
