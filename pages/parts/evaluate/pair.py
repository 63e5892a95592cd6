"""Two runs against each other, in words: which is better, by how much, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain
from pages.parts import explained
from vision_core import glossary
from vision_core.evaluation.intervals import Interval
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER, Yardstick, differences


def draw(evaluations: Sequence[Evaluation], sticks: Sequence[Yardstick], names: Sequence[str], key: tuple) -> None:
    """The choice of two, then the verdict on every figure that both have."""
    st.markdown("#### Which of two is better?")
    places = range(len(names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = st.selectbox("Is", places, format_func=names.__getitem__, key=f"evaluate_a_{hash(key[0])}", width=330)
        other = st.selectbox(
            "better than", places, index=1, format_func=names.__getitem__, key=f"evaluate_b_{hash(key[0])}", width=330
        )
    one, other = one or 0, other or 0
    if one == other:
        st.caption("Choose two different runs.")
        return
    with st.container(border=True):
        _yardstick(sticks, names, key, (one, other))
    explained.term("paired_bootstrap", key="pair_bootstrap", label="How is this found?")


@st.cache_data(show_spinner="Drawing the pictures again …", max_entries=64)
def _gaps(key: tuple, pair: tuple[int, int], _sticks: Sequence[Yardstick]) -> dict[str, Interval]:
    return differences(_sticks[pair[0]], _sticks[pair[1]])


def _yardstick(sticks: Sequence[Yardstick], names: Sequence[str], key: tuple, pair: tuple[int, int]) -> None:
    gaps = _gaps(key, pair, sticks)
    one, other = names[pair[0]], names[pair[1]]
    for name in FIGURES:
        title = glossary.term(name).title
        if name not in gaps:
            why = _why_not(name, sticks, names, pair)
            st.markdown(f":gray[:material/block: **{plain(title)}**: cannot be compared. {plain(why)}]")
            continue
        icon, words = verdict(name, gaps[name], one, other)
        st.markdown(f"{icon} **{plain(title)}**: {words}")


def _why_not(name: str, sticks: Sequence[Yardstick], names: Sequence[str], pair: tuple[int, int]) -> str:
    for place in pair:
        if name in sticks[place].unanswered:
            return f"{names[place]}: {sticks[place].unanswered[name]}"
    return "These pictures cannot tell."


def verdict(name: str, gap: Interval, one: str, other: str) -> tuple[str, str]:
    """An icon and a sentence of a difference (`one` minus `other`), as Markdown."""
    value, low, high = (-gap.value, -gap.high, -gap.low) if name in LOWER_IS_BETTER else (gap.value, gap.low, gap.high)
    better, worse = (one, other) if value >= 0 else (other, one)
    if value < 0:
        value, low, high = -value, -high, -low
    if not gap.known:
        if gap.value == 0:
            return ":material/drag_handle:", "both do exactly alike on these pictures."
        return ":material/help:", plain(
            f"{better} is ahead by {_points(name, value)}; these pictures cannot tell how surely."
        )
    between = f"95 %: {_points(name, low)} to {_points(name, high)}"
    if low > 0:
        return (
            ":green[:material/check_circle:]",
            f"**{plain(better)}** is better by **{plain(_points(name, value))}** ({plain(between)}).",
        )
    return ":orange[:material/drag_handle:]", plain(
        f"these data cannot tell them apart: {better} is ahead of {worse} by {_points(name, value)} ({between})."
    )


def _points(name: str, value: float) -> str:
    """A difference: in percentage points where the figure is a share."""
    one = glossary.term(name)
    return f"{100 * value:.1f} points" if one.unit == "share" else f"{value:.3g} {one.unit}".strip()
