"""Decide: is "what" enough, or is "what and where" needed? A fair duel of the two, and an advisor that shows why."""

from __future__ import annotations

import streamlit as st

from pages import frame, remember, told
from pages.parts import sections

RESULT, ADVISOR, NEW = SECTIONS = ("Result", "Advisor", "New duel")


def section(is_empty: bool) -> str:
    """Which part of the page: what was asked for a moment ago, what the address says, or where something is."""
    if (opened := st.session_state.pop("duel_next", None)) is not None:
        st.session_state["duel_section"] = opened[0]
        if opened[1]:
            st.query_params["duel"] = opened[1]
    return sections.choose(SECTIONS, "duel_section", RESULT, NEW if is_empty else "")


def begin(found: list[DuelFolder]) -> None:
    """The form; what it asks for is started, and shown."""
    asked = duel_form.draw(any(choose.state(duel) in choose.ACTIVE for duel in found))
    if asked is not None:
        with told():
            choose.open_next(RESULT, start_duel(*asked).path.name)


def outcome(found: list[DuelFolder]) -> None:
    """One duel: how far it is, or what came of it."""
    if not found:
        st.info(
            "No duel has been fought here yet. One trains a classifier, a detector and the two in turn on the same "
            "pictures, and says which of them your question needs.",
            icon=":material/swords:",
        )
        if st.button("To a new duel", icon=":material/add:", type="primary"):
            choose.open_next(NEW)
        return
    duel, state = choose.draw(found)
    watch.draw(duel, state)
    if state == "finished":
        results.draw(duel)


with frame("Decide: is “what” enough, or do you need “where”?"):
    with st.spinner("Opening the workspace …"):
        from pages.parts.costs_page import kept
        from pages.parts.data import overview as data_overview
        from pages.parts.data import shelf
        from pages.parts.decide import choose, duel_form, results, watch
        from vision_core.duel.folder import DuelFolder, list_duels
        from vision_core.duel.jobs import start_duel
    data_overview.painting(shelf.painting())
    kept.recall()
    known = list_duels()
    show = section(not known)
    with told():
        if show == NEW:
            begin(known)
        elif show == ADVISOR:
            from pages.parts.decide import advisor

            advisor.draw(choose.silently(known))
        else:
            outcome(known)
    kept.keep()
    remember("Decide")
