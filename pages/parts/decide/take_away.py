"""What can be taken away from a duel: the result, the table, a report, and the command line that does it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages import told
from pages.parts import report_button
from vision_core import figure_files
from vision_core.duel.command import command_line
from vision_core.duel.folder import DuelFolder
from vision_core.duel.outcome import table
from vision_core.errors import VisionError

_NO_FIGURE: Any = None  # the rows are given, so that none is read


def draw(result: Mapping[str, Any], duel: DuelFolder) -> None:
    """The buttons, and the command line."""
    st.markdown("#### Take it with you")
    stem = f"duel-{duel.path.name}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "JSON",
            lambda: json.dumps(result, ensure_ascii=False, indent=1),
            f"{stem}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            key=f"duel_json_{duel.path.name}",
            help="Everything this page shows",
        )
        st.download_button(
            "CSV",
            lambda: figure_files.to_csv(_NO_FIGURE, table(result)),
            f"{stem}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"duel_csv_{duel.path.name}",
            help="The table of figures and costs, with intervals",
        )
    report_button.draw([duel.path], f"duel_{duel.path.name}")
    with st.expander("The same from the command line", icon=":material/terminal:"), told():
        try:
            line = command_line(duel.plan(), f"duels/{duel.path.name}-again")
        except VisionError:
            st.caption("The plan of this duel cannot be read, so nobody can say how to fight it again.")
            return
        st.code(line, language="bash", wrap_lines=True)
