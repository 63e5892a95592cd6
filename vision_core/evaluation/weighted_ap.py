"""Average precision of pictures that are there several times or not at all, from one matching of their boxes.

    samples = resample_ap(results, weights)         # (B, N) how often each resample holds each picture
    samples.average_precision                        # (B, T, K)

Which box takes which does not depend on other pictures, so boxes are matched once and only counted anew: a box counts
as often as its picture. That gives the very figures that scoring `results.take(rows)` would, rows in order
(`tests/test_bootstrap_ap.py` compares), some hundred times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vision_core.errors import SettingsError
from vision_core.evaluation.box_matching import RIGHT, UNCOUNTED, BoxMatches, Stage, counted_truth, match
from vision_core.evaluation.detection import LIMITS, RECALLS
from vision_core.evaluation.records import DetectionResults

_CELLS = 4_000_000  # boxes times resamples that are counted at once; bounds memory to about 0.2 GB
_AFTER = np.append(RECALLS[1:], np.inf)


@dataclass(frozen=True, eq=False)
class ApSamples:
    """What each resample comes to.

    Attributes:
        iou_thresholds: `(T,)`.
        average_precision: `(B, T, K)` float64; nan where the resample has no true box of the class.
        recall: `(B, T, K, 3)` likewise, of 1, 10 and 100 boxes a picture and class.
    """

    iou_thresholds: tuple[float, ...]
    average_precision: np.ndarray
    recall: np.ndarray

    def values(self, name: str) -> np.ndarray:
        """`(B, T', K)` whose mean a figure is."""
        if name in ("map50", "map75"):
            place = np.argmin(np.abs(np.asarray(self.iou_thresholds) - int(name[3:]) / 100))
            return self.average_precision[:, [place]]
        if name.startswith("map"):
            return self.average_precision
        limit = int(name[2:]) if name[2:].isdigit() else LIMITS[-1]
        return self.recall[..., LIMITS.index(limit)]


def resample_ap(
    results: DetectionResults,
    weights: np.ndarray,
    matches: BoxMatches | None = None,
    size: str = "all",
    progress: Stage | None = None,
) -> ApSamples:
    """Average precision of every resample.

    Args:
        weights: `(B, N)` whole numbers, how often each picture is in each resample.
        matches: of the same results, where they are at hand; their IoU thresholds are those of the answer.
        size: which of the range of sizes of `matches`.
        progress: told of the classes done; raise in it to stop.

    Raises:
        SettingsError: the weights are not whole numbers from 0 on, one a picture.
    """
    matches = match(results, sizes=("all",), progress=progress) if matches is None else matches
    weights = _checked(weights, len(results))
    place = matches.sizes.index(size)
    counted = counted_truth(results, size)
    truth_picture, truth_label = results.truth.picture[counted], results.truth.labels[counted]
    shape = (len(weights), len(matches.iou_thresholds), len(matches.class_names))
    precision, recall = np.full(shape, np.nan), np.full((*shape, len(LIMITS)), np.nan)
    for label in range(shape[2]):
        if progress:
            progress("Resampling classes", label, shape[2])
        per_picture = np.bincount(truth_picture[truth_label == label], minlength=len(results))
        wanted = weights @ per_picture.astype(np.int64)
        known = np.flatnonzero(wanted)
        mine = matches.of_class(label)
        boxes = _Boxes.of(matches, mine, matches.verdict[place, :, mine], int(weights.max(initial=0)))
        step = max(1, _CELLS // max(1, len(boxes.picture)))
        for start in range(0, len(known), step):
            rows = known[start : start + step]
            if progress:
                progress("Resampling classes", label, shape[2])
            precision[rows, :, label], recall[rows, :, label] = _counted(boxes, weights[rows], wanted[rows])
    if progress:
        progress("Resampling classes", shape[2], shape[2])
    return ApSamples(matches.iou_thresholds, precision, recall)


@dataclass(frozen=True, eq=False)
class _Boxes:
    """A class's boxes by falling score.

    Of boxes of one picture with one score, some right and some wrong, the order matters when the picture is there
    several times: all of the first copy come before those of the second. Such boxes are listed once for each copy.

    Attributes:
        picture, rank: `(D,)`; verdict: `(T, D)`.
        copy: `(D,)`, in which copy of the picture a box counts; -1: in all of them at once.
    """

    picture: np.ndarray
    rank: np.ndarray
    verdict: np.ndarray
    copy: np.ndarray

    @classmethod
    def of(cls, matches: BoxMatches, mine: slice, verdict: np.ndarray, copies: int) -> _Boxes:
        picture, scores = matches.picture[mine], matches.scores[mine]
        alone = _Boxes(picture, matches.rank[mine], verdict, np.full(len(picture), -1))
        if not len(picture):
            return alone
        heads = np.flatnonzero(np.append(True, (scores[1:] != scores[:-1]) | (picture[1:] != picture[:-1])))
        mixed = (np.minimum.reduceat(verdict, heads, axis=1) != np.maximum.reduceat(verdict, heads, axis=1)).any(axis=0)
        if not mixed.any():
            return alone
        length = np.diff(np.append(heads, len(picture)))
        tied = np.repeat(mixed, length)
        times = np.where(tied, copies, 1)
        box = np.repeat(np.arange(len(picture)), times)
        copy = np.arange(len(box)) - np.repeat(np.cumsum(times) - times, times)
        order = np.lexsort((box, copy, np.repeat(np.arange(len(heads)), length)[box]))
        box, copy = box[order], np.where(tied[box], copy, -1)[order]
        return replace(alone, picture=picture[box], rank=alone.rank[box], verdict=verdict[:, box], copy=copy)

    def weights(self, weights: np.ndarray) -> np.ndarray:
        """`(B, D)`, how often each box counts."""
        of_picture = weights[:, self.picture]
        if (self.copy < 0).all():
            return of_picture
        return np.where(self.copy < 0, of_picture, of_picture > self.copy).astype(np.int32)


def _counted(boxes: _Boxes, weights: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision `(B, T)` and recall `(B, T, 3)` of one class.

    Args:
        weights: `(B, N)`; wanted: `(B,)` true boxes of the class in each resample, at least 1.
    """
    times = boxes.weights(weights)
    precision = np.zeros((len(weights), len(boxes.verdict)))
    recall = np.zeros((*precision.shape, len(LIMITS)))
    shown = np.cumsum(times, axis=1, dtype=np.int32)
    for threshold, verdict in enumerate(boxes.verdict):
        # Only right boxes raise recall, and precision is highest at them: the others need only be counted.
        right = np.flatnonzero(verdict == RIGHT)
        if not len(right):
            continue
        found = np.cumsum(times[:, right], axis=1)
        counted = shown[:, right] - _uncounted(times, verdict, right)
        best = found / (counted + np.spacing(1))
        best = np.maximum.accumulate(best[:, ::-1], axis=1)[:, ::-1]
        precision[:, threshold] = _read(best, found, wanted)
        within = boxes.rank[right, None] < np.asarray(LIMITS)
        recall[:, threshold] = times[:, right] @ within.astype(np.int32) / wanted[:, None]
    return precision, recall


def _uncounted(times: np.ndarray, verdict: np.ndarray, until: np.ndarray) -> np.ndarray:
    """`(B, P)` how many boxes that do not count stand before each of the places `until`, `(P,)`."""
    places = np.flatnonzero(verdict == UNCOUNTED)
    if not len(places):
        return np.zeros((1, 1), np.int32)
    summed = np.zeros((len(times), len(places) + 1), np.int32)
    np.cumsum(times[:, places], axis=1, out=summed[:, 1:])
    return summed[:, np.searchsorted(places, until)]


def _read(best: np.ndarray, found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`(B,)` mean over COCO's recalls of the precision at the box that first reaches each, 0 where none does.

    Args:
        best: `(B, P)` precision at each right box; found: `(B, P)` true boxes found with it, not falling.
        wanted: `(B,)` true boxes to find.
    """
    recall = found / wanted[:, None]
    reached = (100 * recall).astype(np.int32)  # the place of the last recall that is reached, give or take rounding
    reached += _AFTER[reached] <= recall
    reached -= RECALLS[reached] > recall
    reached += 1
    first = best[:, 0] * reached[:, 0]
    return (first + (best[:, 1:] * np.diff(reached, axis=1)).sum(axis=1)) / len(RECALLS)


def _checked(weights: np.ndarray, pictures: int) -> np.ndarray:
    if weights.ndim != 2 or weights.shape[1] != pictures:
        raise SettingsError(f"Weights of shape {weights.shape} do not go with {pictures} pictures.")
    whole = weights.astype(np.int32)
    if (whole != weights).any() or (whole < 0).any():
        raise SettingsError("A picture is in a resample a whole number of times; some weights are none.")
    return whole
