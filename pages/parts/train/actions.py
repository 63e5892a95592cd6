"""What can be done with a run: stop, resume, train again otherwise, rename, delete; and what can be taken away."""

from __future__ import annotations

import json
from functools import partial

import streamlit as st

from pages import told
from pages.parts import code
from pages.parts.train import all_settings, runs
from vision_core.training import export, jobs, snippets
from vision_core.training.overview import Overview, read_log

EVERY_S = 3.0


def draw(one: Overview) -> None:
    """The row of buttons that fit the run's state."""
    record, run = one.record, one.run
    with st.container(horizontal=True, vertical_alignment="center", key="train_actions"), told():
        if record.is_active:
            waits = record.state == "queued"
            label = "Take it out of the queue" if waits else "Stop"
            if st.button(label, icon=":material/stop:", key="train_stop", help="It can be resumed later"):
                jobs.cancel(run)
                if waits:
                    st.rerun()
                st.toast("It stops after this step, with a checkpoint.")
            if record.state == "running" and st.button(
                "Stop and keep the best",
                icon=":material/flag:",
                key="train_finish",
                help="Ends now, as if this were all",
            ):
                jobs.finish(run)
                st.toast("It judges what it has learned, then ends.")
        elif record.state != "finished":
            label = "Resume" if record.can_resume else "Start over"
            if st.button(label, icon=":material/resume:", type="primary", key="train_resume"):
                jobs.resume(run)
                st.rerun()
        if one.has_weights:
            parameter = "classifier" if one.task == "classification" else "detector"
            st.page_link(
                "pages/1_Compare.py",
                label="Try it on the Compare page",
                icon=":material/compare:",
                query_params={parameter: str(run.path)},
            )
        if st.button("Clone with changes", icon=":material/content_copy:", key="train_clone"):
            all_settings.fill(run.config())
            st.session_state["train_next"] = None
            st.rerun()
        _rename(one)
        if not record.is_active and st.button("Delete", icon=":material/delete:", key="train_delete", type="tertiary"):
            runs.discard(one)


def _rename(one: Overview) -> None:
    record = one.record
    with (
        st.popover("Name and note", icon=":material/edit:", type="tertiary"),
        st.form(f"about_{record.id}", border=False),
    ):
        name = st.text_input("Name", record.name, max_chars=80)
        note = st.text_area("Note", record.note, max_chars=2000, placeholder="What was this run for?")
        if st.form_submit_button("Save", icon=":material/save:"):
            one.run.rename(name, note)
            st.rerun()


def take(one: Overview) -> None:
    """Weights, code, settings and log, one click away."""
    weights, code, settings, log = st.tabs(
        [":material/download: Weights", ":material/code: Code", ":material/tune: Settings", ":material/article: Log"]
    )
    with weights, told():
        _weights(one)
    with code, told():
        _code(one)
    with settings, told():
        st.download_button(
            "config.json",
            json.dumps(dict(one.record.config), indent=1, ensure_ascii=False),
            "config.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.json(dict(one.record.config), expanded=1)
    with log:
        st.fragment(_log, run_every=EVERY_S if one.record.is_active else None)(one)


def _weights(one: Overview) -> None:
    if not one.has_weights:
        st.caption("The best weights can be taken away after the first epoch.")
        return
    name = export.file_name(one.run)
    st.download_button(
        "Download the best weights",
        partial(export.read_weights, one.run),
        name,
        "application/octet-stream",
        icon=":material/download:",
        on_click="ignore",
        key="train_weights",
    )
    loading = export.loading_code(one.run, name)
    st.caption(
        f"Class names and preprocessing are inside its header. With {loading.library} it is loaded by three lines:"
    )
    st.code(loading.code, language="python")
    if loading.note:
        st.caption(f":material/info: {loading.note}")


def _code(one: Overview) -> None:
    config = snippets.as_trained(one.run)
    code.button(partial(snippets.notebook, config), "train", "train")
    st.code(snippets.python_code(config), language="python")


def _log(one: Overview) -> None:
    text = read_log(one.run)
    if not text:
        st.caption("Nothing was logged yet.")
        return
    st.code(text, language=None, height=320, wrap_lines=True)
    st.download_button("The whole log", partial(read_log, one.run, 1 << 30), "log.txt", on_click="ignore")
