"""Train: choose data, task, network and preset, press one button, watch it learn, take the result away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import frame, plain, remember, told

if TYPE_CHECKING:
    from vision_core.training.overview import Overview

NEW, RUNS = "New run", "Runs"


def section(found: list[Overview]) -> str:
    """New run or runs: what was asked for a moment ago, what the address says, or where something happens."""
    if "train_next" in st.session_state:
        opened = st.session_state.pop("train_next")
        st.session_state["train_section"] = NEW if opened is None else RUNS
        if opened is not None:
            st.query_params["run"], st.query_params["beside"] = opened[0], list(opened[1])
    if "train_section" not in st.session_state:
        asked = st.query_params.get("show", "")
        happens = "run" in st.query_params or any(one.record.is_active for one in found)
        st.session_state["train_section"] = asked if asked in (NEW, RUNS) else RUNS if happens else NEW
    chosen = st.segmented_control("Show", [NEW, RUNS], required=True, key="train_section", label_visibility="collapsed")
    chosen = chosen or NEW
    if chosen != st.query_params.get("show"):
        st.query_params["show"] = chosen
    return chosen


def new_run(found: list[Overview]) -> None:
    """The form, or where to find data for it."""
    with told():
        form.recall()
    if not list_datasets():
        st.info("There is no data set to learn from yet: bring one in, or wait for Fashion Shelf.")
        if st.button("To the Data page", icon=":material/photo_library:", type="primary"):
            st.switch_page("pages/2_Data.py")
        return
    config = form.draw(found)
    if config is not None:
        with told():
            start.draw(config)


def watching(found: list[Overview]) -> None:
    """The list of runs and the one that is open."""
    if not found:
        st.info("Nothing was trained yet: choose data and a network under “New run”.", icon=":material/model_training:")
        runs.draw("", False)
        return
    one = runs.chosen(found)
    st.query_params["run"] = one.record.id  # so that a link, and the way back from another page, lead to it
    left, right = st.columns([1, 2.7], gap="large")
    with left:
        runs.draw(one.record.id, any(each.record.is_active for each in found))
    with right, told():
        record = one.record
        st.markdown(f"### {plain(record.name)}")
        about = [runs.badge(one), plain(one.model), plain(one.task), plain(str(record.config.get("preset", "")))]
        st.caption(" · ".join(about))
        if record.note:
            st.markdown(plain(record.note))
        actions.draw(one)
        watch.draw(one, found)
        actions.take(one)
        if not one.record.is_active:
            report_button.draw([one.run.path], "train")


with frame("Train: a network for your own pictures"):
    with st.spinner("Opening the workspace …"):
        from pages.parts import report_button
        from pages.parts.data import overview as data_overview
        from pages.parts.data import shelf
        from pages.parts.train import actions, form, runs, start, watch
        from vision_core.data.library import list_datasets
    data_overview.painting(shelf.painting())
    known = runs.every()
    if section(known) == NEW:
        new_run(known)
    else:
        watching(known)
    remember("Train")
