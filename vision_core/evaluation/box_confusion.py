"""What a detector takes for what: true classes against found ones, with the background as one more of each.

    confusion = confuse_boxes(results, score=0.4, iou=0.5)
    confusion.counts[0, -1]                        # true boxes of the first class that nothing was found for
    confusion.cell(0, 1).picture                   # where a box of the first class was called the second

Boxes of the right class are settled first, by COCO's rules, so the diagonal counts exactly the boxes that precision
and recall count as right at that score and overlap. What is left of both sides is paired across classes, the greatest
overlap first. A true box left over then is missed (found as background), a found one is false (background found as
something): nothing is there, it lies badly, or another box has the object already. Crowds, and boxes on them,
count nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vision_core.errors import SettingsError
from vision_core.evaluation.box_matching import UNCOUNTED, Stage, match, pair_iou, picture_pairs, xywh
from vision_core.evaluation.records import DetectionResults

BACKGROUND = "background"


@dataclass(frozen=True, eq=False)
class ConfusedBoxes:
    """Boxes of some cells.

    Attributes:
        row, column: `(P,)` int64, true and found class; K is the background.
        picture: `(P,)` int64, number of the picture.
        truth, found: `(P,)` int64, places in `results.truth` and `results.found`; -1 for the background.
    """

    row: np.ndarray
    column: np.ndarray
    picture: np.ndarray
    truth: np.ndarray
    found: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, eq=False)
class BoxConfusion:
    """A confusion matrix of boxes.

    Attributes:
        names: `(K + 1,)`, classes and then `BACKGROUND`.
        counts: `(K + 1, K + 1)` int64: rows are true, columns found; the last cell is 0, for nobody counts nothing.
        boxes: every box that was counted.
        score, iou: at which they were.
    """

    names: tuple[str, ...]
    counts: np.ndarray
    boxes: ConfusedBoxes
    score: float
    iou: float

    def cell(self, row: int, column: int) -> ConfusedBoxes:
        """The boxes behind a cell, in order of their pictures."""
        kept = (self.boxes.row == row) & (self.boxes.column == column)
        of = self.boxes
        return ConfusedBoxes(of.row[kept], of.column[kept], of.picture[kept], of.truth[kept], of.found[kept])

    def normalised(self, by: str = "true") -> np.ndarray:
        """`(K + 1, K + 1)` shares of 1 of each row (`true`) or column (`found`); nan where there is none.

        Raises:
            SettingsError: neither of both.
        """
        if by not in ("true", "found"):
            raise SettingsError(f"A confusion matrix is normalised by 'true' or by 'found' boxes, not by {by!r}.")
        total = self.counts.sum(axis=1 if by == "true" else 0, keepdims=True).astype(np.float64)
        return np.divide(self.counts, total, out=np.full(self.counts.shape, np.nan), where=total > 0)


def confuse_boxes(
    results: DetectionResults, score: float = 0.4, iou: float = 0.5, progress: Stage | None = None
) -> BoxConfusion:
    """Counts what was taken for what.

    Args:
        score: at or above which a box is shown.
        iou: from which overlap on two boxes may be one.
    """
    places = np.flatnonzero(results.found.scores >= score)
    results = replace(results, found=results.found.above(score))
    matches = match(results, (iou,), ("all",), progress=progress)
    truth, found, classes = results.truth, results.found, len(results.class_names)
    shown = np.zeros(len(found), bool)
    shown[matches.found] = matches.verdict[0, 0] != UNCOUNTED
    partner = np.full(len(found), -1, np.int64)
    partner[matches.found] = matches.partner[0]
    partner[~shown] = -1
    wanted = ~truth.crowd & (truth.labels >= 0) & (truth.labels < classes)
    partner = _paired_across_classes(results, partner, shown, wanted, iou)
    missed = wanted.copy()
    missed[partner[partner >= 0]] = False
    of_found, of_missed = np.flatnonzero(shown), np.flatnonzero(missed)
    true_place = np.append(partner[of_found], of_missed)
    column = np.append(found.labels[of_found], np.full(len(of_missed), classes))
    row = np.where(true_place < 0, classes, np.append(truth.labels, classes)[true_place])
    picture = np.append(found.picture[of_found], truth.picture[of_missed])
    found_place = np.append(places[of_found], np.full(len(of_missed), -1))
    order = np.argsort(picture, kind="stable")
    boxes = ConfusedBoxes(row[order], column[order], picture[order], true_place[order], found_place[order])
    counts = np.bincount(row * (classes + 1) + column, minlength=(classes + 1) ** 2).reshape(classes + 1, -1)
    return BoxConfusion((*results.class_names, BACKGROUND), counts, boxes, score, iou)


def _paired_across_classes(
    results: DetectionResults, partner: np.ndarray, shown: np.ndarray, wanted: np.ndarray, iou: float
) -> np.ndarray:
    """The partners, with shown boxes that have none given a true box that nobody has, the greatest overlap first.

    Args:
        partner: `(M,)` place of a found box's true one, -1 for none; shown: `(M,)`, which found boxes count.
        wanted: `(T,)`, which true boxes count.
    """
    truth, found, partner = results.truth, results.found, partner.copy()
    wanted = wanted.copy()
    wanted[partner[partner >= 0]] = False
    alone = np.flatnonzero(shown & (partner < 0))
    alone = alone[np.argsort(found.picture[alone], kind="stable")]
    free = np.flatnonzero(wanted)
    free = free[np.argsort(truth.picture[free], kind="stable")]
    found_xywh, true_xywh = xywh(found.boxes_xyxy), xywh(truth.boxes_xyxy)
    for place, other in picture_pairs(found.picture[alone], truth.picture[free]):
        mine, true = alone[place], free[other]
        overlap = pair_iou(found_xywh[mine], true_xywh[true], np.zeros(len(mine), bool))
        near = overlap >= min(iou, 1 - 1e-10)
        mine, true, overlap = mine[near], true[near], overlap[near]
        order = np.lexsort((true, -found.scores[mine], -overlap))
        for box, whom in zip(mine[order].tolist(), true[order].tolist(), strict=True):
            if partner[box] < 0 and wanted[whom]:
                partner[box], wanted[whom] = whom, False
    return partner
