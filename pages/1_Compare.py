"""Compare: one picture, both tasks side by side, with what each of them can answer and costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages import frame, plain, remember, told

if TYPE_CHECKING:
    from pages.parts.controls import Contender
    from pages.parts.engine import Ref


@st.fragment
def compare(refs: tuple[Ref, ...], contenders: list[Contender]) -> None:
    """Everything that follows the sliders; only this part runs again when one moves."""
    with told():
        controls.start_at_applied(contenders)
        view = controls.view(engine.class_names((c.classifier, c.detector) for c in contenders))
        ref = gallery.pick(refs, contenders, view)
        picture = engine.store().picture(ref.digest)
        size = f"{picture.width_px} × {picture.height_px} px"
        st.caption(" · ".join([plain(ref.name), size, *map(plain, ref.notes)]))
        with st.container(key="contenders"):
            places = st.columns(len(contenders))
        shown, strips = [], []
        for place, contender in zip(places, contenders, strict=True):
            with place, told():
                with st.spinner("Looking …"):
                    result = columns.result(contender, ref, view)
                columns.draw(result, ref, view, columns.SHOWN_PX[len(contenders) - 1])
                shown.append(result)
                strips.append(st.empty())
        if shown:
            unfiltered = [columns.result(column.contender, ref, replace(view, only=())) for column in shown]
            answers.panel(unfiltered, view.score, ref.digest, bool(view.only))
        remember("Compare")  # after everything that writes to the address
        if shown:
            downloads.panel(shown, ref, refs, view)
            costs.panel(shown, strips, ref, view)


with frame("Compare: what, or what and where?"):
    with st.spinner("Waking the networks …"):  # PyTorch takes seconds to load; the title stands meanwhile
        from pages.parts import answers, columns, controls, costs, downloads, engine, gallery, sources
    with st.container(key="setup"):
        left, right = st.columns(2, gap="large")
        below = st.container()
    chosen: tuple[Ref, ...] = ()
    with left, told():
        chosen = sources.choose().refs
    with right:
        contenders = controls.contenders(below)
    if chosen and contenders:
        compare(chosen, contenders)
