"""Which found box takes which true one, by COCO's rules: for every IoU and every range of sizes, in arrays.

    matches = match(results)
    matches.verdict[0, 0] == RIGHT              # which boxes count as right at IoU .5, of all sizes

The rules are those of pycocotools' `COCOeval.evaluateImg`, to the last digit (`tests/test_detection.py` compares):
within a picture and class, boxes by falling score each take the free true box that they overlap most, the last of
equals; a true box outside the range of sizes, or a crowd, is only taken when no other fits, and then neither counts;
a crowd can be taken again and again; a box that takes none counts as wrong unless its own size is outside the range.
Boxes of all pictures that come n-th in their picture and class are settled together, so that half a million of them
take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vision_core.errors import SettingsError
from vision_core.evaluation.records import DetectionResults

IOU_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""COCO's, as pycocotools spells them."""
SIZES_PX2 = {
    "all": (0.0, 1e5**2),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e5**2),
}
"""COCO's ranges of a box's area in square pixels; both ends belong to them. COCO's own files give the area within an
object's outline where they have one; here it is the box's, as of any data without outlines."""
MOST_FOUND = 100
"""COCO looks at so many boxes of a picture and class, the best ones."""
RIGHT, WRONG, UNCOUNTED = 1, 0, -1
PAIRS_AT_ONCE = 1_000_000  # of a found and a true box; bounds memory to about 0.2 GB
_COUNTED = 1 << 30  # added to the place of a pair whose true box counts, so that it comes before all that do not

Stage = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much; what it raises ends the work."""


@dataclass(frozen=True, eq=False)
class BoxMatches:
    """What became of every found box.

    Attributes:
        class_names: `(K,)`.
        iou_thresholds: `(T,)`.
        sizes: `(A,)` names of ranges of sizes; the first is "all".
        found: `(D,)` int64, places in `results.found`: by class, then falling score, then picture.
        picture, scores, labels: `(D,)` of those boxes.
        rank: `(D,)` int64, 0 for the best of its picture and class.
        verdict: `(A, T, D)` int8: `RIGHT`, `WRONG` or `UNCOUNTED`.
        partner: `(T, D)` int32, place in `results.truth` of the box taken among all sizes; -1 for none.
        wanted: `(K, A)` int64, true boxes that count.
    """

    class_names: tuple[str, ...]
    iou_thresholds: tuple[float, ...]
    sizes: tuple[str, ...]
    found: np.ndarray
    picture: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    rank: np.ndarray
    verdict: np.ndarray
    partner: np.ndarray
    wanted: np.ndarray

    def of_class(self, label: int) -> slice:
        """Where a class's boxes stand."""
        first, last = np.searchsorted(self.labels, [label, label + 1])
        return slice(int(first), int(last))

    def at(self, iou: float) -> int:
        """Which of the thresholds an IoU is.

        Raises:
            SettingsError: none of them.
        """
        for place, threshold in enumerate(self.iou_thresholds):
            if abs(threshold - iou) < 1e-9:
                return place
        known = ", ".join(f"{threshold:.2f}" for threshold in self.iou_thresholds)
        raise SettingsError(f"Boxes were not matched at IoU {iou}, only at {known}: match them at that one.")


def match(
    results: DetectionResults,
    iou_thresholds: Sequence[float] = IOU_THRESHOLDS,
    sizes: Sequence[str] = tuple(SIZES_PX2),
    most_found: int = MOST_FOUND,
    progress: Stage | None = None,
) -> BoxMatches:
    """Matches all boxes by COCO's rules.

    Args:
        iou_thresholds: each above 0, at most 1.
        sizes: of `SIZES_PX2`, "all" first.
        most_found: how many boxes of a picture and class are looked at.
        progress: told of the pictures done; raise in it to stop.

    Raises:
        SettingsError: an IoU outside of that.
    """
    if not iou_thresholds or not all(0 < iou <= 1 for iou in iou_thresholds):
        raise SettingsError(f"IoU thresholds {list(iou_thresholds)} are not all above 0 and at most 1.")
    sides = _Sides(results, sizes, most_found)
    verdict = np.where(sides.outside[:, None, :], UNCOUNTED, WRONG).astype(np.int8)
    verdict = np.repeat(verdict, len(iou_thresholds), axis=1)
    partner = np.full((len(iou_thresholds), len(sides.place)), -1, np.int32)
    limits = np.minimum(np.asarray(iou_thresholds, float), 1 - 1e-10)  # pycocotools' own guard
    for first, last in _portions(sides.key, sides.last - sides.first):
        if progress:
            progress("Matching boxes", int(sides.picture[first]), len(results))
        for box, taken, counted in _settled(sides, first, last, limits):
            verdict[:, :, box] = np.where(taken < 0, verdict[:, :, box], np.where(counted, RIGHT, UNCOUNTED))
            partner[:, box] = taken[0]
    if progress:
        progress("Matching boxes", len(results), len(results))
    order = np.lexsort((sides.picture, -sides.scores, sides.label))  # equal scores: by picture, then as within it
    names, judged = len(results.class_names), results.truth.labels[sides.truth]
    wanted = [np.bincount(judged[~ignored[sides.truth]], minlength=names) for ignored in sides.ignored]
    return BoxMatches(
        class_names=results.class_names,
        iou_thresholds=tuple(map(float, iou_thresholds)),
        sizes=tuple(sizes),
        found=sides.place[order],
        picture=sides.picture[order],
        scores=sides.scores[order],
        labels=sides.label[order],
        rank=sides.rank[order],
        verdict=verdict[:, :, order],
        partner=partner[:, order],
        wanted=np.stack(wanted, axis=1),
    )


def counted_truth(results: DetectionResults, size: str = "all") -> np.ndarray:
    """`(T,)` bool: which true boxes are to be found: of a class with a name, of the size, no crowd."""
    truth = results.truth
    return _known(truth.labels, results) & ~truth.crowd & ~_outside(xywh(truth.boxes_xyxy), (size,))[0]


class _Sides:
    """Both sides of the matching, each ordered by picture and class.

    Attributes:
        place: `(D,)` places in `results.found` of the boxes that are looked at, best first within picture and class.
        picture, label, scores, rank: of those; outside: `(A, D)`, whose size is outside the range.
        first, last: `(D,)`, which of the ordered true boxes are of the same picture and class.
        truth: `(T,)` places in `results.truth`; ignored: `(A, T)` of the places, not of the order.
    """

    def __init__(self, results: DetectionResults, sizes: Sequence[str], most_found: int) -> None:
        found, truth = results.found, results.truth
        order = np.lexsort((-found.scores, found.labels, found.picture))
        order = order[_known(found.labels[order], results)]
        key = found.picture[order] * len(results.class_names) + found.labels[order]
        rank = np.arange(len(key)) - np.searchsorted(key, key)
        kept = rank < most_found
        self.place, self.rank, key = order[kept], rank[kept], key[kept]
        self.picture, self.label = found.picture[self.place], found.labels[self.place]
        self.scores = found.scores[self.place]
        self.truth = np.lexsort((truth.labels, truth.picture))
        self.truth = self.truth[_known(truth.labels[self.truth], results)]
        true_key = truth.picture[self.truth] * len(results.class_names) + truth.labels[self.truth]
        self.first, self.last = np.searchsorted(true_key, key), np.searchsorted(true_key, key, side="right")
        self.key = key
        self.crowd = truth.crowd
        self.found_xywh, self.true_xywh = xywh(found.boxes_xyxy[self.place]), xywh(truth.boxes_xyxy)
        self.outside = _outside(self.found_xywh, sizes)
        self.ignored = _outside(self.true_xywh, sizes) | truth.crowd


def xywh(boxes_xyxy: np.ndarray) -> np.ndarray:
    """`(N, 4)` left, top, width, height, as a COCO file holds boxes."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def pair_iou(found_xywh: np.ndarray, true_xywh: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """`(P,)` intersection over union of pairs of boxes, digit for digit as pycocotools' `bbIou`.

    Args:
        found_xywh, true_xywh: `(P, 4)`.
        crowd: `(P,)` bool, whose share is of the found box's area alone.
    """
    near, far = np.maximum(found_xywh[:, :2], true_xywh[:, :2]), found_xywh[:, :2] + found_xywh[:, 2:]
    sides = np.minimum(far, true_xywh[:, :2] + true_xywh[:, 2:]) - near
    both = np.where((sides > 0).all(axis=1), sides[:, 0] * sides[:, 1], 0.0)
    found_area = found_xywh[:, 2] * found_xywh[:, 3]
    either = np.where(crowd, found_area, found_area + true_xywh[:, 2] * true_xywh[:, 3] - both)
    return np.divide(both, either, out=np.zeros_like(both), where=both > 0)


def _known(labels: np.ndarray, results: DetectionResults) -> np.ndarray:
    """Of which boxes the class has a name; COCO does not look at the others."""
    return (labels >= 0) & (labels < len(results.class_names))


def _outside(boxes_xywh: np.ndarray, sizes: Sequence[str]) -> np.ndarray:
    """`(A, N)` bool: whose area is outside each range."""
    area = boxes_xywh[:, 2] * boxes_xywh[:, 3]
    ranges = [SIZES_PX2[name] for name in sizes]
    return np.array([(area < low) | (area > high) for low, high in ranges], bool).reshape(len(sizes), len(area))


def pairs_of(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every member of the ranges `first[i]..last[i]`: `(P,)` the `i` and `(P,)` the member."""
    counts = last - first
    row = np.repeat(np.arange(len(first)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + first[row]


def picture_pairs(found_picture: np.ndarray, true_picture: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every found box with every true one of its picture, some whole pictures at a time.

    Args:
        found_picture, true_picture: `(M,)` and `(T,)`, not decreasing.

    Yields:
        `(P,)` places among the found and `(P,)` among the true boxes, by found and then by true box; about
        `PAIRS_AT_ONCE` of them, more only where a single picture has more.
    """
    first, last = np.searchsorted(true_picture, found_picture), np.searchsorted(true_picture, found_picture, "right")
    for start, end in _portions(found_picture, last - first):
        row, true = pairs_of(first[start:end], last[start:end])
        yield row + start, true


def _portions(key: np.ndarray, pairs: np.ndarray) -> Iterator[tuple[int, int]]:
    """Runs of whole keys, each of about `PAIRS_AT_ONCE` pairs at most; keys do not fall."""
    if not len(key):
        return
    spent = np.cumsum(pairs)
    ends = (np.flatnonzero(np.append(key[1:] != key[:-1], True)) + 1).tolist()
    start, before = 0, 0
    for previous, end in pairwise([0, *ends]):
        if spent[end - 1] - before > PAIRS_AT_ONCE and previous > start:
            yield start, previous
            start, before = previous, int(spent[previous - 1])
    yield start, len(key)


def turns(key: np.ndarray) -> np.ndarray:
    """`(N,)` how many come before each one with the same key; keys do not fall."""
    return np.arange(len(key)) - np.searchsorted(key, key)


def _settled(
    sides: _Sides, first: int, last: int, limits: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Settles the boxes `first..last`, all that come n-th in their picture and class at once.

    Yields:
        `(B,)` which boxes; `(A, T, B)` which true box each one took, -1 for none; `(A, T, B)` whether that one counts.
    """
    row, member = pairs_of(sides.first[first:last], sides.last[first:last])
    box, true = row + first, sides.truth[member]
    iou = pair_iou(sides.found_xywh[box], sides.true_xywh[true], sides.crowd[true])
    near = iou >= limits.min()
    box, true, iou = box[near], true[near], iou[near]
    if not len(box):
        return
    boxes, of_box = np.unique(box, return_inverse=True)
    turn = turns(sides.key[boxes])
    order = np.lexsort((true, iou, box, turn[of_box]))  # the last allowed pair of a box is the one it takes
    box, true, iou, turn_of_pair = box[order], true[order], iou[order], turn[of_box[order]]
    used, local = np.unique(true, return_inverse=True)
    again = sides.crowd[used]
    taken = np.zeros((len(used), len(sides.ignored), len(limits)), bool)
    counts = np.where(sides.ignored[:, true], 0, _COUNTED).T.astype(np.int32)  # (P, A)
    rounds = np.searchsorted(turn_of_pair, np.arange(turn.max() + 2))
    for start, end in pairwise(rounds.tolist()):
        mine = slice(start, end)
        free = ~taken[local[mine]] | again[local[mine], None, None]
        allowed = free & (iou[mine, None, None] >= limits)
        place = np.arange(end - start, dtype=np.int32)[:, None, None] + counts[mine, :, None]
        heads = np.flatnonzero(np.append(True, box[mine][1:] != box[mine][:-1]))
        best = np.maximum.reduceat(np.where(allowed, place, -1), heads, axis=0)  # (B, A, T)
        pair = best % _COUNTED + start
        whom, size, threshold = np.nonzero(best >= 0)
        taken[local[pair[whom, size, threshold]], size, threshold] = True
        took = np.where(best >= 0, true[pair % len(true)], -1)
        yield box[mine][heads], took.transpose(1, 2, 0), (best >= _COUNTED).transpose(1, 2, 0)
