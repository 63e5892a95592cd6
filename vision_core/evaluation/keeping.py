"""What is chosen by an evaluation and kept with its run: a classifier's temperature, a detector's score threshold.

    judged = evaluate_run(run)                       # the pictures that before and after are told of
    keep_temperature(judged).after["log_loss"]       # fitted on the run's validation pictures
    keep_threshold(judged).now                       # the one with the best F1 there; or a given one
    forget(run)

Chosen on validation pictures, so that those judged do not flatter the choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.applied import USUAL, applied_threshold, apply_threshold, flattered
from vision_core.evaluation.records import ClassificationResults, DetectionResults
from vision_core.run_folder import CONFIG, RunFolder

if TYPE_CHECKING:
    from vision_core.evaluation.box_matching import Stage
    from vision_core.evaluation.store import Evaluation

SURE_FIGURES = ("log_loss", "brier", "ece")
"""What a temperature changes."""


@dataclass(frozen=True)
class Kept:
    """One number that is kept with a run.

    Attributes:
        name: `temperature` or `score_threshold`.
        was, now: the number in use before, and the one kept; `was` is None of a threshold that nobody had chosen.
        chosen_on: `data`, `split` and `images` it was chosen by; None of a number that was given.
        before, after: figures of the pictures judged, with the one and with the other. A threshold's are `precision`
            (None where no box is shown), `recall` and `f1`, from IoU 0.5 on; where nobody had chosen one, `before` is
            told of `USUAL`.
        warning: why not to trust what the figures say, in a sentence; "" where nothing speaks against it.
    """

    name: str
    was: float | None
    now: float
    chosen_on: Mapping[str, Any] | None
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]
    warning: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        plain = {name: getattr(self, name) for name in ("was", "now", "chosen_on", "before", "after", "warning")}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in plain.items()}


def keep_temperature(judged: Evaluation, progress: Stage | None = None) -> Kept:
    """Fits a temperature to the run's own validation pictures and keeps it with the run.

    Args:
        judged: what tells of before and after; in `evaluate_run`'s words, of any data and split.

    Raises:
        DataError: the run detects, has no validation pictures, or they cannot tell a temperature; nothing is kept.
    """
    from vision_core.evaluation.calibration import fit_temperature, gain_in_words, log_loss_gain, store_temperature
    from vision_core.evaluation.classification import figures

    results = judged.results
    if not isinstance(results, ClassificationResults):
        raise DataError(f"The run {judged.name!r} detects: a temperature is for the scores of a classifier.")
    validation = _validation(judged, progress)
    fitted = fit_temperature(_labels(validation))
    if fitted.note:
        raise DataError(f"No temperature is kept. {fitted.note}")
    after = results.at_temperature(fitted.temperature)
    warning = gain_in_words(log_loss_gain(results, fitted.temperature))
    if _share_pictures(validation, judged):
        warning = "It was fitted to the pictures judged here, which flatters it: expect less on others."
    store_temperature(judged.run.path, fitted.temperature)
    return Kept(
        "temperature",
        results.temperature,
        fitted.temperature,
        _about(validation),
        figures(results, SURE_FIGURES),
        figures(after, SURE_FIGURES),
        warning,
    )


def keep_threshold(judged: Evaluation, score: float | None = None, progress: Stage | None = None) -> Kept:
    """Keeps a score threshold with the run.

    Args:
        judged: what tells of before and after.
        score: 0..1; None: the one with the best F1 (IoU 0.5) on the run's own validation pictures.

    Raises:
        DataError: the run classifies, or there are no validation pictures, boxes or true boxes to choose it by.
        SettingsError: it is not between 0 and 1. Nothing is kept in either case.
    """
    from vision_core.evaluation.score_threshold import sweep_thresholds

    if score is not None and not 0 <= score <= 1:
        raise SettingsError(f"A score threshold is between 0 and 1, not {score}.")
    sweep = sweep_thresholds(_boxes(judged), progress=progress)
    was, chosen = applied_threshold(judged.run.path), None
    if score is None:
        chosen = _validation(judged, progress)
        score = sweep_thresholds(_boxes(chosen), progress=progress).best_score
        if score is None:
            raise DataError(
                f"{judged.name!r} found no box in its validation pictures, so none is the best threshold: give one."
            )
    apply_threshold(judged.run.path, score, chosen)
    points = [sweep.at(USUAL if was is None else was), sweep.at(score)]
    before, after = ({name: getattr(point, name) for name in ("precision", "recall", "f1")} for point in points)
    about = None if chosen is None else _about(chosen)
    return Kept("score_threshold", was, score, about, before, after, flattered(judged))


def forget(run_path: Path | str) -> list[str]:
    """Takes away what was kept, and names it: scores are as they were trained, boxes count from the usual one on.

    Raises:
        DataError: there is no such run.
    """
    from vision_core.evaluation.calibration import store_temperature

    run = RunFolder.open(run_path)
    about = run.read(CONFIG)
    names = [name for name in ("temperature", "score_threshold") if about.get(name) is not None]
    if about.get("task") == "classification":
        store_temperature(run.path, 1.0)
    apply_threshold(run.path, None)
    return names


def _validation(judged: Evaluation, progress: Stage | None) -> Evaluation:
    from vision_core.evaluation.store import evaluate_run

    if judged.is_own and judged.split == "val":
        return judged
    return evaluate_run(judged.run.path, None, "val", progress)


def _labels(evaluation: Evaluation) -> ClassificationResults:
    if not isinstance(evaluation.results, ClassificationResults):
        raise DataError(f"The run {evaluation.name!r} detects: it gives a picture no labels.")
    return evaluation.results


def _boxes(evaluation: Evaluation) -> DetectionResults:
    if not isinstance(evaluation.results, DetectionResults):
        raise DataError(f"The run {evaluation.name!r} classifies: a score threshold is for the boxes of a detector.")
    return evaluation.results


def _about(evaluation: Evaluation) -> dict[str, Any]:
    return {"data": evaluation.data, "split": evaluation.split, "images": len(evaluation.results)}


def _share_pictures(one: Evaluation, other: Evaluation) -> bool:
    """Whether both are of one data set, and of splits that overlap."""
    return one.data == other.data and len({one.split, other.split} - {"", "all"}) < 2
