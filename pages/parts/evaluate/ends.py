"""The intervals of an evaluation's figures: found at once where that is quick, else by a process of its own."""

from __future__ import annotations

import streamlit as st

from pages import plain, told
from pages.parts.evaluate import cached, prepare
from vision_core import background
from vision_core.background import Work
from vision_core.evaluation import asked
from vision_core.evaluation.classification_intervals import classification_intervals
from vision_core.evaluation.intervals import Drawing
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.store import Evaluation

SAMPLES, THRESHOLD = 1000, 0.5
QUICK = 30_000_000
"""Draws times pictures times classes that are found while somebody waits, about a second."""
Ends = dict[str, tuple[float, float]]


def of(evaluation: Evaluation) -> Ends:
    """Low and high of each figure that has an interval; empty as long as nobody knows."""
    if _is_quick(evaluation):
        return _as_pairs(_found(evaluation.key, evaluation))
    work = _work(evaluation)
    return _as_pairs(work.result()) if work is not None else {}


def of_classes(evaluation: Evaluation, threshold: float = THRESHOLD) -> Ends:
    """Those of each class, as `f1/cup`; at another threshold, where that takes long, only those that have none."""
    if threshold != THRESHOLD and _is_quick(evaluation):
        return _at(evaluation.key, threshold, evaluation)
    found = {name: pair for name, pair in of(evaluation).items() if "/" in name}
    same = threshold == THRESHOLD
    return {name: pair for name, pair in found.items() if same or name.startswith(("map/", "roc_auc/"))}


@st.cache_data(show_spinner=False, max_entries=100)
def _at(key: str, threshold: float, _evaluation: Evaluation) -> Ends:
    how, results = Drawing(samples=SAMPLES), cached.labels(_evaluation)
    found = classification_intervals(results, [], how, threshold=threshold, by_class=True)
    return {name: (one.low, one.high) for name, one in found.items() if one.known}


def standing(evaluation: Evaluation) -> None:
    """Says how far the intervals are; starts them where nobody has."""
    if _is_quick(evaluation):
        return
    work = _work(evaluation)
    if work is None:
        with told():
            work = background.start("intervals", _arguments(evaluation))
    if work is None or work.result():
        return
    if work.is_active:
        prepare.watch(work, "intervals", "Intervals")
        return
    status = work.status()
    if status["state"] == "failed":
        st.caption(f":material/error: No intervals: {plain(str(status['error']))}")
    if st.button("Find the intervals", icon=":material/swap_horiz:", key="evaluate_intervals"):
        with told():
            background.start("intervals", _arguments(evaluation))
            st.rerun()


def _is_quick(evaluation: Evaluation) -> bool:
    results = evaluation.results
    return isinstance(results, ClassificationResults) and SAMPLES * results.logits.size <= QUICK


@st.cache_data(show_spinner="Drawing the pictures again …", max_entries=100)
def _found(key: str, _evaluation: Evaluation) -> dict:
    return asked.intervals(_arguments(_evaluation), lambda what, done, total: None)


def _arguments(evaluation: Evaluation) -> dict[str, object]:
    return {"file": str(evaluation.file), "key": evaluation.key, "samples": SAMPLES}


def _work(evaluation: Evaluation) -> Work | None:
    return background.find("intervals", _arguments(evaluation))


def _as_pairs(found: dict) -> Ends:
    return {str(name): (float(low), float(high)) for name, (low, high) in found.get("ends", {}).items()}
