"""Average precision, precision, recall and F1 of classes, for many weightings of the pictures at once.

average_precision(scores, shown, np.ones((1, len(shown))))[0]      # (K,), as scikit-learn's of each column
"""

from __future__ import annotations

import numpy as np

from vision_core.evaluation.ranking import areas

_CELLS_AT_ONCE = 4_000_000  # of samples and pictures; bounds memory to about 0.1 GB


def average_precision(scores: np.ndarray, shown: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`(R, K)` average precision of each class: precision at each score weighted by the recall it adds.

    Pictures of equal score are taken together, as scikit-learn does; a class without an example is nan.

    Args:
        scores, shown: `(N, K)`.
        weights: `(R, N)`, how often each picture comes.
    """
    found = np.full((len(weights), shown.shape[1]), np.nan)
    rows = max(1, _CELLS_AT_ONCE // max(1, len(shown)))
    for label in np.flatnonzero(shown.any(axis=0)).tolist():
        for start in range(0, len(weights), rows):
            part = slice(start, start + rows)
            found[part, label] = areas(shown[:, label], scores[:, label], weights[part])[0]
    return found


def boxes_average_precision(
    right: np.ndarray, wrong: np.ndarray, weights: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """`(R,)` COCO's average precision of one class: the best precision at each of 101 recalls, or at a higher one.

    Args:
        right, wrong: `(D,)` bool, of the found boxes by falling score; some are neither.
        weights: `(R, D)`, how often each box's picture comes.
        wanted: `(R,)`, true boxes that count.
    """
    hits, misses = np.cumsum(weights * right, axis=1), np.cumsum(weights * wrong, axis=1)
    hits, misses = hits[:, right], misses[:, right]  # precision only rises, and recall only grows, at a right box
    precision = hits / (hits + misses + np.spacing(1))
    best = np.append(np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1], np.zeros((len(hits), 1)), axis=1)
    recalls, found = np.linspace(0.0, 1.0, 101), np.full(len(hits), np.nan)
    for row in np.flatnonzero(wanted > 0).tolist():
        found[row] = best[row, np.searchsorted(hits[row] / wanted[row], recalls)].mean()
    return found


def rates(there: np.ndarray, shown: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of each class, each `(R, K)`.

    Precision is nan where nothing was said to be there, recall where nothing is, F1 where both.

    Args:
        there, shown: `(N, K)` bool, said and true.
        weights: `(R, N)`, how often each picture comes.
    """
    right, said, true = weights @ (there & shown), weights @ there, weights @ shown
    return ratio(right, said), ratio(right, true), ratio(2 * right, said + true)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`, nan where the whole is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def mean_over_classes(values: np.ndarray) -> np.ndarray:
    """`(R,)` means of `(R, K)` over the classes that are not nan; nan where none is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=1), known.sum(axis=1))
