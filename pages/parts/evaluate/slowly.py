"""What takes from a blink to a minute, found while the visitor waits: with progress, time left and a way to stop it.

Results are kept for everybody by their key. Any click elsewhere stops it too; it begins anew when the page is drawn.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

from vision_core.evaluation.intervals import Progress

T = TypeVar("T")
MOST = 200
"""Results that are kept, the oldest dropped."""
PATIENCE_S = 1.0
"""What is done sooner needs no bar."""


@st.cache_resource
def _kept() -> OrderedDict[Hashable, Any]:
    return OrderedDict()


def found(key: Hashable, work: Callable[[Progress], T], words: str, name: str) -> T | None:
    """What `work` finds, now or before; None where the visitor stopped it.

    Args:
        key: differs whenever the result does.
        work: is given a progress function, which it calls often.
        words: what is done, above the bar; name: of the buttons, different for each thing on a page.
    """
    kept = _kept()
    if key in kept:
        return kept[key]
    stopped = f"evaluate_stopped_{name}"
    if st.session_state.get(stopped) == key:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{words}: stopped.")
            st.button("Go on", key=f"evaluate_go_{name}", on_click=st.session_state.pop, args=(stopped, None))
        return None
    place, began = st.empty(), time.monotonic()
    bar: list[Any] = []

    def told(what: str, done: int, total: int) -> None:
        spent = time.monotonic() - began
        if spent < PATIENCE_S or not total:
            return
        if not bar:
            with place.container(horizontal=True, vertical_alignment="center"):
                bar.append(st.progress(0.0))
                st.button(
                    "Stop", key=f"evaluate_stop_{name}", on_click=st.session_state.__setitem__, args=(stopped, key)
                )
        left = spent * (total - done) / max(done, 1)
        bar[0].progress(min(1.0, done / total), f"{words}: {what.lower()}, about {left:.0f} s left")

    value = work(told)
    place.empty()
    kept[key] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
    return value
