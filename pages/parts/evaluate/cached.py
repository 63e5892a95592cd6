"""Figures of evaluations, each computed once and kept in bounded caches by the evaluation's key.

A leading underscore keeps an argument out of a cache's key: the key tells everything that matters of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from vision_core.evaluation import calibration, thresholds, worked
from vision_core.evaluation.box_confusion import BoxConfusion, confuse_boxes
from vision_core.evaluation.classification import ClassFigures, figures, per_class
from vision_core.evaluation.detection import CocoScores, coco_scores
from vision_core.evaluation.guessing import guessing
from vision_core.evaluation.intervals import Interval
from vision_core.evaluation.matching import JudgedBoxes, judge_boxes
from vision_core.evaluation.records import ClassificationResults, DetectionResults
from vision_core.evaluation.score_threshold import ThresholdSweep, sweep_thresholds
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.tide import ErrorBreakdown, break_down


def labels(evaluation: Evaluation) -> ClassificationResults:
    """The results of a classifier."""
    if not isinstance(evaluation.results, ClassificationResults):
        raise TypeError(f"{evaluation.name} is no classifier")
    return evaluation.results


def boxes(evaluation: Evaluation) -> DetectionResults:
    """The results of a detector."""
    if not isinstance(evaluation.results, DetectionResults):
        raise TypeError(f"{evaluation.name} is no detector")
    return evaluation.results


@st.cache_data(show_spinner=False, max_entries=100)
def label_figures(key: str, _evaluation: Evaluation, threshold: float = 0.5) -> dict[str, float]:
    return figures(labels(_evaluation), threshold=threshold)


@st.cache_data(show_spinner=False, max_entries=100)
def guesses(key: str, _evaluation: Evaluation) -> dict[str, float]:
    """What knowing nothing of a picture would give; nothing is known of boxes."""
    return guessing(_evaluation.results) if isinstance(_evaluation.results, ClassificationResults) else {}


@st.cache_data(show_spinner=False, max_entries=100)
def class_rows(key: str, _evaluation: Evaluation, threshold: float = 0.5) -> list[ClassFigures]:
    return per_class(labels(_evaluation), threshold)


@st.cache_data(show_spinner=False, max_entries=100)
def label_sweep(key: str, _evaluation: Evaluation) -> thresholds.Sweep:
    return thresholds.sweep(labels(_evaluation))


@st.cache_data(show_spinner=False, max_entries=100)
def reliability(key: str, temperature: float, _evaluation: Evaluation) -> calibration.Reliability:
    return calibration.reliability(labels(_evaluation).at_temperature(temperature))


@st.cache_data(show_spinner="Fitting …", max_entries=100)
def fitted(key: str, _evaluation: Evaluation) -> calibration.Fitted:
    return calibration.fit_temperature(labels(_evaluation))


@st.cache_data(show_spinner=False, max_entries=100)
def temperature_gain(key: str, temperature: float, _evaluation: Evaluation) -> Interval:
    return calibration.log_loss_gain(labels(_evaluation), temperature)


@st.cache_resource(show_spinner="Matching boxes …", max_entries=16)
def _coco(key: str, _results: DetectionResults) -> CocoScores:
    return coco_scores(_results)


def coco(evaluation: Evaluation) -> CocoScores:
    """COCO's scores, with the matching that other figures start from."""
    return _coco(evaluation.key, boxes(evaluation))


@st.cache_resource(show_spinner=False, max_entries=16)
def breakdown(key: str, _evaluation: Evaluation) -> ErrorBreakdown:
    """TIDE, of all boxes whatever their score."""
    return break_down(boxes(_evaluation))


@st.cache_resource(show_spinner=False, max_entries=32)
def judged(key: str, score: float, iou: float, _evaluation: Evaluation) -> JudgedBoxes:
    return judge_boxes(boxes(_evaluation), score, iou)


@st.cache_resource(show_spinner=False, max_entries=32)
def box_confusion(key: str, score: float, iou: float, _evaluation: Evaluation) -> BoxConfusion:
    return confuse_boxes(boxes(_evaluation), score, iou)


@st.cache_data(show_spinner=False, max_entries=200)
def box_sweep(key: str, iou: float, class_name: str | None, _evaluation: Evaluation) -> ThresholdSweep:
    return sweep_thresholds(boxes(_evaluation), iou, class_name, matches=coco(_evaluation).matches)


@st.cache_data(show_spinner=False, max_entries=100)
def examples(key: str, names: Sequence[str], _evaluation: Evaluation) -> dict[str, str]:
    """A worked example of each figure, plain text."""
    scores = coco(_evaluation) if _evaluation.task == "detection" else None
    return {name: worked.worked(name, _evaluation.results, scores) for name in names}
