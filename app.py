"""Home: what this is, what this machine can do, and the ways in. `make run` starts it."""

from __future__ import annotations

import streamlit as st

from pages import frame, plain
from vision_core.costs.machine import describe
from vision_core.models import list_models
from vision_core.models.weights import badge
from vision_core.runs import list_runs
from vision_core.samples import list_samples
from vision_core.settings import DATASET_FILE, settings

SHOWN = list_samples()[:4]

with frame(
    "What, or what and where?",
    "Is it enough to know **what** is in a picture (image classification), or do you need to know **what and where** "
    "(object detection)? See both on your own pictures, with what each of them costs, measured on this machine.",
):
    with st.container(horizontal=True):
        if st.button("Drop in a photo and compare", type="primary", icon=":material/compare:"):
            st.switch_page("pages/1_Compare.py")
        if st.button("Bring your own data", icon=":material/photo_library:"):
            st.switch_page("pages/2_Data.py")
        if st.button("Train a network", icon=":material/model_training:"):
            st.switch_page("pages/3_Train.py")
        if st.button("See which is better", icon=":material/analytics:"):
            st.switch_page("pages/4_Evaluate.py")
        if st.button("Count the cost", icon=":material/payments:"):
            st.switch_page("pages/5_Costs.py")

    here = describe()
    models = list_models()
    ready = sum(badge(spec) in ("embedded", "on disk") for spec in models)
    with st.container(horizontal=True):
        st.metric("Device", here.accelerator or "CPU", border=True, help=plain(here.processor))
        st.metric("Processor cores", here.cores, border=True)
        st.metric("Memory, GB", f"{here.memory_bytes / 1e9:.0f}", border=True)
        st.metric("Models", len(models), border=True, help=f"{ready} of them are ready offline")
        st.metric("Data sets", len(list(settings().datasets_dir.glob(DATASET_FILE))), border=True)
        st.metric("Your runs", len(list_runs()), border=True)

    what, where, both = st.columns(3)
    with what, st.container(border=True):
        st.markdown("#### :material/label: Classification")
        st.markdown(
            "One answer for the whole picture. Cheap to label (a tick a picture), usually cheap to run. It cannot "
            "count and cannot point."
        )
    with where, st.container(border=True):
        st.markdown("#### :material/select_all: Detection")
        st.markdown(
            "A box and a name for every object. It counts and points. Every object in every training picture needs "
            "a box, and the network usually costs more to run."
        )
    with both, st.container(border=True):
        st.markdown("#### :material/account_tree: Detect, then classify")
        st.markdown(
            "Boxes first, then a classifier names each crop more finely than the detector could. Cost grows with the "
            "number of objects."
        )

    st.markdown("##### Or start from a picture that is already here")
    for sample, place in zip(SHOWN, st.columns(len(SHOWN)), strict=True):
        with place:
            st.image(str(sample.path), width="stretch", alt=sample.alt)
            st.page_link("pages/1_Compare.py", label=sample.title, query_params={"sample": sample.title})

    st.caption(
        f"Workspace: `{settings().home}` (set `WHATWHERE_HOME` to move it). Nothing you drop in leaves this machine."
    )
