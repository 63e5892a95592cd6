"""One yardstick for both tasks: is it there, how many are there, and where?

    one, other = side_by_side([classifier_results, detector_results], points_xy=[points, None])
    one.figures["presence_ap"], one.figures["count_mae"]     # None: cannot say; one.unanswered says why
    differences(one, other)["presence_ap"].high

A detector's best box of a class says how surely the class is there, its boxes above a threshold say how many, and the
centre of the best box says where. A classifier's score says how surely, nothing it says tells how many, and the peak of
its activation map says where. Both are judged against the same truth on the same pictures and classes
(`vision_core.evaluation.ground`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.errors import SettingsError
from vision_core.evaluation.answers import Answers, answers
from vision_core.evaluation.bootstrap_ap import resample_ap
from vision_core.evaluation.box_matching import BoxMatches, match
from vision_core.evaluation.ground import Ground, common_ground
from vision_core.evaluation.intervals import Drawing, Interval, Progress, intervals
from vision_core.evaluation.presence import average_precision, covered, mean_over_classes, rates, ratio
from vision_core.evaluation.records import DetectionResults, Results

QUESTIONS = {
    "Is it there?": ("presence_ap", "presence_f1"),
    "How many?": ("count_mae",),
    "Where?": ("pointing", "ap50"),
}
"""Figures of each question, in order."""
LOWER_IS_BETTER = frozenset({"count_mae"})
FIGURES = tuple(name for names in QUESTIONS.values() for name in names)

NO_BOXES = "Nobody has drawn boxes in these pictures, so nobody knows."
CANNOT_COUNT = "A classifier says what is there, not how many."
DRAWS_NO_BOXES = "A classifier draws no boxes."
NOT_ASKED = "Its activation maps have not been asked where they peak."


@dataclass(frozen=True, eq=False, kw_only=True)
class Yardstick:
    """One run on the common yardstick.

    Attributes:
        ground: the pictures, the classes and the truth.
        answers: what the run says of them.
    """

    ground: Ground
    answers: Answers

    @cached_property
    def unanswered(self) -> dict[str, str]:
        """Figures that this run has none of, each with a sentence that says why."""
        if self.ground.boxes is None:
            return dict.fromkeys(("count_mae", "pointing", "ap50"), NO_BOXES)
        missing = {}
        if self.answers.counts is None:
            missing["count_mae"] = CANNOT_COUNT
        if self.answers.points_xy is None:
            missing["pointing"] = NOT_ASKED
        if self.answers.boxes is None:
            missing["ap50"] = DRAWS_NO_BOXES
        return missing

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """All of `FIGURES`: `presence_ap`, `presence_f1`, `pointing` and `ap50`, fractions of 1 and better when higher,
        and `count_mae`, objects, better when lower. None where the run cannot say or the pictures cannot tell.

        Each is the mean over classes: those with an example, and of `presence_f1` and `count_mae` also those of which
        the run found one where none is.
        """
        told = {name: float(values[0]) for name, values in self.resampled(np.ones((1, len(self.ground)))).items()}
        return {name: None if np.isnan(told.get(name, np.nan)) else told[name] for name in FIGURES}

    @cached_property
    def by_class(self) -> dict[str, np.ndarray]:
        """`(K,)` float64 of each class, nan where it cannot be told: the figures, `precision` and `recall` of
        `presence_f1`, `pictures` that show it, `objects`, and what knowing nothing would give: `presence_ap_guess`, the
        share of pictures that show it; `count_mae_guess`, of always saying the median number; `pointing_guess`, of
        pointing anywhere: the share of the picture that its boxes cover."""
        ones = np.ones((1, len(self.ground)))
        found = {name: values[0] for name, values in self._classes(ones).items()}
        precision, recall, _ = rates(self.answers.there, self.ground.shown, ones)
        found |= {"precision": precision[0], "recall": recall[0], "pictures": self.ground.shown.sum(axis=0) * 1.0}
        counts, countable = self.ground.counts, self.ground.countable
        found["presence_ap_guess"] = self.ground.shown.mean(axis=0)
        if counts is not None and countable is not None:
            found["objects"] = counts.sum(axis=0) * 1.0
            found["pointing_guess"] = ratio(covered(self.ground).sum(axis=0), self.ground.shown.sum(axis=0))
            found["count_mae_guess"] = np.array(
                [_guess_error(column[known]) for column, known in zip(counts.T, countable.T, strict=True)]
            )
        return found

    def resampled(self, weights: np.ndarray, by_class: bool = False) -> dict[str, np.ndarray]:
        """The figures had each picture come so many times: exactly what they would be, computed anew.

        Args:
            weights: `(R, N)`, 0 or more; rows of ones give the figures themselves.
            by_class: those of each class too, as `presence_ap/cup`.

        Returns:
            `(R,)` float64 of each figure that this run has; nan where those pictures cannot tell.
        """
        classes = self._classes(weights)
        found = {name: mean_over_classes(values) for name, values in classes.items()}
        if by_class:
            names = self.ground.class_names
            found |= {f"{name}/{each}": table[:, k] for name, table in classes.items() for k, each in enumerate(names)}
        return found

    def intervals(
        self,
        samples: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        progress: Progress | None = None,
        by_class: bool = False,
    ) -> dict[str, tuple[float, float]]:
        """Low and high of each figure, by drawing pictures anew; see `vision_core.evaluation.intervals`.

        Args:
            by_class: those of each class too, as `presence_ap/cup`.
            progress: told of the samples done; raise in it to stop.

        Returns:
            For each figure that this run has; nan where these pictures cannot tell.

        Raises:
            SettingsError: fewer than 100 samples, or a confidence that is not between 0 and 1.
        """
        how = Drawing(samples, seed, confidence)
        found = intervals(lambda weights: self.resampled(weights, by_class), len(self.ground), how, progress)
        return {name: (one.low, one.high) for name, one in found.items()}

    def _classes(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`(R, K)` of each figure that this run has."""
        shown, said = self.ground.shown, self.answers
        found = {
            "presence_ap": average_precision(said.scores, shown, weights),
            "presence_f1": rates(said.there, shown, weights)[2],
        }
        if "count_mae" not in self.unanswered:
            found["count_mae"] = self.count_error(weights)
        if "pointing" not in self.unanswered:
            found["pointing"] = ratio(weights @ self.hits, weights @ shown)
        if "ap50" not in self.unanswered:
            found["ap50"] = self._ap50(weights)
        return found

    @cached_property
    def hits(self) -> np.ndarray:
        """`(N, K)` bool: points at a class that is there and lies within one of its boxes, their borders included.

        The pointing game of Zhang et al. 2016 (arXiv:1608.00507), without its tolerance of 15 pixels.
        """
        hits = np.zeros(self.ground.shown.shape, bool)
        boxes, points = self.ground.boxes, self.answers.points_xy
        if boxes is not None and points is not None:
            at = points[boxes.picture, boxes.labels]
            edges = boxes.boxes_xyxy
            inside = ((at >= edges[:, :2]) & (at <= edges[:, 2:])).all(axis=1)  # never of what points nowhere
            hits[boxes.picture[inside], boxes.labels[inside]] = True
        return hits

    def count_error(self, weights: np.ndarray) -> np.ndarray:
        """Mean absolute error of the number of objects `(R, K)`, of classes that are there or were said to be; nan of
        others. Only of a run that counts, on pictures with boxes.

        Args:
            weights: `(R, N)`, as `resampled` takes them.
        """
        said, counts, countable = map(np.asarray, (self.answers.counts, self.ground.counts, self.ground.countable))
        error = ratio(weights @ (np.abs(said - counts) * countable), weights @ countable)
        asked = weights @ (self.ground.shown | (said > 0)) > 0
        return np.where(asked, error, np.nan)

    def _ap50(self, weights: np.ndarray) -> np.ndarray:
        """COCO's average precision at IoU .5 of each class."""
        boxes, matches = self._matched
        return resample_ap(boxes, weights.astype(np.int32), matches).average_precision[:, 0]

    @cached_property
    def _matched(self) -> tuple[DetectionResults, BoxMatches]:
        if self.answers.boxes is None:
            raise SettingsError("A classifier has no boxes to match.")
        return self.answers.boxes, match(self.answers.boxes, (0.5,), ("all",))


def side_by_side(
    results: Sequence[Results],
    index: DatasetIndex | None = None,
    scores: Sequence[float | None] | None = None,
    points_xy: Sequence[np.ndarray | None] | None = None,
) -> list[Yardstick]:
    """Runs of any task on the pictures and classes that they have in common, in order.

    Args:
        index: a data set with the boxes of these pictures, where no detector brings them.
        scores: of each run, from which score on a thing is there; see `answers`.
        points_xy: of each classifier, where it points on the common ground; `pointing.points` finds out.

    Raises:
        DataError: they have no picture or no class in common.
    """
    ground = common_ground(results, index)
    scores = scores or [None] * len(results)
    points_xy = points_xy or [None] * len(results)
    return [
        Yardstick(ground=ground, answers=answers(one, ground, score, points))
        for one, score, points in zip(results, scores, points_xy, strict=True)
    ]


def differences(
    one: Yardstick,
    other: Yardstick,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Interval]:
    """How much higher each figure of one run is than the other's, both on the same drawn pictures (paired bootstrap).

    Figures that either run has none of are absent.

    Raises:
        SettingsError: the two do not stand on the same ground; as `Yardstick.intervals`.
    """
    if one.ground.pictures != other.ground.pictures or one.ground.class_names != other.ground.class_names:
        raise SettingsError("These two were measured on different pictures or classes: set them side by side first.")

    def gaps(weights: np.ndarray) -> dict[str, np.ndarray]:
        first, second = one.resampled(weights), other.resampled(weights)
        return {name: first[name] - second[name] for name in FIGURES if name in first and name in second}

    found = intervals(gaps, len(one.ground), Drawing(samples, seed, confidence), progress)
    return {name: gap for name, gap in found.items() if not np.isnan(gap.value)}


def _guess_error(counts: np.ndarray) -> float:
    """Mean absolute error of always saying the median, than which no one number does better; nan for no pictures."""
    return float(np.abs(counts - np.median(counts)).mean()) if len(counts) else float("nan")
