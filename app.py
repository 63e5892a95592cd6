"""Home: three ways in, what this machine is doing, what to do next, and a tour. `make run` starts it."""

from __future__ import annotations

import streamlit as st

from pages import frame, plain
from vision_core.costs.machine import describe
from vision_core.models import list_models
from vision_core.models.weights import badge
from vision_core.samples import list_samples
from vision_core.settings import settings

SHOWN = list_samples()[:4]


def machine(state: WorkspaceState) -> None:
    """Device, workspace, models and jobs."""
    here, models = describe(), list_models()
    ready = sum(badge(spec) in ("embedded", "on disk") for spec in models)
    with st.container(horizontal=True):
        st.metric("Device", here.accelerator or "CPU", border=True, help=plain(here.processor))
        st.metric("Processor cores", here.cores, border=True)
        st.metric("Memory, GB", f"{here.memory_bytes / 1e9:.0f}", border=True)
        st.metric("Models", len(models), border=True, help=f"{ready} of them are ready offline")
        st.metric("Your data sets", len(state.own_data), border=True)
        st.metric("Your runs", state.runs, border=True, help=f"besides {state.examples} that came with the project")
        st.metric("Your duels", len(state.duels), border=True)


@st.fragment(run_every=5.0)
def jobs(active: bool, has_tour: bool) -> None:
    """What is going on, looked at again every few seconds; the page above is drawn anew when it has changed."""
    state = look_around()
    if state.has_example_duel and not has_tour:
        st.rerun(scope="app")  # Fashion Shelf is painted, and the duel that comes with it has arrived
    if not state.at_work:
        st.caption(":material/check: Nothing is going on: no training, no duel, no measurement.")
        if active:
            st.rerun(scope="app")  # what to do next is something else now
        return
    for one in state.at_work:
        icon = {"run": ":material/model_training:", "duel": ":material/swords:"}.get(one.kind, ":material/timer:")
        st.page_link(
            one.page,
            label=f"{one.kind.capitalize()} going on: {plain(one.name)}",
            icon=icon,
            query_params=dict(one.address),
        )


def proposal(state: WorkspaceState) -> None:
    """What to do next, and the way there."""
    step = next_step(state)
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="next_step"):
        st.markdown(f":material/lightbulb: **Next:** {plain(step.sentence)}", width="stretch")
        st.page_link(
            step.page,
            label=step.label,
            icon=":material/arrow_forward:",
            query_params=dict(step.address),
            width="content",
        )
        tour.invite(tour.example())


with frame(
    "What, or what and where?",
    "Is it enough to know **what** is in a picture (image classification), or do you need to know **what and where** "
    "(object detection)? See both on your own pictures, with what each of them costs, measured on this machine.",
):
    with st.spinner("Opening the workspace …"):
        from pages.parts.data import overview as data_overview
        from pages.parts.data import shelf
        from pages.parts.home import doors, tour
        from vision_core.whats_next import WorkspaceState, look_around, next_step
    found = look_around()
    proposal(found)
    data_overview.painting(shelf.painting())  # the duel of the tour comes with Fashion Shelf
    tour.draw(tour.example())
    doors.draw(found)
    st.markdown("##### Or start from a picture that is already here")
    for sample, place in zip(SHOWN, st.columns(len(SHOWN)), strict=True):
        with place:
            st.image(str(sample.path), width="stretch", alt=sample.alt)
            st.page_link("pages/1_Compare.py", label=sample.title, query_params={"sample": sample.title})
    st.markdown("##### This machine and its workspace")
    machine(found)
    jobs(bool(found.at_work), found.has_example_duel)
    st.caption(
        f"Workspace: `{settings().home}` (set `WHATWHERE_HOME` to move it). Nothing you drop in leaves this machine."
    )
