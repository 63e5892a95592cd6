"""How well scores rank what is there above what is not: the curves of one class, and the areas under them.

    curve = precision_recall(shown, scores)
    curve.average_precision, curve.best.threshold
    roc(shown, scores).area

Equal scores count as one threshold, as in scikit-learn. `areas` does the same for many drawings of the pictures at
once, which is what bootstrap intervals are made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_core.errors import DataError


@dataclass(frozen=True)
class Point:
    """What one threshold gives: shares of 1."""

    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision against recall: one point for each different score, best score first.

    Attributes:
        thresholds: `(T,)` float64, falling; a point counts everything that scores at least this much.
        precision, recall: `(T,)`, 0..1; recall never falls.
        average_precision: the step-wise area, the sum of each rise in recall times the precision there; NaN without an
            example.
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    average_precision: float

    @property
    def f1(self) -> np.ndarray:
        """`(T,)`: 0 where neither anything found is right."""
        total = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, total, out=np.zeros_like(total), where=total > 0)

    @property
    def best(self) -> Point | None:
        """Where F1 is highest (of equals, the highest score); None without an example.

        Its threshold lies half-way to the next score below, so that a score just there is not left to chance.
        """
        if not len(self.thresholds) or np.isnan(self.average_precision):
            return None
        f1 = self.f1
        at = int(np.argmax(f1))
        below = self.thresholds[at + 1] if at + 1 < len(f1) else min(0.0, self.thresholds[at])
        threshold = float((self.thresholds[at] + below) / 2)
        return Point(threshold, float(self.precision[at]), float(self.recall[at]), float(f1[at]))


@dataclass(frozen=True, eq=False)
class Roc:
    """The share of right finds against the share of false alarms, from the point where nothing is said.

    Attributes:
        thresholds: `(T + 1,)` falling from infinity.
        false_positive_rate, true_positive_rate: `(T + 1,)` rising from 0 to 1.
        area: the chance that something shown scores above something not shown, ties half; NaN where one is missing.
    """

    thresholds: np.ndarray
    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    area: float


def precision_recall(shown: np.ndarray, scores: np.ndarray) -> PrecisionRecall:
    """The curve of one class.

    Args:
        shown: `(N,)` bool, whether it is there; scores: `(N,)`, how sure the network is that it is.

    Raises:
        DataError: they are not of one length.
    """
    thresholds, right, wrong = _counts(shown, scores)
    total = right[-1] if len(right) else 0
    recall = right / total if total else np.full(len(right), np.nan)
    precision = right / (right + wrong)
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision)) if total else np.nan
    return PrecisionRecall(thresholds, precision, recall, area)


def roc(shown: np.ndarray, scores: np.ndarray) -> Roc:
    """The curve of one class; arguments as `precision_recall`. A rate is NaN where there is nothing to count it of."""
    thresholds, right, wrong = _counts(shown, scores)
    right, wrong = np.concatenate([[0.0], right]), np.concatenate([[0.0], wrong])
    with np.errstate(invalid="ignore"):
        alarms, hits = wrong / wrong[-1], right / right[-1]
    return Roc(np.concatenate([[np.inf], thresholds]), alarms, hits, float(np.trapezoid(hits, alarms)))


def areas(shown: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and the area under the ROC curve for many drawings of the same pictures.

    Args:
        shown: `(N,)` bool; scores: `(N,)`; weights: `(B, N)`, how often each picture was drawn.

    Returns:
        Two arrays `(B,)`; NaN where a drawing has no example (or, for the second, nothing but examples).
    """
    across = np.ascontiguousarray(weights.T)
    found, tied, between = _between_finds(shown, scores, across)
    if not len(found):
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    right, wrong = np.cumsum(found, axis=0), np.cumsum(tied + between, axis=0)
    examples, reached = right[-1], right + wrong
    others = across.sum(axis=0) - examples
    precision = np.divide(right, reached, out=np.zeros_like(right), where=reached > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precise = np.sum(found * precision, axis=0) / examples
        area = np.sum(found * (others - wrong + tied / 2), axis=0) / (examples * others)
    return precise, area


def _between_finds(
    shown: np.ndarray, scores: np.ndarray, across: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each different score of an example, best first: what was drawn of the pictures there.

    Args:
        across: `(N, B)`, how often each picture was drawn.

    Returns:
        Three arrays `(J, B)`: examples with that score, others with that score, and others above it but below the
        score before. A sparse product, so that a thousand drawings pass over the pictures once.
    """
    from scipy.sparse import csr_array

    levels = np.unique(scores[shown])
    place = np.searchsorted(levels, scores)
    at_level = place < len(levels)
    at_level[at_level] = levels[place[at_level]] == scores[at_level]
    level = np.where(at_level, place, place - 1)
    kind = np.where(shown, 0, np.where(at_level, 1, 2))
    kept = np.flatnonzero(level >= 0)  # what scores below every example is reached by none
    rows = kind[kept] * len(levels) + len(levels) - 1 - level[kept]
    table = csr_array((np.ones(len(kept)), (rows, kept)), shape=(3 * len(levels), len(scores)))
    found, tied, between = np.split(np.asarray(table @ across), 3)
    return found, tied, between


def _counts(shown: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different scores, falling, and how many right and wrong finds reach each."""
    shown, scores = np.asarray(shown, bool), np.asarray(scores, np.float64)
    if shown.shape != scores.shape or shown.ndim != 1:
        raise DataError(f"Scores of shape {scores.shape} do not go with answers of shape {shown.shape}.")
    order, ends = _ranks(scores)
    right = np.cumsum(shown[order], dtype=np.float64)[ends]
    return scores[order][ends], right, ends + 1.0 - right


def _ranks(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of falling scores, and the place of the last of each group of equals in it."""
    order = np.argsort(-scores, kind="stable")
    falls = np.flatnonzero(np.diff(scores[order]))
    return order, np.append(falls, len(scores) - 1) if len(scores) else falls
