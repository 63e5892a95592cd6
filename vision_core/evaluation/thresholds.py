"""What a threshold does to a classifier's answers: the figures at each, and the best of each class.

    sweep(results).f1_micro, sweep(results).of_class(2).recall     # several classes a picture
    best_thresholds(results)                                       # (K,), for figures(results, threshold=...)
    refusals(results).accuracy                                     # one class a picture: "not sure" below a threshold

A class is said, and an answer given, where its score is above the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation.ranking import precision_recall
from vision_core.evaluation.records import ClassificationResults
from vision_core.evaluation.tallies import best_class, ratio

GRID = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class ClassSweep:
    """One class at every threshold: `(T,)` each; precision is NaN where it is never said, recall without an example.

    Attributes:
        thresholds: rising; said: pictures it is said of; right: of these, those that show it; support: all that do.
    """

    thresholds: np.ndarray
    said: np.ndarray
    right: np.ndarray
    support: int

    @property
    def precision(self) -> np.ndarray:
        return ratio(self.right, self.said)

    @property
    def recall(self) -> np.ndarray:
        return ratio(self.right, np.full(len(self.thresholds), self.support))

    @property
    def f1(self) -> np.ndarray:
        """NaN where the class is neither shown nor said."""
        return ratio(2 * self.right, self.said + self.support)


@dataclass(frozen=True, eq=False)
class Sweep:
    """All classes at every threshold.

    Attributes:
        thresholds: `(T,)` rising.
        said, right: `(T, K)` int64, pictures each class is said of, and of these those that show it.
        support: `(K,)` int64, pictures that show it.
        exact_match: `(T,)` share of pictures whose every class is answered right.
        said_a_picture: `(T,)` how many classes are said of a picture, on average.
    """

    thresholds: np.ndarray
    said: np.ndarray
    right: np.ndarray
    support: np.ndarray
    exact_match: np.ndarray
    said_a_picture: np.ndarray

    def of_class(self, class_id: int) -> ClassSweep:
        return ClassSweep(self.thresholds, self.said[:, class_id], self.right[:, class_id], int(self.support[class_id]))

    @property
    def precision_micro(self) -> np.ndarray:
        """`(T,)`; NaN where nothing is said."""
        return ratio(self.right.sum(axis=1), self.said.sum(axis=1))

    @property
    def recall_micro(self) -> np.ndarray:
        return ratio(self.right.sum(axis=1), np.full(len(self.thresholds), self.support.sum()))

    @property
    def f1_micro(self) -> np.ndarray:
        return ratio(2 * self.right.sum(axis=1), self.said.sum(axis=1) + self.support.sum())

    @property
    def f1_macro(self) -> np.ndarray:
        """`(T,)`: the mean over classes that have an example or an answer at that threshold."""
        either = self.said + self.support
        return ratio(ratio(2 * self.right, either, 0.0).sum(axis=1), (either > 0).sum(axis=1))

    @property
    def best(self) -> float | None:
        """The threshold with the highest `f1_micro`; of equals, the middle one. None where nothing is shown."""
        f1 = self.f1_micro
        if not self.support.sum():
            return None
        highest = np.flatnonzero(f1 == np.nanmax(f1))
        return float(self.thresholds[highest[len(highest) // 2]])


def sweep(results: ClassificationResults, thresholds: np.ndarray = GRID) -> Sweep:
    """The answers at every threshold. Where a picture shows one class, each class is looked at against the rest.

    Args:
        thresholds: `(T,)` rising, 0..1.

    Raises:
        DataError: there are no pictures.
    """
    if not len(results):
        raise DataError("There are no pictures to choose a threshold by.")
    shown, scores = results.shown, results.scores
    said = np.stack([_above(scores[:, k], thresholds) for k in range(shown.shape[1])], axis=1)
    right = np.stack([_above(scores[shown[:, k], k], thresholds) for k in range(shown.shape[1])], axis=1)
    # Every answer is right exactly where the threshold parts what is there from what is not.
    highest_absent = np.where(shown, -np.inf, scores).max(axis=1)
    lowest_present = np.where(shown, scores, np.inf).min(axis=1)
    both = np.minimum(highest_absent, lowest_present)
    exact = _above(lowest_present, thresholds) - _above(both, thresholds)
    return Sweep(
        np.asarray(thresholds, np.float64),
        said,
        right,
        shown.sum(axis=0),
        exact / len(results),
        said.sum(axis=1) / len(results),
    )


def best_threshold(results: ClassificationResults, class_id: int) -> float | None:
    """Where one class's F1 is highest; None where it has no example, which nothing can tell it by."""
    best = precision_recall(results.shown[:, class_id], results.scores[:, class_id]).best
    return None if best is None else best.threshold


def best_thresholds(results: ClassificationResults) -> np.ndarray:
    """`(K,)`: where each class's F1 is highest; 0.5 for a class without an example.

    Chosen on some pictures, it looks better on these than it will on others: choose on validation pictures.
    """
    best = [best_threshold(results, class_id) for class_id in range(len(results.class_names))]
    return np.array([0.5 if threshold is None else threshold for threshold in best])


@dataclass(frozen=True, eq=False)
class Refusals:
    """A classifier that says "not sure" unless its best class scores above a threshold.

    Attributes:
        thresholds: `(T,)` rising.
        answered: `(T,)` share of the pictures that get an answer.
        accuracy: `(T,)` share of these that is right; NaN where none gets one.
    """

    thresholds: np.ndarray
    answered: np.ndarray
    accuracy: np.ndarray


def refusals(results: ClassificationResults, thresholds: np.ndarray = GRID) -> Refusals:
    """How right the answers are that are given, and how many are.

    Raises:
        DataError: a picture may show several classes, or there are none.
    """
    if results.multi_label or not len(results):
        raise DataError("Only pictures that show one class each have an answer to refuse: name some.")
    rows, best = np.arange(len(results)), best_class(results)
    confidence = results.scores[rows, best]
    answered = _above(confidence, thresholds)
    right = _above(confidence[best == results.targets], thresholds)
    return Refusals(np.asarray(thresholds, np.float64), answered / len(results), ratio(right, answered))


def _above(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """`(T,)` int64: how many scores are above each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="right")
