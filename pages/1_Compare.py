"""Compare: one picture, both tasks side by side, with what each of them can answer and costs."""

from __future__ import annotations

import streamlit as st

from pages import frame, told
from pages.parts import answers, columns, controls, costs, downloads, engine, gallery, sources
from pages.parts.controls import Contender
from pages.parts.engine import Ref


@st.fragment
def compare(refs: tuple[Ref, ...], contenders: list[Contender]) -> None:
    """Everything that follows the sliders; only this part runs again when one moves."""
    with told():
        view = controls.view(engine.class_names((c.classifier, c.detector) for c in contenders))
        ref = gallery.pick(refs, contenders, view)
        picture = engine.picture(ref.digest)
        for note in picture.notes:
            st.caption(f":material/info: {note}")
        st.caption(f"{picture.width_px} × {picture.height_px} px")
        with st.container(key="contenders"):
            places = st.columns(len(contenders))
        shown, strips = [], []
        for place, contender in zip(places, contenders, strict=True):
            with place, told():
                with st.spinner("Looking …"):
                    result = columns.result(contender, ref.digest, picture, view)
                columns.draw(result, ref.digest, picture, view)
                shown.append(result)
                strips.append(st.empty())
        if not shown:
            return
        answers.panel(shown, view.score)
        downloads.panel(shown, refs, picture, view)
        costs.panel(shown, strips, ref, picture, view)


with frame("Compare", "One picture, two tasks: **what** is in it, and **what and where**."):
    with st.container(key="setup"):
        left, right = st.columns(2, gap="large")
    chosen: tuple[Ref, ...] = ()
    with left, told():
        chosen = sources.choose().refs
    with right:
        contenders = controls.contenders()
    if chosen and contenders:
        compare(chosen, contenders)
