"""The "who can answer what" panel: four questions, every contender's answer, and where they disagree."""

from __future__ import annotations

import streamlit as st

from pages import plain
from pages.parts.columns import Shown
from vision_core.answers import Answer, ask_all
from vision_core.vocabulary import covers

ICONS = {"yes": ":green[:material/check_circle:]", "no": ":red[:material/cancel:]", "says": ":blue[:material/chat:]"}
CANNOT = ":gray[:material/block:]"


def panel(columns: list[Shown], score: float) -> None:
    """Draws the panel for one picture; the thing that is asked about is the user's choice."""
    st.subheader("Who can answer what?", anchor=False)
    things = _things(columns)
    thing = st.selectbox(
        "Ask about",
        things,
        key="thing",
        format_func=plain,
        help="Any class that one of the models knows. First come the things they see in this picture.",
    )
    if thing is None:
        return
    rows = ask_all([column.said for column in columns], thing, score)
    one_each = len({column.contender.kind for column in columns}) == len(columns)
    heads = [column.contender.kind if one_each else plain(column.contender.title) for column in columns]
    lines = ["| Question | " + " | ".join(heads) + " |", "|" + " --- |" * (len(heads) + 1)]
    for row in rows:
        lines.append(f"| **{plain(row.question)}** | " + " | ".join(_cell(answer) for answer in row.answers) + " |")
    with st.container(key="answers"):
        st.markdown("\n".join(lines))
        for row in rows:
            if row.disagreement:
                st.warning(plain(row.disagreement), icon=":material/call_split:")


def _cell(answer: Answer) -> str:
    text = plain(answer.text)
    return f"{CANNOT} :gray[{text}]" if answer.verdict == "cannot say" else f"{ICONS[answer.verdict]} {text}"


def _things(columns: list[Shown]) -> list[str]:
    """What can be asked about: things seen here first, then everything anyone has a word for."""
    seen: list[str] = []
    known: list[str] = []
    for column in columns:
        if column.pipeline or column.detections is not None:
            found = column.pipeline.detections if column.pipeline else column.detections
            if found is not None:
                seen += found.counts()
                known += found.class_names
        if column.classification:
            known += column.classification.class_names
    for column in columns:
        if column.classification:
            names = [label.name for label in column.classification.top(3)]
            seen += [name for name in names if not any(name in covers(names, thing) for thing in seen)]
    return list(dict.fromkeys([*seen, *sorted(known, key=str.casefold)]))
