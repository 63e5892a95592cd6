"""The choice of one of the yardstick's figures, the duel's own at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.parts.costs_page import kept
from vision_core import glossary
from vision_core.duel.plan import FIGURE_OF


def choose_figure(label: str, key: str, known: Sequence[str], result: Mapping[str, Any]) -> str:
    """One of the known figures; `key`: under which the choice is kept."""
    usual = FIGURE_OF[result["question"]]
    chosen = st.selectbox(
        label,
        known,
        format_func=lambda name: glossary.term(name).title,
        key=kept.one_of(key, known, usual if usual in known else known[0]),
        width=320,
    )
    return chosen or known[0]
