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
from vision_core.evaluation.box_matching import RIGHT, WRONG, BoxMatches, match
from vision_core.evaluation.ground import Ground, common_ground
from vision_core.evaluation.presence import average_precision, boxes_average_precision, mean_over_classes, rates, ratio
from vision_core.evaluation.records import Results

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


@dataclass(frozen=True, eq=False)
class Difference:
    """How much higher one run's figure is than another's on the same pictures.

    Attributes:
        value: of all pictures, the first run's minus the second's.
        low, high: its interval.
    """

    value: float
    low: float
    high: float


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
        `presence_f1`, `pictures` that show it, `objects`, and `count_mae_guess`: the error of saying the median number
        each time, which a count has to beat."""
        ones = np.ones((1, len(self.ground)))
        found = {name: values[0] for name, values in self._classes(ones).items()}
        precision, recall, _ = rates(self.answers.there, self.ground.shown, ones)
        found |= {"precision": precision[0], "recall": recall[0], "pictures": self.ground.shown.sum(axis=0) * 1.0}
        counts, countable = self.ground.counts, self.ground.countable
        if counts is not None and countable is not None:
            found["objects"] = counts.sum(axis=0) * 1.0
            found["count_mae_guess"] = np.array(
                [_guess_error(column[known]) for column, known in zip(counts.T, countable.T, strict=True)]
            )
        return found

    def resampled(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The figures had each picture come so many times: exactly what they would be, computed anew.

        Args:
            weights: `(R, N)`, 0 or more; rows of ones give the figures themselves.

        Returns:
            `(R,)` float64 of each figure that this run has; nan where those pictures cannot tell.
        """
        return {name: mean_over_classes(values) for name, values in self._classes(weights).items()}

    def intervals(self, samples: int = 1000, confidence: float = 0.95, seed: int = 0) -> dict[str, tuple[float, float]]:
        """Low and high of each figure: percentiles over pictures drawn anew with replacement (Efron 1979).

        Args:
            confidence: between 0 and 1.

        Raises:
            SettingsError: no confidence, or fewer than two samples.
        """
        drawn = self.resampled(drawn_weights(len(self.ground), samples, seed))
        return {name: _percentiles(values, confidence) for name, values in drawn.items()}

    def _classes(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`(R, K)` of each figure that this run has."""
        shown, said = self.ground.shown, self.answers
        found = {
            "presence_ap": average_precision(said.scores, shown, weights),
            "presence_f1": rates(said.there, shown, weights)[2],
        }
        if "count_mae" not in self.unanswered:
            found["count_mae"] = self._count_error(weights)
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

    def _count_error(self, weights: np.ndarray) -> np.ndarray:
        """Mean absolute error of the number of objects; of classes that are there or were said to be."""
        said, counts, countable = map(np.asarray, (self.answers.counts, self.ground.counts, self.ground.countable))
        error = ratio(weights @ (np.abs(said - counts) * countable), weights @ countable)
        asked = weights @ (self.ground.shown | (said > 0)) > 0
        return np.where(asked, error, np.nan)

    def _ap50(self, weights: np.ndarray) -> np.ndarray:
        """COCO's average precision at IoU .5 of each class."""
        matches = self._matches
        found = np.full((len(weights), len(self.ground.class_names)), np.nan)
        for label in np.flatnonzero(matches.wanted[:, 0]).tolist():
            mine = matches.of_class(label)
            verdict, picture = matches.verdict[0, 0, mine], matches.picture[mine]
            wanted = weights @ np.asarray(self.ground.counts)[:, label]
            found[:, label] = boxes_average_precision(verdict == RIGHT, verdict == WRONG, weights[:, picture], wanted)
        return found

    @cached_property
    def _matches(self) -> BoxMatches:
        if self.answers.boxes is None:
            raise SettingsError("A classifier has no boxes to match.")
        return match(self.answers.boxes, (0.5,), ("all",))


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
    one: Yardstick, other: Yardstick, samples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Difference]:
    """How much higher each figure of one run is than the other's, both on the same drawn pictures (paired bootstrap).

    Figures that either run has none of are absent.

    Raises:
        SettingsError: the two do not stand on the same ground, no confidence, or fewer than two samples.
    """
    if one.ground.pictures != other.ground.pictures or one.ground.class_names != other.ground.class_names:
        raise SettingsError("These two were measured on different pictures or classes: set them side by side first.")
    weights = drawn_weights(len(one.ground), samples, seed)
    weights = np.concatenate([np.ones((1, len(one.ground))), weights])
    first, second = one.resampled(weights), other.resampled(weights)
    found = {}
    for name in FIGURES:
        if name in first and name in second:
            gap = first[name] - second[name]
            if not np.isnan(gap[0]):
                found[name] = Difference(float(gap[0]), *_percentiles(gap[1:], confidence))
    return found


def drawn_weights(pictures: int, samples: int, seed: int) -> np.ndarray:
    """`(samples, pictures)` float64: how often each picture comes in each sample drawn with replacement.

    Raises:
        SettingsError: fewer than two samples.
    """
    if samples < 2:
        raise SettingsError(f"{samples} samples make no interval; draw two at least, a thousand are usual.")
    return np.random.default_rng(seed).multinomial(pictures, [1 / pictures] * pictures, samples).astype(np.float64)


def _percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """The middle share of the values that are known; nan where none is."""
    if not 0 < confidence < 1:
        raise SettingsError(f"A confidence of {confidence} is not between 0 and 1; 0.95 is usual.")
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _guess_error(counts: np.ndarray) -> float:
    """Mean absolute error of always saying the median, than which no one number does better; nan for no pictures."""
    return float(np.abs(counts - np.median(counts)).mean()) if len(counts) else float("nan")
