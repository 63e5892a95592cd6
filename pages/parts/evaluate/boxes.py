"""A detector in detail: its figures by class and by size, and its curves at each overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts import explained, figures
from pages.parts.evaluate import cached
from pages.parts.evaluate import ends as found_ends
from pages.parts.evaluate.labels import between
from vision_core import glossary
from vision_core.drawing import clean_text
from vision_core.errors import DataError
from vision_core.evaluation import box_charts, curve_charts
from vision_core.evaluation.curve_charts import Line
from vision_core.evaluation.store import Evaluation

OVERLAPS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
MOST_ROWS = 12
_COLUMNS = ("map", "map50", "map75", "ar100", "map_small", "map_medium", "map_large")


def classes_and_sizes(evaluation: Evaluation) -> None:
    """The table of classes, and the figures by size."""
    scores = cached.coco(evaluation)
    rows = scores.by_class()
    left, right = st.columns([1.9, 1], gap="large")
    with left:
        st.markdown("##### Each class")
        table = {"class": [clean_text(str(row["class"])) for row in rows], "boxes": [row["boxes"] for row in rows]}
        ends = found_ends.of(evaluation)
        columns: dict[str, Any] = {}
        for name in _COLUMNS:
            table[name] = [round(100 * row[name], 1) if name in row else np.nan for row in rows]
            columns[name] = _bar(name)
            if ends:
                title = f"{glossary.term(name, 'detection').short}, 95 %"
                table[title] = [between(ends.get(f"{name}/{row['class']}")) for row in rows]
                columns[title] = st.column_config.TextColumn(title, help=explained.brief("interval"))
        st.dataframe(
            pd.DataFrame(table),
            hide_index=True,
            placeholder="—",
            height=min(36 * (len(rows) + 1) + 2, 36 * (MOST_ROWS + 1)),
            column_config={
                "class": st.column_config.TextColumn("class", pinned=True),
                "boxes": st.column_config.NumberColumn("true boxes"),
                **columns,
            },
            key=f"evaluate_box_classes_{evaluation.key}",
            alt="Each class with its true boxes, average precision and recall, in percent, and their 95 % intervals",
        )
    with right:
        sizes = scores.by_size()
        figures.draw(
            box_charts.by_size(sizes, "map", "AP"),
            "By size of the objects",
            alt="; ".join(f"{row['size']}: {glossary.say('map', row.get('map'), 'detection')}" for row in sizes),
            key="by_size",
            table=sizes,
            help="COCO's sizes: small below 32 × 32 pixels, large above 96 × 96.",
        )


def _bar(name: str) -> Any:
    label = f"{glossary.term(name, 'detection').short}, %"
    return st.column_config.ProgressColumn(
        label, format="%.1f", min_value=0, max_value=100, help=explained.brief(name, "detection")
    )


def curves(evaluation: Evaluation) -> None:
    """Precision against recall, at several overlaps, of all classes or of one."""
    scores = cached.coco(evaluation)
    names = [str(row["class"]) for row in scores.by_class() if row["boxes"]]
    chosen = st.selectbox(
        "Of",
        [None, *names],
        format_func=lambda name: "the mean of all classes" if name is None else name,
        key=f"evaluate_pr_class_{evaluation.key}",
        width=330,
    )
    lines = []
    for overlap in OVERLAPS:
        try:
            curve = scores.curve(overlap, chosen)
        except DataError as error:
            st.info(str(error))
            return
        says = [f"score {score:.3f}" if np.isfinite(score) else "" for score in curve.score]
        title = f"IoU {overlap:.2f} (AP {curve.average_precision:.0%})"
        lines.append(Line(title, curve.recall, curve.precision, says))
    figures.draw(
        curve_charts.lines(lines, ("recall (%)", "precision (%)")),
        "Precision against recall, by overlap",
        alt="; ".join(line.name for line in lines),
        key="box_pr",
        help=explained.brief("ap"),
    )
    explained.term("iou", key="curves_iou", label="What is IoU?")
