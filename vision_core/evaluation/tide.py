"""What each kind of error costs a detector: the average precision it would gain without it. TIDE.

    report = break_down(results)
    report.average_precision, report.gains["location"], report.judged.pictures("location")

Bolya et al. 2020 (arXiv:2008.08115), digit for digit as their `tidecv` (`tests/test_tide.py` compares), but in
fractions of 1 where that gives percent. An error is mended, one kind at a time, as follows, and the average precision
at IoU .5 counted again: a misplaced or misnamed box becomes right where its thing was not found otherwise (of several
the best), else it goes; a duplicate, a box on background and one that is wrong in both ways goes; a missed thing is no
longer asked for. The gains do not add up to what is missing: errors hide each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.matching import CLASS, LOCATION, RIGHT, JudgedBoxes, Kind, judge_boxes
from vision_core.evaluation.matching import KINDS as FOUND_KINDS
from vision_core.evaluation.records import DetectionResults

ERRORS: tuple[Kind, ...] = ("class", "location", "both", "duplicate", "background", "missed")
"""TIDE's six, in its order."""
_SAID_ALIKE = 5e-4  # less than what one digit after the point of a percentage shows
_RECALLS = np.arange(101) / 100  # tidecv's; pycocotools' differ from them in the last bit, which can decide a tie


@dataclass(frozen=True, eq=False)
class ErrorBreakdown:
    """What a detector gets wrong, and what that costs.

    Attributes:
        average_precision: at IoU .5 (or the one asked for), 0..1, mean over the classes that are there or were found.
        gains: error to the average precision gained by mending all of its kind, 0..1, never negative; None where
            mending leaves neither a box nor anything to find (`tidecv` divides by zero there).
        false_positives: gain if every wrong box scored below every right one.
        false_negatives: gain if no true box were missed, precision kept; None likewise.
        counts: error to how many there are; boxes within a crowd do not count.
        judged: which boxes they are.
    """

    average_precision: float
    gains: dict[Kind, float | None]
    false_positives: float
    false_negatives: float | None
    counts: dict[Kind, int]
    judged: JudgedBoxes


def break_down(
    results: DetectionResults,
    iou: float = 0.5,
    background_iou: float = 0.1,
    score: float = 0.0,
    progress: Stage | None = None,
) -> ErrorBreakdown:
    """Breaks a detector's errors down by kind.

    Args:
        iou, background_iou, score: as in `judge_boxes`. All boxes count unless a score is given; the published
            figures give none.
        progress: told of the pictures done; raise in it to stop.

    Raises:
        DataError: there is no true box.
    """
    if (results.truth.crowd | (results.truth.labels < 0)).all():
        raise DataError("There is no true box in these pictures, so nothing to get wrong: draw some.")
    judged = judge_boxes(results, score, iou, background_iou, progress)
    points = _Points.of(judged)
    before = points.mean_average_precision() or 0.0
    gains: dict[Kind, float | None] = {}
    for kind in ERRORS:
        after = points.mended(kind).mean_average_precision()
        gains[kind] = None if after is None else max(after - before, 0.0)
    without_wrong = points.without_false_positives().mean_average_precision() or 0.0
    without_missed = points.without_false_negatives().mean_average_precision()
    return ErrorBreakdown(
        average_precision=before,
        gains=gains,
        false_positives=without_wrong - before,
        false_negatives=None if without_missed is None else without_missed - before,
        counts={kind: judged.count(kind) for kind in ERRORS},
        judged=judged,
    )


def starts_from(report: ErrorBreakdown, coco_ap50: float | None) -> str:
    """Which average precision the gains start from, and why it is not COCO's where it is not.

    Args:
        coco_ap50: COCO's of the same boxes; None or -1 where it cannot tell.
    """
    mine = f"AP50 is {100 * report.average_precision:.1f} %"
    if coco_ap50 is None or coco_ap50 < 0 or abs(coco_ap50 - report.average_precision) < _SAID_ALIKE:
        return f"{mine}."
    truth, found = report.judged.results.truth, report.judged.results.found
    there = truth.labels[~truth.crowd & (truth.labels >= 0)]
    absent = np.setdiff1d(found.labels[report.judged.place[~report.judged.crowd]], there)
    why = (
        "TIDE pairs boxes with objects by rules of its own, and counts all of a picture where COCO counts the best 100"
    )
    if len(absent):
        classes = "1 class that was" if len(absent) == 1 else f"{len(absent)} classes that were"
        why = f"TIDE counts {classes} found but not there as 0 %, COCO leaves such classes out"
    return f"{mine} here, not COCO's {100 * coco_ap50:.1f} %: {why}. So the gains start lower and can be larger."


@dataclass(frozen=True, eq=False)
class _Points:
    """What average precision is counted from: answers, in an order that settles equal scores.

    Attributes:
        label, score, right: `(P,)` of each answer.
        wanted: `(K,)` true boxes to find.
        judged: where they come from; box: `(P,)` places in `judged.place`.
    """

    label: np.ndarray
    score: np.ndarray
    right: np.ndarray
    wanted: np.ndarray
    judged: JudgedBoxes

    @classmethod
    def of(cls, judged: JudgedBoxes) -> _Points:
        found, truth = judged.results.found, judged.results.truth
        counted = ~judged.crowd
        place = judged.place[counted]
        classes = 1 + max(found.labels.max(initial=0), truth.labels.max(initial=0))
        wanted = np.bincount(truth.labels[~truth.crowd & (truth.labels >= 0)], minlength=classes)
        return cls(found.labels[place], found.scores[place], judged.kind[counted] == RIGHT, wanted, judged)

    def mended(self, kind: Kind) -> _Points:
        """Without the errors of a kind. As in tidecv, wrong answers come before right ones of the same score."""
        judged = self.judged
        found, truth = judged.results.found, judged.results.truth
        if kind == "missed":
            fewer = np.bincount(truth.labels[judged.missed], minlength=len(self.wanted))
            kept, label = ~judged.crowd, found.labels[judged.place]
            right, wanted = judged.kind == RIGHT, self.wanted - fewer
        else:
            mine = judged.kind == FOUND_KINDS.index(kind)
            becomes = mine & _meant(judged)
            kept, right = (~judged.crowd & ~mine) | becomes, (judged.kind == RIGHT) | becomes
            label, wanted = found.labels[judged.place].copy(), self.wanted
            if kind == "class":
                label[becomes] = truth.labels[judged.about[becomes]]
        order = np.argsort(judged.kind == RIGHT, kind="stable")
        order = order[kept[order]]
        return _Points(label[order], found.scores[judged.place][order], right[order], wanted, judged)

    def without_false_positives(self) -> _Points:
        return _Points(self.label, self.right.astype(np.float64), self.right, self.wanted, self.judged)

    def without_false_negatives(self) -> _Points:
        found = np.bincount(self.label[self.right], minlength=len(self.wanted))
        order = np.argsort(self.right, kind="stable")
        return _Points(self.label[order], self.score[order], self.right[order], found, self.judged)

    def mean_average_precision(self) -> float | None:
        """Mean over the classes that have an answer or a true box; a class without a true box counts as 0. None where
        there is no such class."""
        each = [
            self._average_precision(mine, int(wanted))
            for label, wanted in enumerate(self.wanted)
            if wanted or (self.label == label).any()
            for mine in [self.label == label]
        ]
        return float(np.mean(each)) if each else None

    def _average_precision(self, mine: np.ndarray, wanted: int) -> float:
        if not wanted or not mine.any():
            return 0.0
        right = np.cumsum(self.right[mine][np.argsort(-self.score[mine], kind="stable")])
        precision = right / np.arange(1, len(right) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        place = np.searchsorted(right / wanted, _RECALLS)
        return float(best[place[place < len(best)]].sum() / len(_RECALLS))


def _meant(judged: JudgedBoxes) -> np.ndarray:
    """`(J,)` bool: of the misplaced and misnamed boxes meant for a thing that nobody found, the best one each."""
    scores = judged.results.found.scores[judged.place]
    off = np.flatnonzero(np.isin(judged.kind, (CLASS, LOCATION)) & (judged.about >= 0))
    off = off[~judged.taken[judged.about[off]]]
    order = off[np.lexsort((off, -scores[off], judged.about[off]))]
    _, first = np.unique(judged.about[order], return_index=True)
    meant = np.zeros(len(judged.place), bool)
    meant[order[first]] = True
    return meant
