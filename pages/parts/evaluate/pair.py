"""Two runs against each other, in words: which is better, by how much, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain, told
from pages.parts import explained
from pages.parts.evaluate import slowly
from vision_core import glossary
from vision_core.errors import VisionError
from vision_core.evaluation.intervals import Drawing, Progress
from vision_core.evaluation.significance import Comparison, Figure, compare_figures, compare_several
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER, Yardstick

SAMPLES = 1000
_OWN = {
    "detection": ("map", "map50", "ar100"),
    "one": ("top1", "f1_macro", "log_loss"),
    "several": ("map", "f1_macro", "log_loss"),
}
"""What two runs of one task are compared by, besides the yardstick."""


def draw(evaluations: Sequence[Evaluation], sticks: Sequence[Yardstick], names: Sequence[str], key: tuple) -> None:
    """The choice of two, then the verdict on every figure that both have."""
    st.markdown("#### Which of two is better?")
    places = range(len(names))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = st.selectbox(
            "This one", places, format_func=names.__getitem__, key=f"evaluate_a_{hash(key[0])}", width=330
        )
        other = st.selectbox(
            "or that one", places, index=1, format_func=names.__getitem__, key=f"evaluate_b_{hash(key[0])}", width=330
        )
    one, other = one or 0, other or 0
    if one == other:
        st.caption("Choose two different runs.")
        return
    with st.container(border=True, key="evaluate_verdict"), told():
        _own_figures(evaluations[one], evaluations[other], (names[one], names[other]))
        st.markdown("**On the yardstick**")
        _yardstick(sticks, names, key, (one, other))
    explained.term(
        "paired_bootstrap",
        key="pair_bootstrap",
        label="How is this found?",
        example=f"{SAMPLES:,} draws of the pictures.",
    )


def _own_figures(one: Evaluation, other: Evaluation, names: tuple[str, str]) -> None:
    """The figures of their own task, where it is the same one."""
    if one.task != other.task:
        return
    kind = one.task if one.task == "detection" else "several" if getattr(one.results, "multi_label", False) else "one"
    st.markdown("**By the figures of their task**")
    compared = _compared((one.key, other.key, names), _OWN[kind], one, other)
    if compared is None:
        return
    if isinstance(compared, str):
        st.markdown(f":gray[:material/block: {plain(compared)}]")
        return
    for figure, found in compared.items():
        _say(glossary.term(figure, one.task).title, found)
        if found.mcnemar is not None:
            test = found.mcnemar
            said = f"Only {names[0]} is right on {test.only_a:,} pictures, only {names[1]} on {test.only_b:,}"
            how = "exact" if test.exact else "chi-squared"
            explained.term("mcnemar", key="pair_mcnemar", example=plain(f"{said}: {test.chance:.3g}, {how}."))
            st.caption(plain(f"{said} (McNemar's test, {how}: {test.chance:.3g})."))


def _compared(
    key: tuple, figures: tuple[str, ...], one: Evaluation, other: Evaluation
) -> dict[str, Comparison] | str | None:
    """The comparison by each figure, or why there is none; None where it was stopped."""

    def work(progress: Progress) -> dict[str, Comparison] | str:
        try:
            how = Drawing(samples=SAMPLES)
            return compare_figures(one.results, other.results, figures, key[2], how, progress)
        except VisionError as error:
            return str(error)

    return slowly.found(("compared", key, figures), work, "Comparing by their own figures", "compared")


def _gaps(
    key: tuple, pair: tuple[int, int], names: tuple[str, str], sticks: Sequence[Yardstick]
) -> dict[str, Comparison] | None:
    one, other = sticks[pair[0]], sticks[pair[1]]
    both = [name for name in FIGURES if one.figures[name] is not None and other.figures[name] is not None]
    figures, how = [Figure(name, name in LOWER_IS_BETTER, _unit(name)) for name in both], Drawing(samples=SAMPLES)

    def work(progress: Progress) -> dict[str, Comparison]:
        return compare_several(one.resampled, other.resampled, len(one.ground), figures, names, how, progress)

    return slowly.found(("gaps", key, pair, names), work, "Comparing on the yardstick", "gaps")


def _unit(name: str) -> str:
    unit = glossary.term(name).unit
    return "points" if unit == "share" else unit


def _yardstick(sticks: Sequence[Yardstick], names: Sequence[str], key: tuple, pair: tuple[int, int]) -> None:
    gaps = _gaps(key, pair, (names[pair[0]], names[pair[1]]), sticks)
    if gaps is None:
        return
    for name in FIGURES:
        title = glossary.term(name).title
        if name in gaps:
            _say(title, gaps[name])
        else:
            why = plain(_why_not(name, sticks, names, pair))
            st.markdown(f":gray[:material/block: **{plain(title)}**: cannot be compared. {why}]")


def _why_not(name: str, sticks: Sequence[Yardstick], names: Sequence[str], pair: tuple[int, int]) -> str:
    for place in pair:
        if name in sticks[place].unanswered:
            return f"{names[place]}: {sticks[place].unanswered[name]}"
    return "These pictures cannot tell."


def _say(title: str, found: Comparison) -> None:
    icon = ":green[:material/check_circle:]" if found.surely else ":orange[:material/drag_handle:]"
    st.markdown(f"{icon} **{plain(title)}**: {plain(found.words)}")
