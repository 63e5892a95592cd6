"""Which score a box should have to be shown: precision, recall and F1 at every threshold, and the best one.

    sweep = sweep_thresholds(results, iou=0.5)
    sweep.best.score, sweep.best.f1, sweep.at(0.4).precision

A box that scores less never takes a true one away from a box that scores more, so one matching of all boxes tells what
happens at every threshold; `tests/test_score_threshold.py` compares with matching anew at each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation.box_matching import RIGHT, UNCOUNTED, BoxMatches, Stage, match
from vision_core.evaluation.records import DetectionResults


@dataclass(frozen=True)
class OperatingPoint:
    """What is shown at or above a score, and how right that is.

    Attributes:
        score: the threshold.
        precision: share of the shown boxes that are right; None where none is shown.
        recall: share of the true boxes that are found.
        f1: 2 · right / (shown + true boxes), the harmonic mean of both.
        shown, right, wanted: boxes shown, right ones, and true ones. Boxes on a crowd do not count.
    """

    score: float
    precision: float | None
    recall: float
    f1: float
    shown: int
    right: int
    wanted: int


@dataclass(frozen=True, eq=False)
class ThresholdSweep:
    """Precision, recall and F1 against the score threshold.

    Attributes:
        iou: from which overlap on a box is right.
        class_name: of which class; None for all boxes together.
        scores: `(S,)` every score that a box has, rising; the thresholds at which anything changes.
        shown, right: `(S,)` boxes at or above it, and right ones among them.
        wanted: true boxes; at least 1.
    """

    iou: float
    class_name: str | None
    scores: np.ndarray
    shown: np.ndarray
    right: np.ndarray
    wanted: int

    @property
    def precision(self) -> np.ndarray:
        """`(S,)`"""
        return self.right / self.shown

    @property
    def recall(self) -> np.ndarray:
        """`(S,)`"""
        return self.right / self.wanted

    @property
    def f1(self) -> np.ndarray:
        """`(S,)`"""
        return 2 * self.right / (self.shown + self.wanted)

    @property
    def best(self) -> OperatingPoint | None:
        """Where F1 is highest, of equals the highest threshold; None where no box was found."""
        if not len(self.scores):
            return None
        return self._point(len(self.scores) - 1 - int(np.argmax(self.f1[::-1])))

    @property
    def best_score(self) -> float | None:
        """The number with fewest digits that shows the same boxes as `best`; None where no box was found."""
        best = self.best
        if best is None:
            return None
        below = self.scores[self.scores < best.score].max(initial=-np.inf)
        for digits in range(2, 7):
            short = round(math.floor(best.score * 10**digits) / 10**digits, digits)
            if below < short <= best.score:
                return short
        return best.score

    def at(self, score: float) -> OperatingPoint:
        """At any threshold."""
        place = int(np.searchsorted(self.scores, score))
        if place == len(self.scores):
            return OperatingPoint(float(score), None, 0.0, 0.0, 0, 0, self.wanted)
        return self._point(place, float(score))

    def thinned(self, most: int = 400) -> ThresholdSweep:
        """The same with so many thresholds at most, for a chart; the first, the last and the best one stay."""
        if len(self.scores) <= most:
            return self
        best = len(self.scores) - 1 - int(np.argmax(self.f1[::-1]))
        even = np.linspace(0, len(self.scores) - 1, max(most - 1, 2)).round().astype(np.int64)
        kept = np.union1d(even, [best])
        return ThresholdSweep(
            self.iou, self.class_name, self.scores[kept], self.shown[kept], self.right[kept], self.wanted
        )

    def _point(self, place: int, score: float | None = None) -> OperatingPoint:
        shown, right = int(self.shown[place]), int(self.right[place])
        return OperatingPoint(
            score=float(self.scores[place]) if score is None else score,
            precision=right / shown,
            recall=right / self.wanted,
            f1=2 * right / (shown + self.wanted),
            shown=shown,
            right=right,
            wanted=self.wanted,
        )


def sweep_thresholds(
    results: DetectionResults,
    iou: float = 0.5,
    class_name: str | None = None,
    matches: BoxMatches | None = None,
    progress: Stage | None = None,
) -> ThresholdSweep:
    """Precision, recall and F1 at every score threshold.

    Args:
        iou: from which overlap on a box is right, by COCO's rules (`box_matching`), up to 100 of a picture and class.
        class_name: of one class; None for the boxes of all classes together.
        matches: of the same results, at this IoU among others, where they are at hand.

    Raises:
        DataError: there is no such class, or no true box to find.
    """
    names = results.class_names
    if class_name is not None and class_name not in names:
        raise DataError(f"There is no class {class_name!r}; there is {', '.join(names)}.")
    if matches is None:
        matches = match(results, (iou,), ("all",), progress=progress)
    label = None if class_name is None else names.index(class_name)
    wanted = int(matches.wanted[:, 0].sum() if label is None else matches.wanted[label, 0])
    if not wanted:
        raise DataError(f"There is no true box of {class_name or 'any class'}, so no threshold to choose.")
    mine = slice(None) if label is None else matches.of_class(label)
    verdict, scores = matches.verdict[0, matches.at(iou), mine], matches.scores[mine]
    counted = verdict != UNCOUNTED
    order = np.argsort(-scores[counted], kind="stable")
    scores, right = scores[counted][order], np.cumsum(verdict[counted][order] == RIGHT)
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, np.int64)
    rising = last[::-1]
    return ThresholdSweep(iou, class_name, scores[rising], rising + 1, right[rising].astype(np.int64), wanted)
