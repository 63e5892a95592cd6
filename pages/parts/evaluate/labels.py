"""A classifier in detail: its classes, what it takes for what with the pictures behind each cell, and its worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages import plain
from pages.parts import explained, figures
from pages.parts.evaluate import cached, pictures
from pages.parts.evaluate import ends as found_ends
from vision_core.drawing import clean_text
from vision_core.evaluation import classification, confusion_charts
from vision_core.evaluation.guessing import guessing_of_classes
from vision_core.evaluation.store import Evaluation

COUNTS, SHARES = "Pictures", "Shares of the row"
MOST_ROWS, MOST_NAMED = 12, 5
WORST = 60
_FIGURES = {
    "F1": ("f1", "f1"),
    "AP": ("average_precision", "map"),
    "precision": ("precision", "precision"),
    "recall": ("recall", "recall"),
    "ROC-AUC": ("roc_auc", "roc_auc"),
}
"""Of each column, the field of `ClassFigures` and the name that its interval goes by."""
_TERMS = {"F1": "f1", "AP": "ap", "precision": "precision", "recall": "recall", "ROC-AUC": "roc_auc"}
_GUESSED = "What always saying yes to this class gives, without looking at a picture"


def classes(evaluation: Evaluation, threshold: float = found_ends.THRESHOLD) -> None:
    """The table of classes, sortable by any figure, each with its interval."""
    rows = cached.class_rows(evaluation.key, evaluation, threshold)
    ends = found_ends.of_classes(evaluation, threshold)
    guessed = guessing_of_classes(cached.labels(evaluation))
    guesses = {"F1": guessed.f1.tolist(), "AP": guessed.average_precision.tolist()}
    table: dict[str, list] = {
        "class": [clean_text(row.name) for row in rows],
        "examples": [row.support for row in rows],
    }
    columns: dict[str, Any] = {
        "class": st.column_config.TextColumn("class", pinned=True),
        "examples": st.column_config.NumberColumn("examples", help=explained.brief("support")),
    }
    for title, (field, name) in _FIGURES.items():
        table[title] = [_percent(getattr(row, field)) for row in rows]
        columns[title] = _bar(f"{title}, %", _TERMS[title])
        if ends:
            table[f"{title}, 95 %"] = [between(ends.get(f"{name}/{row.name}")) for row in rows]
            columns[f"{title}, 95 %"] = st.column_config.TextColumn(f"{title}, 95 %", help=explained.brief("interval"))
        if title in guesses:
            table[f"{title} guessed"] = [_percent(value) for value in guesses[title]]
            columns[f"{title} guessed"] = st.column_config.NumberColumn(
                f"{title} guessing, %", format="%.1f", help=_GUESSED
            )
    table |= {"said": [row.said for row in rows], "right": [row.right for row in rows]}
    columns["said"] = st.column_config.NumberColumn("answers", help="How often it was said")
    columns["right"] = st.column_config.NumberColumn("of these right")
    st.markdown("##### Each class")
    st.dataframe(
        pd.DataFrame(table),
        hide_index=True,
        placeholder="—",
        height=min(36 * (len(rows) + 1) + 2, 36 * (MOST_ROWS + 1)),
        column_config=columns,
        key=f"evaluate_classes_{evaluation.key}",
        alt="Each class with examples, F1, average precision, precision, recall and area under the ROC curve, "
        "with their 95 % intervals",
    )
    if ends and (few := [row.name for row in rows if row.support and f"map/{row.name}" not in ends]):
        st.caption(f":material/info: {plain(_too_few(few))}")
    with st.container(horizontal=True):
        for name in ("precision", "recall", "f1", "ap", "roc_auc", "support"):
            explained.term(name, key=f"classes_{name}")


def between(pair: tuple[float, float] | None) -> str:
    """Both ends of an interval of a share, in percent; nothing where there is none."""
    return "" if pair is None else f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}"


def _too_few(names: Sequence[str]) -> str:
    """Why some classes have no interval of their average precision."""
    some = ", ".join(f"“{name}”" for name in names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
    return (
        f"No interval of the average precision of {some}: too few pictures show it (more than a tenth of the drawings "
        "hold none), or every drawing gives the same."
    )


def _percent(value: float | None) -> float:
    return np.nan if value is None else round(100 * value, 1)


def _bar(label: str, name: str) -> Any:
    return st.column_config.ProgressColumn(label, format="%.1f", min_value=0, max_value=100, help=explained.brief(name))


def confusion(evaluation: Evaluation) -> None:
    """The matrix, whose cells open the pictures behind them; each class's own where pictures show several."""
    results = cached.labels(evaluation)
    if results.multi_label:
        _label_confusion(evaluation)
        return
    of_row = shares("confusion")
    counts = classification.confusion(results)
    figure = confusion_charts.confusion(counts, results.class_names, of_row)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        points = figures.draw(
            figure,
            "What is taken for what",
            alt=_most_confused(evaluation),
            key=f"confusion_{of_row}",
            help=explained.brief("confusion"),
            pick=True,
        )
    with right:
        cell = cell_of(points)
        if cell is None:
            st.markdown("##### Most confused")
            _confused_table(evaluation)
            return
        shown, said = cell
        names = results.class_names
        numbers = classification.pictures_of(results, shown, said)
        st.markdown(f"##### {plain(names[shown])}, said to be {plain(names[said])}: {len(numbers):,}")
        pictures.grid(evaluation, numbers.tolist(), f"cell_{shown}_{said}")


def shares(key: str, counts: str = COUNTS) -> bool:
    """Whether a matrix shows shares of its rows, instead of `counts`."""
    chosen = st.segmented_control(
        "Numbers", [counts, SHARES], default=counts, required=True, key=f"evaluate_shares_{key}"
    )
    return chosen == SHARES


def cell_of(points: list[dict]) -> tuple[int, int] | None:
    """Row and column of the cell that was clicked."""
    data = points[0].get("customdata") if points else None
    if data is None or len(data) < 2:
        return None
    return int(data[0]), int(data[1])


def _most_confused(evaluation: Evaluation) -> str:
    results = cached.labels(evaluation)
    worst = classification.most_confused(results, 3)
    names = results.class_names
    said = "; ".join(f"{one.count} of {names[one.shown]} said to be {names[one.said]}" for one in worst)
    return f"Confusion matrix of {len(results):,} pictures. {said or 'No picture is confused'}."


def _confused_table(evaluation: Evaluation) -> None:
    results = cached.labels(evaluation)
    worst = classification.most_confused(results, MOST_ROWS)
    if not worst:
        st.success("Every picture is right.", icon=":material/check:")
        return
    names = results.class_names
    st.dataframe(
        pd.DataFrame(
            {
                "is": [clean_text(names[one.shown]) for one in worst],
                "said to be": [clean_text(names[one.said]) for one in worst],
                "pictures": [one.count for one in worst],
                "of these, %": [round(100 * one.share, 1) for one in worst],
            }
        ),
        hide_index=True,
        alt="Which classes are taken for which, most pictures first",
    )
    st.caption("Click a cell of the matrix to see its pictures.")


def _label_confusion(evaluation: Evaluation) -> None:
    """Of each class: rightly and wrongly said, rightly and wrongly not said."""
    results = cached.labels(evaluation)
    counts = classification.label_confusion(results)
    kinds = [("said, and there", 1, 1), ("said, not there", 0, 1), ("not said, but there", 1, 0)]
    places = {title: (shown, said) for title, shown, said in kinds}
    table = np.stack([counts[:, shown, said] for _, shown, said in kinds], axis=1)
    figure = confusion_charts.label_counts(table, results.class_names, [title for title, _, _ in kinds])
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        points = figures.draw(
            figure,
            "Yes and no of each class",
            alt=f"Of each of {len(counts)} classes: pictures it was rightly said, wrongly said, and not said of",
            key="label_confusion",
            help="Pictures show several classes here, so each class is a yes or no of its own. Click a bar.",
            pick=True,
        )
    with right:
        data = points[0].get("customdata") if points else None
        if data is None:
            st.markdown("##### The pictures behind a bar")
            st.caption("Click a bar to see its pictures, the surest answers first.")
            return
        class_id, title = int(data[0]), [title for title, _, _ in kinds][int(data[1])]
        shown, said = places[title]
        numbers = classification.pictures_where(results, class_id, bool(shown), bool(said))
        st.markdown(f"##### {plain(results.class_names[class_id])}: {title}: {len(numbers):,}")
        pictures.grid(evaluation, numbers.tolist(), f"label_{class_id}_{title}")


def top_losses(evaluation: Evaluation) -> None:
    """The pictures whose truth surprised the network most."""
    results = cached.labels(evaluation)
    numbers, losses = classification.top_losses(results, WORST)
    loss_of = dict(zip(numbers.tolist(), losses.tolist(), strict=True))
    explained.term("top_losses", key="top_losses", label="What are top losses?")
    only_wrong = st.toggle("Only those answered wrong", key="evaluate_only_wrong") if not results.multi_label else False
    shown = [
        number for number in loss_of if not only_wrong or results.logits[number].argmax() != results.targets[number]
    ]
    if not shown:
        st.success("None of these is answered wrong.", icon=":material/check:")
        return
    pictures.grid(evaluation, shown, f"losses_{only_wrong}", note=lambda number: f"loss {loss_of[number]:.2f}")
