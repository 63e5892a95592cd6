"""What each found box is: right, or wrong in which way; and which true boxes nobody found. TIDE's six kinds.

    judged = judge_boxes(results, score=0.4)
    judged.count("location"), judged.pictures("missed")    # how many, and where most of them are
    judged.in_picture(3)                                    # the boxes of one picture, to be drawn

Bolya et al. 2020 (arXiv:2008.08115), as their `tidecv` does it to the last box (`tests/test_tide.py` compares): in a
picture, boxes by falling score each take the free true box of their class that they overlap most, from IoU .5 on. One
that takes none is, in this order:

- location: its class is there, overlapped by .1 to .5: right thing, wrong place;
- class: it overlaps a thing of another class by .5: right place, wrong name;
- duplicate: it overlaps a thing of its class by .5 that a better box has taken;
- background: it overlaps nothing by more than .1;
- both: none of these: a thing of another class, and not well placed.

A true box that nobody has taken is missed, unless a box of the kind location or class is meant for it. Boxes within a
crowd of their class do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vision_core.errors import SettingsError
from vision_core.evaluation.box_matching import MOST_FOUND, Stage, pair_iou, picture_pairs, xywh
from vision_core.evaluation.records import DetectionResults, FoundBoxes

Kind = Literal["right", "class", "location", "both", "duplicate", "background", "crowd", "missed", "found", "mistaken"]
KINDS: tuple[Kind, ...] = ("right", "class", "location", "both", "duplicate", "background")
"""Of found boxes; those in a crowd are none of them."""
WRONG_KINDS: tuple[Kind, ...] = KINDS[1:]
RIGHT, CLASS, LOCATION, BOTH, DUPLICATE, BACKGROUND = range(len(KINDS))


@dataclass(frozen=True, eq=False)
class PictureBoxes:
    """The boxes of one picture.

    Attributes:
        found, truth: `(F,)` and `(G,)`, places in `results.found` and `results.truth`.
        found_kinds: `(F,)` names of `KINDS`, or "crowd".
        about: `(F,)` place in `results.truth` of the true box that it took, is meant for or repeats; -1 for none.
        truth_kinds: `(G,)` "found", "missed", "mistaken" (only a misplaced or misnamed box is there) or "crowd".
    """

    found: np.ndarray
    truth: np.ndarray
    found_kinds: tuple[Kind, ...]
    about: np.ndarray
    truth_kinds: tuple[Kind, ...]


@dataclass(frozen=True, eq=False)
class JudgedBoxes:
    """What each box is.

    Attributes:
        results: what was judged; every place is one in its arrays.
        score, iou, background_iou: at which it was judged.
        place: `(J,)` places in `results.found` of the boxes that were looked at, by picture and falling score.
        kind: `(J,)` int8, place in `KINDS`; of a box within a crowd, what it would be without it.
        crowd: `(J,)` bool: within a crowd of its class, so that it does not count.
        about: `(J,)` int64, place in `results.truth` of the true box that it took, is meant for, or repeats; -1: none.
        taken: `(T,)` bool, true boxes that a right box took.
        mistaken: `(T,)` bool, those not taken that a misplaced or misnamed box is meant for.
        missed: `(T,)` bool, the rest, without crowds.
    """

    results: DetectionResults
    score: float
    iou: float
    background_iou: float
    place: np.ndarray
    kind: np.ndarray
    crowd: np.ndarray
    about: np.ndarray
    taken: np.ndarray
    mistaken: np.ndarray
    missed: np.ndarray

    def of_kind(self, kind: Kind) -> np.ndarray:
        """Places of the boxes of a kind: of `KINDS` or "crowd" in `results.found`, of "missed" in `results.truth`.

        Raises:
            SettingsError: there is no such kind.
        """
        if kind == "missed":
            return np.flatnonzero(self.missed)
        if kind == "crowd":
            return self.place[self.crowd]
        if kind not in KINDS:
            raise SettingsError(f"There is no kind of box {kind!r}; there is {', '.join(KINDS)}, crowd, missed.")
        return self.place[(self.kind == KINDS.index(kind)) & ~self.crowd]

    def count(self, kind: Kind) -> int:
        """How many boxes are of a kind."""
        return len(self.of_kind(kind))

    def counts(self) -> dict[Kind, int]:
        """Of every kind."""
        return {kind: self.count(kind) for kind in (*KINDS, "crowd", "missed")}

    def pictures(self, kind: Kind) -> list[tuple[int, int]]:
        """Numbers of the pictures with boxes of a kind and how many each has, most first."""
        side = self.results.truth if kind == "missed" else self.results.found
        counts = np.bincount(side.picture[self.of_kind(kind)], minlength=len(self.results))
        order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
        return [(int(row), int(counts[row])) for row in order]

    def in_picture(self, row: int) -> PictureBoxes:
        """What is to be drawn of one picture."""
        mine = np.flatnonzero(self.results.found.picture[self.place] == row)
        truth = np.flatnonzero(self.results.truth.picture == row)
        return PictureBoxes(
            found=self.place[mine],
            truth=truth,
            found_kinds=tuple("crowd" if self.crowd[at] else KINDS[self.kind[at]] for at in mine),
            about=self.about[mine],
            truth_kinds=tuple(self._truth_kind(int(place)) for place in truth),
        )

    def _truth_kind(self, place: int) -> Kind:
        if self.taken[place]:
            return "found"
        if self.mistaken[place]:
            return "mistaken"
        return "missed" if self.missed[place] else "crowd"


def judge_boxes(
    results: DetectionResults,
    score: float = 0.0,
    iou: float = 0.5,
    background_iou: float = 0.1,
    progress: Stage | None = None,
) -> JudgedBoxes:
    """Says of each box what it is.

    Args:
        score: boxes below it are not looked at, nor are more than the 100 best of a picture.
        iou: from which overlap on a box is on a thing.
        background_iou: up to which overlap a box is on nothing.
        progress: told of the pictures done; raise in it to stop.

    Raises:
        SettingsError: the overlaps are not 0 < background_iou < iou <= 1.
    """
    if not 0 < background_iou < iou <= 1:
        raise SettingsError(f"Overlaps of {background_iou} for background and {iou} for a thing are not in order.")
    place = _looked_at(results.found, score)
    truth = results.truth
    judged = JudgedBoxes(
        results, score, iou, background_iou, place,
        kind=np.full(len(place), BACKGROUND, np.int8),
        crowd=np.zeros(len(place), bool),
        about=np.full(len(place), -1, np.int64),
        taken=np.zeros(len(truth), bool),
        mistaken=np.zeros(len(truth), bool),
        missed=np.zeros(len(truth), bool),
    )  # fmt: skip
    named = truth.labels >= 0  # COCO does not look at true boxes of a class without a name
    wanted = np.flatnonzero(~truth.crowd & named)
    wanted = wanted[np.argsort(truth.picture[wanted], kind="stable")]
    for box, at in picture_pairs(results.found.picture[place], truth.picture[wanted]):
        if progress and len(box):
            progress("Judging boxes", int(truth.picture[wanted[at[0]]]), len(results))
        _judge(judged, box, wanted[at])
    _excuse_crowds(judged)
    off = np.isin(judged.kind, (CLASS, LOCATION))
    judged.mistaken[judged.about[off]] = True
    judged.mistaken[judged.taken] = False
    missed = ~truth.crowd & named & ~judged.taken & ~judged.mistaken
    if progress:
        progress("Judging boxes", len(results), len(results))
    return replace(judged, missed=missed)


def _looked_at(found: FoundBoxes, score: float) -> np.ndarray:
    """Places of the best 100 boxes of each picture, best first."""
    order = np.lexsort((-found.scores, found.picture))
    order = order[found.scores[order] >= score]
    picture = found.picture[order]
    rank = np.arange(len(order)) - np.searchsorted(picture, picture)
    return order[rank < MOST_FOUND]


def _judge(judged: JudgedBoxes, box: np.ndarray, true: np.ndarray) -> None:
    """Judges the boxes of some whole pictures.

    Args:
        box, true: `(P,)` every pair of a looked-at box (a place in `judged.place`) and a true box of its picture, by
            box and then by true box; crowds left out.
    """
    if not len(box):
        return
    found, truth = judged.results.found, judged.results.truth
    place = judged.place[box]
    overlap = pair_iou(xywh(found.boxes_xyxy[place]), xywh(truth.boxes_xyxy[true]), np.zeros(len(box), bool))
    same = found.labels[place] == truth.labels[true]
    _take(judged, box, true, overlap, same)
    heads = np.flatnonzero(np.append(True, box[1:] != box[:-1]))
    boxes = box[heads]
    of_class, right_thing = _best(np.where(same, overlap, 0.0), heads)
    of_other, wrong_thing = _best(np.where(same, 0.0, overlap), heads)
    repeated, taken_thing = _best(np.where(same & judged.taken[true], overlap, 0.0), heads)
    any_thing, _ = _best(overlap, heads)
    alone = judged.about[boxes] < 0
    tests = [  # in TIDE's order
        (LOCATION, (judged.background_iou <= of_class) & (of_class <= judged.iou), right_thing),
        (CLASS, of_other >= judged.iou, wrong_thing),
        (DUPLICATE, repeated >= judged.iou, taken_thing),
        (BACKGROUND, any_thing <= judged.background_iou, None),
        (BOTH, np.ones(len(boxes), bool), None),
    ]
    judged.kind[boxes[~alone]] = RIGHT
    for kind, holds, thing in tests:
        mine = alone & holds
        judged.kind[boxes[mine]] = kind
        if thing is not None:
            judged.about[boxes[mine]] = true[thing[mine]]
        alone &= ~holds


def _take(judged: JudgedBoxes, box: np.ndarray, true: np.ndarray, overlap: np.ndarray, same: np.ndarray) -> None:
    """Gives each box the free true box of its class that it overlaps most, the first of equals; best box first."""
    near = same & (overlap >= judged.iou)
    box, true, overlap = box[near], true[near], overlap[near]
    order = np.lexsort((true, -overlap, box))
    about, taken = judged.about, judged.taken
    for mine, whom in zip(box[order].tolist(), true[order].tolist(), strict=True):
        if about[mine] < 0 and not taken[whom]:
            about[mine], taken[whom] = whom, True


def _best(overlap: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The greatest overlap of each box, `(B,)`, and the first pair that has it, `(B,)`.

    Args:
        overlap: `(P,)`; heads: `(B,)` first pair of each box.
    """
    greatest = np.maximum.reduceat(overlap, heads)
    of_box = np.repeat(np.arange(len(heads)), np.diff(np.append(heads, len(overlap))))
    place = np.where(overlap == greatest[of_box], np.arange(len(overlap)), len(overlap))
    return greatest, np.minimum.reduceat(place, heads)


def _excuse_crowds(judged: JudgedBoxes) -> None:
    """Marks wrong boxes that lie by more than the IoU, of their own area, within a crowd of their class."""
    found, truth = judged.results.found, judged.results.truth
    crowds = np.flatnonzero(truth.crowd)
    crowds = crowds[np.argsort(truth.picture[crowds], kind="stable")]
    for box, at in picture_pairs(found.picture[judged.place], truth.picture[crowds]):
        place, crowd = judged.place[box], crowds[at]
        alike = (found.labels[place] == truth.labels[crowd]) & (judged.kind[box] != RIGHT)
        box, place, crowd = box[alike], place[alike], crowd[alike]
        share = pair_iou(xywh(found.boxes_xyxy[place]), xywh(truth.boxes_xyxy[crowd]), np.ones(len(box), bool))
        judged.crowd[box[share > judged.iou]] = True
