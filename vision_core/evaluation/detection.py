"""COCO's figures of a detector: the twelve numbers, by class and by size, and the curves behind them.

    scores = coco_scores(results)
    scores.figures()["map"], scores.by_class(), scores.curve(iou=0.5, class_name="cup")

The same to the last digit as pycocotools and faster-coco-eval give (`tests/test_detection.py` compares all three), but
from one matching (`box_matching`) that the error breakdown, the threshold and the intervals share, that can report
and be stopped, and that is quicker than either (`benchmarks/coco_eval.py`).

All are fractions of 1 and better when higher. A figure that the data cannot tell, for want of a true box of that class
or size, is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation.box_matching import RIGHT, SIZES_PX2, WRONG, BoxMatches, Stage, match
from vision_core.evaluation.records import DetectionResults

RECALLS = np.linspace(0.0, 1.0, 101)
"""At which COCO reads precision."""
LIMITS = (1, 10, 100)
"""Boxes of a picture and class that average recall looks at."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision at each recall.

    Attributes:
        recall: `(R,)`, rising.
        precision: `(R,)`, the best at this recall or a higher one; 0 where no score reaches that recall.
        score: `(R,)`, the threshold that reaches that recall; nan where none does, or for a mean over classes.
        average_precision: the mean of `precision`.
    """

    recall: np.ndarray
    precision: np.ndarray
    score: np.ndarray
    average_precision: float


@dataclass(frozen=True, eq=False)
class CocoScores:
    """Precision and recall of every class, size and IoU; nan where there is no true box to find.

    Attributes:
        matches: what they were counted from.
        precision: `(T, R, K, A)` at the recalls of `RECALLS`, of 100 boxes a picture and class.
        score: `(T, R, K, A)` the thresholds that reach those recalls, 0 where none does.
        recall: `(T, K, A, 3)` of 1, 10 and 100 boxes a picture and class.
    """

    matches: BoxMatches
    precision: np.ndarray
    score: np.ndarray
    recall: np.ndarray

    def figures(self) -> dict[str, float]:
        """`map` (IoU .5 to .95), `map50`, `map75`, `map_small`, `map_medium`, `map_large`, `ar1`, `ar10`, `ar100`,
        `ar_small`, `ar_medium`, `ar_large`: means over the classes that have a true box."""
        return _told(self._twelve(slice(None)))

    def by_class(self) -> list[dict[str, Any]]:
        """One row a class, in order: `class`, `boxes` (true ones that count) and its own twelve figures."""
        names, boxes = self.matches.class_names, self.matches.wanted[:, 0].tolist()
        return [
            {"class": name, "boxes": boxes[label]} | _told(self._twelve(slice(label, label + 1)))
            for label, name in enumerate(names)
        ]

    def by_size(self) -> list[dict[str, Any]]:
        """One row a range of sizes: `size`, `boxes`, `from_px2`, `to_px2` (none: no limit), `map`, `map50`, `map75`,
        `ar100`."""
        rows = []
        for place, size in enumerate(self.matches.sizes):
            low, high = SIZES_PX2[size]
            about = {"size": size, "boxes": int(self.matches.wanted[:, place].sum()), "from_px2": low}
            of_size = self.precision[..., place]
            told = {"map": _mean(of_size), "ar100": _mean(self.recall[:, :, place, -1])}
            told |= {f"map{percent}": self._at(percent / 100, of_size) for percent in (50, 75)}
            rows.append(about | {"to_px2": None if high == SIZES_PX2["all"][1] else high} | _told(told))
        return rows

    def curve(self, iou: float | None = 0.5, class_name: str | None = None, size: str = "all") -> Curve:
        """Precision against recall.

        Args:
            iou: one of COCO's; None for the mean over all of them.
            class_name: None for the mean over the classes that have a true box.

        Raises:
            DataError: there is no such class, or no true box to find.
            SettingsError: the IoU is none of COCO's.
        """
        if class_name is not None and class_name not in self.matches.class_names:
            raise DataError(f"There is no class {class_name!r}; there is {', '.join(self.matches.class_names)}.")
        label = slice(None) if class_name is None else [self.matches.class_names.index(class_name)]
        threshold = slice(None) if iou is None else [self.matches.at(iou)]
        place = self.matches.sizes.index(size)
        precision = self.precision[threshold, :, :, place][:, :, label]  # (T, R, K)
        known = ~np.isnan(precision[0, 0])
        if not known.any():
            raise DataError(f"There is no true box of {class_name or 'any class'} ({size} sizes), so no recall of it.")
        mean = precision[:, :, known].mean(axis=(0, 2))
        score = np.full(len(RECALLS), np.nan)
        if iou is not None and class_name is not None:
            reached = self.score[threshold, :, label, place].reshape(-1)
            score = np.where(mean > 0, reached, np.nan)
        return Curve(RECALLS, mean, score, float(mean.mean()))

    def _twelve(self, label: slice) -> dict[str, float]:
        precision, recall = self.precision[:, :, label], self.recall[:, label]
        told = {"map": _mean(precision[..., 0])}
        told |= {f"map{percent}": self._at(percent / 100, precision[..., 0]) for percent in (50, 75)}
        sizes = list(enumerate(self.matches.sizes))[1:]
        told |= {f"map_{size}": _mean(precision[..., place]) for place, size in sizes}
        told |= {f"ar{limit}": _mean(recall[:, :, 0, place]) for place, limit in enumerate(LIMITS)}
        return told | {f"ar_{size}": _mean(recall[:, :, place, -1]) for place, size in sizes}

    def _at(self, iou: float, precision: np.ndarray) -> float:
        return _mean(precision[self.matches.at(iou)])


def coco_scores(
    results: DetectionResults, progress: Stage | None = None, matches: BoxMatches | None = None
) -> CocoScores:
    """Scores what a detector found as COCO does.

    Args:
        progress: told of pictures and classes done; raise in it to stop.
        matches: what `match` made of the same results with its defaults, where it is at hand.
    """
    matches = match(results, progress=progress) if matches is None else matches
    classes, sizes = matches.wanted.shape
    thresholds = len(matches.iou_thresholds)
    precision = np.full((thresholds, len(RECALLS), classes, sizes), np.nan)
    score = precision.copy()
    recall = np.full((thresholds, classes, sizes, len(LIMITS)), np.nan)
    for label in range(classes):
        if progress:
            progress("Scoring classes", label, classes)
        mine = matches.of_class(label)
        for size in range(sizes):
            wanted = int(matches.wanted[label, size])
            if not wanted:
                continue
            verdict = matches.verdict[size, :, mine]
            precision[:, :, label, size], score[:, :, label, size] = _accumulated(verdict, matches.scores[mine], wanted)
            right, rank = verdict == RIGHT, matches.rank[mine]
            for place, limit in enumerate(LIMITS):
                recall[:, label, size, place] = (right & (rank < limit)).sum(axis=1) / wanted
    if progress:
        progress("Scoring classes", classes, classes)
    return CocoScores(matches, precision, score, recall)


def figures(results: DetectionResults, progress: Stage | None = None) -> dict[str, float]:
    """COCO's twelve figures by our names; see `CocoScores.figures`. Empty where there is no true box at all."""
    return coco_scores(results, progress).figures()


def _accumulated(verdict: np.ndarray, scores: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision and score `(T, R)` at COCO's recalls, as `COCOeval.accumulate` reads them.

    Args:
        verdict: `(T, D)` in order of falling score; scores: `(D,)`.
        wanted: true boxes that count; not 0.
    """
    right = np.cumsum(verdict == RIGHT, axis=1, dtype=np.float64)
    wrong = np.cumsum(verdict == WRONG, axis=1, dtype=np.float64)
    recall, precision = right / wanted, right / (wrong + right + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    at_recall = np.zeros((2, len(verdict), len(RECALLS)))
    for threshold in range(len(verdict)):
        place = np.searchsorted(recall[threshold], RECALLS)
        reached = place < len(scores)
        at_recall[0, threshold, reached] = best[threshold, place[reached]]
        at_recall[1, threshold, reached] = scores[place[reached]]
    return at_recall[0], at_recall[1]


def _mean(values: np.ndarray) -> float:
    """Mean of what is known; nan where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _told(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if not np.isnan(value)}
