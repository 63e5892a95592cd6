"""A worked example of each figure, from the pictures that it was counted on: what the glossary says, in numbers.

    worked("top1", results)      # "321 of 423 pictures: 75.9 %."

Plain text; class names stand in it as they are. A figure without an example of its own gives "".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vision_core.evaluation.box_matching import SIZES_PX2
from vision_core.evaluation.calibration import reliability
from vision_core.evaluation.classification import confusion, per_class
from vision_core.evaluation.detection import CocoScores
from vision_core.evaluation.records import ClassificationResults, Results
from vision_core.evaluation.tallies import losses, said_classes

_SIZE_WORDS = {"small": "small", "medium": "medium-sized", "large": "large"}


def worked(name: str, results: Results, scores: CocoScores | None = None) -> str:
    """The example of one figure.

    Args:
        scores: of a detector's results, what `coco_scores` made of them.
    """
    if isinstance(results, ClassificationResults):
        make = _LABELS.get(name)
        return make(results) if make and len(results) else ""
    return _of_boxes(name, scores) if scores is not None else ""


def _top(results: ClassificationResults, k: int) -> str:
    asked = np.flatnonzero(results.shown.any(axis=1))
    best = np.argsort(-results.logits[asked], axis=1, kind="stable")[:, :k]
    right = int(np.take_along_axis(results.shown[asked], best, axis=1).any(axis=1).sum())
    return f"{right:,} of {len(asked):,} pictures: {_percent(right / max(1, len(asked)))}."


def _mean_of_classes(field: str) -> Callable[[ClassificationResults], str]:
    def example(results: ClassificationResults) -> str:
        rows = [(getattr(row, field), row.name) for row in per_class(results) if getattr(row, field) is not None]
        if not rows:
            return ""
        (low, worst), (high, best) = min(rows), max(rows)
        return f"From {_percent(low)} (“{worst}”) to {_percent(high)} (“{best}”), the mean of {len(rows)} classes."

    return example


def _micro(part: str) -> Callable[[ClassificationResults], str]:
    def example(results: ClassificationResults) -> str:
        said, shown = said_classes(results), results.shown
        right, answers, there = int((said & shown).sum()), int(said.sum()), int(shown.sum())
        if part == "precision":
            return f"{right:,} of {answers:,} answers are right."
        if part == "recall":
            return f"{right:,} of {there:,} labels were said."
        return (
            f"{right:,} right, {answers - right:,} false, {there - right:,} missed: 2·{right:,} / {answers + there:,}."
        )

    return example


def _exact(results: ClassificationResults) -> str:
    right = int((said_classes(results) == results.shown).all(axis=1).sum())
    return f"{right:,} of {len(results):,} pictures."


def _kappa(results: ClassificationResults) -> str:
    if results.multi_label:
        return ""
    counts = confusion(results)
    total = counts.sum()
    agreed = np.trace(counts) / total
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    if chance == 1:  # one class only is shown and said, so there is no kappa either
        return ""
    return (
        f"They agree on {_percent(agreed)}; chance would on {_percent(chance)}: "
        f"({agreed:.3f} − {chance:.3f}) / (1 − {chance:.3f})."
    )


def _log_loss(results: ClassificationResults) -> str:
    values = losses(results)
    low, high = int(values.argmin()), int(values.argmax())
    return (
        f"From {values[low]:.3g} ({results.pictures[low]}) to {values[high]:.3g} ({results.pictures[high]}), "
        f"the mean of {len(values):,} pictures."
    )


def _brier(results: ClassificationResults) -> str:
    row = int(losses(results).argmax())
    squares = (results.scores[row] - results.shown[row]) ** 2
    value, how = (squares.mean(), "mean") if results.multi_label else (squares.sum(), "sum")
    return f"{results.pictures[row]}: the {how} of {len(squares)} squared distances is {value:.3g}."


def _ece(results: ClassificationResults) -> str:
    bins = reliability(results)
    fullest = int(bins.counts.argmax())
    return (
        f"{bins.counts[fullest]:,} answers scored {_percent(bins.edges[fullest])} to "
        f"{_percent(bins.edges[fullest + 1])}, {_percent(bins.confidence[fullest])} on average; "
        f"{_percent(bins.accuracy[fullest])} of them are right."
    )


def _balanced(results: ClassificationResults) -> str:
    return "" if results.multi_label else _mean_of_classes("recall")(results)


def _weighted(results: ClassificationResults) -> str:
    rows = [row for row in per_class(results) if row.f1 is not None and row.support]
    most = max(rows, key=lambda row: row.support, default=None)
    if most is None:
        return ""
    return f"“{most.name}” weighs most: {most.support:,} of {sum(row.support for row in rows):,} examples."


_LABELS: dict[str, Callable[[ClassificationResults], str]] = {
    "top1": lambda results: _top(results, 1),
    "top5": lambda results: _top(results, 5),
    "f1_macro": _mean_of_classes("f1"),
    "f1_weighted": _weighted,
    "f1_micro": _micro("f1"),
    "precision_macro": _mean_of_classes("precision"),
    "recall_macro": _mean_of_classes("recall"),
    "precision_micro": _micro("precision"),
    "recall_micro": _micro("recall"),
    "exact_match": _exact,
    "balanced_accuracy": _balanced,
    "kappa": _kappa,
    "map": _mean_of_classes("average_precision"),
    "roc_auc": _mean_of_classes("roc_auc"),
    "log_loss": _log_loss,
    "brier": _brier,
    "ece": _ece,
}


def _of_boxes(name: str, scores: CocoScores) -> str:
    size = name.rpartition("_")[2] if "_" in name else ""
    if size in _SIZE_WORDS:
        boxes = int(scores.matches.wanted[:, scores.matches.sizes.index(size)].sum())
        low, high = (round(edge**0.5) for edge in SIZES_PX2[size])
        reach = f"above {low} × {low}" if high > 10_000 else f"{low} × {low} to {high} × {high}"
        return f"{boxes:,} true boxes are {_SIZE_WORDS[size]}: {reach} pixels."
    rows = [(row[name], row["class"]) for row in scores.by_class() if name in row]
    if not rows:
        return ""
    (low, worst), (high, best) = min(rows), max(rows)
    boxes = int(scores.matches.wanted[:, 0].sum())
    return (
        f"From {_percent(low)} (“{worst}”) to {_percent(high)} (“{best}”), the mean of {len(rows)} classes with "
        f"{boxes:,} true boxes."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
