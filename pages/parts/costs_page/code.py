"""The Costs page as code and as a notebook: the plan of the form, what was measured, what a year costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from pages import told
from pages.parts import code
from pages.parts.costs_page import kept
from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_rows import Row
from vision_core.costs.bench_store import BenchFolder
from vision_core.costs.scenario import Scenario
from vision_core.errors import VisionError
from vision_core.notebooks.costs import (
    CostsView,
    StreamView,
    notebook,
    plan_notebook,
    plan_steps,
    python_code,
    stream_notebook,
    stream_steps,
)
from vision_core.notebooks.writer import script

_KEPT_ROWS = "The rows that were kept give the same numbers to the last digit; run these lines beside `app.py`."
_MEASURES = "These lines measure what the form says, here and now; run them beside `app.py`."


def of_plan(plan: BenchPlan) -> None:
    """The form."""
    code.draw(script(plan_steps(plan)), partial(plan_notebook, plan), "measure", "bench_form", says=_MEASURES)


def of_results(bench: BenchFolder | None) -> None:
    """The table and the chart of how good against how dear."""
    state = st.session_state
    cost, figure = (str(state.get(kept.key(name)) or "") for name in ("dear", "good"))
    _draw(CostsView(bench=bench.id if bench else "", plan=_plan(bench), cost=cost, figure=figure))


def of_money(bench: BenchFolder | None, scenario: Scenario, ways: Mapping[str, Row]) -> None:
    """What a year costs."""
    _draw(CostsView(bench=bench.id if bench else "", scenario=scenario, ways=ways))


def of_stream(target_fps: float, plan: BenchPlan | None) -> None:
    """Real time: what was tried at that target, and another try as the form has it."""
    view = StreamView(target_fps, plan)
    code.draw(script(stream_steps(view)), partial(stream_notebook, view), "real_time", "bench_stream", says=_KEPT_ROWS)


def _draw(view: CostsView) -> None:
    with told():
        code.draw(python_code(view), partial(notebook, view), "costs", "bench", says=_KEPT_ROWS)


def _plan(bench: BenchFolder | None) -> BenchPlan | None:
    """What was asked for; None of a damaged one, and of several together."""
    try:
        return bench.plan() if bench is not None else None
    except VisionError:
        return None
