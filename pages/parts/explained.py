"""Figures that explain themselves: a click on a metric's name opens what the glossary says of it.

with explained.row("headline"):
    explained.metric("map50", 0.61, interval=(0.55, 0.66), example="Of 412 boxes …")
explained.term("ece")                     # the name alone, beside a chart or a table
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages import plain
from vision_core import glossary

CARD_PX = 174
_STYLE = """<style>
[class*="st-key-explained_row_"] { align-items: stretch; }
[class*="st-key-explained_row_"] > [data-testid="stLayoutWrapper"] { display: flex; }
[class*="st-key-explained_row_"] [class*="st-key-explained_card_"] { height: auto; flex: 1; }
[class*="st-key-explained_card_"] { padding: 0.35rem 0.8rem 0.5rem; }
[class*="st-key-explained_card_"] [data-testid="stMetricValue"] { font-size: 1.5rem; line-height: 1.5; }
[class*="st-key-explained_card_"] [data-testid="stMetricLabel"] { display: none; }
[class*="st-key-explained_card_"] [data-testid="stPopover"] button { padding: 0; min-height: 1.6rem; text-align: left; }
[class*="st-key-explained_card_"] [data-testid="stCaptionContainer"] p { font-size: 0.8rem; }
</style>"""


@contextmanager
def row(key: str) -> Iterator[None]:
    """A line of metrics that breaks where the page is narrow."""
    st.html(_STYLE)
    with st.container(horizontal=True, key=f"explained_row_{key}", gap="small"):
        yield


def metric(
    name: str,
    value: float | None,
    *,
    task: str = "",
    interval: tuple[float, float] | None = None,
    example: str = "",
    note: str = "",
    key: str = "",
    said: str = "",
) -> None:
    """One figure with its name, its interval and its explanation.

    Args:
        name: of the glossary's entry.
        interval: both ends of its 95 % interval.
        example: a worked example of the user's own data, Markdown already.
        note: what else to say under the figure, e.g. why it is not there.
        key: tells apart two figures of one name on a page.
        said: the value in words of the caller's own, e.g. "$1.20"; by default as the glossary's unit wants it.
    """
    key = key or f"{task}_{name}"
    one = glossary.term(name, task)
    shown = said or glossary.say(name, value, task)
    with st.container(border=True, width=CARD_PX, gap="xxsmall", key=f"explained_card_{key}"):
        term(name, task=task, example=example, key=key)
        st.metric(one.title, plain(shown), label_visibility="collapsed")
        under = [between(name, interval, task)] if interval is not None else []
        under += [plain(note)] if note else []
        if under:
            st.caption(" · ".join(under))


def between(name: str, interval: tuple[float, float], task: str = "") -> str:
    """Both ends of an interval in words, e.g. "95 %: 55.1 to 66.0 %", as Markdown."""
    return plain(f"95 %: {ends(name, interval, task)}")


def ends(name: str, interval: tuple[float, float], task: str = "") -> str:
    """Both ends of an interval in plain text, e.g. "55.1 to 66.0 %"."""
    low, high = (glossary.say(name, end, task) for end in interval)
    unit = low.rpartition(" ")[2]
    if " " in low and high.endswith(f" {unit}"):
        low = low.removesuffix(f" {unit}")
    return f"{low} to {high}"


def term(name: str, *, task: str = "", example: str = "", key: str = "", label: str = "") -> None:
    """A metric's name; a click opens its explanation."""
    one = glossary.term(name, task)
    with st.popover(
        plain(label or one.title),
        type="tertiary",
        key=f"explained_{key or f'{task}_{name}'}",
    ):
        st.markdown(glossary.markdown(name, task, example))


def brief(name: str, task: str = "") -> str:
    """The entry in short for a tooltip, as Markdown that shows every letter."""
    return plain(glossary.brief(name, task))
