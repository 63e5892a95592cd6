"""Class by class: a mean may hide that the one class that matters is the weak one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pages.parts.costs_page import kept
from vision_core import glossary
from vision_core.data.wording import plural
from vision_core.duel.plan import FIGURE_OF, TITLES
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER

_MOST_PX = 460


def draw(result: Mapping[str, Any], key: str) -> None:
    """A table of one figure: a row a class, a column a contender."""
    offered = [name for name in FIGURES if any(name in one["by_class"] for one in result["contenders"])]
    if not offered:
        return
    usual = FIGURE_OF[result["question"]]
    with st.expander("Class by class", icon=":material/table_rows:"):
        figure = st.selectbox(
            "Figure of each class",
            offered,
            format_func=lambda name: glossary.term(name).title,
            key=kept.one_of("duel_class_figure", offered, usual if usual in offered else offered[0]),
        )
        frame = _frame(result, figure or offered[0])
        share = figure not in LOWER_IS_BETTER
        st.dataframe(
            frame,
            hide_index=True,
            placeholder="—",
            height=min(_MOST_PX, 38 + 35 * len(frame)),
            key=f"duel_classes_{key}",
            column_config={
                title: st.column_config.NumberColumn(title, format="%.1f %%" if share else "%.2f")
                for title in frame.columns
                if title in TITLES.values()
            },
            alt=f"{glossary.term(figure or offered[0]).title} of {plural(len(frame), 'class')}",
        )


def _frame(result: Mapping[str, Any], figure: str) -> pd.DataFrame:
    scale = 1 if figure in LOWER_IS_BETTER else 100
    columns: dict[str, list[Any]] = {"Class": [str(name) for name in result["classes"]]}
    first = result["contenders"][0]["by_class"]
    for name, title in (("pictures", "Pictures"), ("objects", "Objects")):
        if len(first.get(name) or []) == len(columns["Class"]):
            columns[title] = [None if value is None else round(value) for value in first[name]]
    for one in result["contenders"]:
        values = one["by_class"].get(figure) or [None] * len(columns["Class"])
        columns[TITLES[one["task"]]] = [None if value is None else scale * value for value in values]
    return pd.DataFrame(columns)
