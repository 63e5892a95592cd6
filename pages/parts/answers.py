"""The "who can answer what" panel: four questions, every contender's answer, and where they disagree."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages import plain
from pages.parts.address import choose
from pages.parts.columns import Shown, headings
from vision_core.answers import QuestionRow, ask_all
from vision_core.vocabulary import covers

MARKS = {"yes": "✓", "no": "✗", "says": "", "cannot say": "–"}


def panel(columns: list[Shown], score: float, digest: str, filtered: bool) -> None:
    """Draws the panel for one picture; the thing that is asked about is the user's choice."""
    st.subheader("Who can answer what?", anchor=False)
    things = _things(columns)
    help = "Any class that one of the models knows. First come the things they see in this picture."
    thing = choose("Ask about", things, "thing", f"thing_{digest}", help)
    rows = ask_all([column.said for column in columns], thing, score)
    heads = headings([column.contender for column in columns])
    if filtered:
        st.caption("Asked of everything they see: the class filter above does not count here.")
    with st.container(key="answers"):
        st.html(_table(rows, heads))
        for row in rows:
            if row.disagreement:
                st.warning(plain(row.disagreement), icon=":material/call_split:")


def _table(rows: list[QuestionRow], heads: list[str]) -> str:
    """The panel as HTML, every text in it escaped; on a phone each cell carries its column's name (see the frame)."""
    lines = ["<table><thead><tr><th>Question</th>", *(f"<th>{escape(head)}</th>" for head in heads), "</tr></thead>"]
    for row in rows:
        lines.append(f"<tr><th scope='row'>{escape(row.question)}</th>")
        for head, answer in zip(heads, row.answers, strict=True):
            kind = answer.verdict.replace(" ", "-")
            mark = f"<span class='mark'>{MARKS[answer.verdict]}</span> " if MARKS[answer.verdict] else ""
            lines.append(f"<td class='{kind}' data-who='{escape(head)}'>{mark}{escape(answer.text)}</td>")
        lines.append("</tr>")
    return "".join([*lines, "</table>"])


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
