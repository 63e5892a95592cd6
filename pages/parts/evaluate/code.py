"""The Evaluate page as code and as a notebook: the runs, the pictures and the part that are open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from pages import told
from pages.parts import code
from pages.parts.evaluate.choose import Pictures
from vision_core.evaluation.answers import THRESHOLDS
from vision_core.evaluation.applied import USUAL, applied_threshold
from vision_core.evaluation.store import Evaluation
from vision_core.notebooks.evaluation import EvaluationView, notebook, python_code

_SCORES = {"Confusion": "evaluate_confusion_score_", "Threshold": "evaluate_score_", "Slices": "evaluate_slice_score_"}


def draw(evaluations: Sequence[Evaluation], on: Pictures) -> None:
    """Below everything else, since it tells of the widgets above."""
    with told():
        shown = _view(evaluations, on)
        code.draw(python_code(shown), partial(notebook, shown), "evaluate", "evaluate")


def _view(evaluations: Sequence[Evaluation], on: Pictures) -> EvaluationView:
    runs = tuple(str(one.run.path) for one in evaluations)
    if len(evaluations) > 1:
        return EvaluationView(runs=runs, data=on.data, split=on.split, pair=_pair(evaluations))
    evaluation = evaluations[0]
    part = str(st.session_state.get(f"evaluate_part_{evaluation.task}") or "Overview")
    detects = evaluation.task == "detection"
    return EvaluationView(
        runs=runs,
        task=evaluation.task,
        several_labels=bool(getattr(evaluation.results, "multi_label", False)),
        data=on.data,
        split=on.split,
        part=part,
        score=_score(evaluation, part),
        iou=float(st.session_state.get(f"evaluate_f1_iou_{evaluation.key}") or 0.5),
        class_name=st.session_state.get(f"evaluate_f1_class_{evaluation.key}") if detects else None,
    )


def _score(evaluation: Evaluation, part: str) -> float | None:
    """From which score on answers count there, as its slider stands; None where there is no slider."""
    detects = evaluation.task == "detection"
    if part not in _SCORES or (part == "Confusion" and not detects):
        return None
    kept = applied_threshold(evaluation.run.path) if detects else None
    usual = THRESHOLDS[evaluation.task] if part == "Slices" else USUAL if kept is None else kept
    key = _SCORES[part] + evaluation.key + (f"_{kept}" if part == "Threshold" else "")
    return float(st.session_state.get(key, usual))


def _pair(evaluations: Sequence[Evaluation]) -> tuple[int, int]:
    """The two that are compared below the yardstick."""
    known: Any = hash(tuple(one.key for one in evaluations))
    state = st.session_state
    return int(state.get(f"evaluate_a_{known}") or 0), int(state.get(f"evaluate_b_{known}", 1) or 0)
