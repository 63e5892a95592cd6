"""The Decide page as code and as a notebook: the duel that is open, or the one that the form asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from pages import told
from pages.parts import code
from pages.parts.costs_page import kept
from vision_core.duel.folder import DuelFolder
from vision_core.duel.plan import DuelPlan
from vision_core.notebooks.duel import DuelView, notebook, plan_notebook, plan_steps, python_code
from vision_core.notebooks.writer import script

_ANEW = "These lines reckon yardstick and verdict anew from raw predictions; run them beside `app.py`."
_FIGHTS = "These lines fight the duel that the form asks for; run them beside `app.py`."


def draw(duel: DuelFolder | None, needs: Mapping[str, Any] | None = None) -> None:
    """Of a finished duel, with the learning curves that are shown; and of the advice.

    Args:
        needs: what was asked of the advisor, as plain values; None: nothing was.
    """
    with told():
        if duel is not None and not duel.result():
            duel = None
        if duel is None and needs is None:
            return
        figure, axis = (str(st.session_state.get(kept.key(f"duel_curve_{name}")) or "") for name in ("figure", "axis"))
        question, path = (duel.plan().question, duel.path) if duel is not None else ("presence", None)
        view = DuelView(duel=path, question=question, figure=figure, axis=axis or "pictures", needs=needs)
        code.draw(python_code(view), partial(notebook, view), "decide", "decide", says=_ANEW)


def of_plan(plan: DuelPlan) -> None:
    """Of the form."""
    code.draw(script(plan_steps(plan)), partial(plan_notebook, plan), "duel", "decide_form", says=_FIGHTS)
