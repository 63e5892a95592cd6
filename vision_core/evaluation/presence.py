"""What the yardstick is counted from: average precision, precision, recall and F1 of classes, for many drawings of the
pictures at once, and how much of a picture its boxes cover.

average_precision(scores, shown, np.ones((1, len(shown))))[0]      # (K,), as scikit-learn's of each column
"""

from __future__ import annotations

import numpy as np

from vision_core.evaluation.ground import Ground
from vision_core.evaluation.ranking import areas


def average_precision(scores: np.ndarray, shown: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`(R, K)` average precision of each class: precision at each score weighted by the recall it adds.

    Pictures of equal score are taken together, as scikit-learn does; a class without an example is nan.

    Args:
        scores, shown: `(N, K)`.
        weights: `(R, N)`, how often each picture comes.
    """
    found = np.full((len(weights), shown.shape[1]), np.nan)
    for label in np.flatnonzero(shown.any(axis=0)).tolist():
        found[:, label] = areas(shown[:, label], scores[:, label], weights)[0]
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


def covered(ground: Ground) -> np.ndarray:
    """`(N, K)` share of each picture that the boxes of each class cover, together; nan where sizes are not known."""
    pictures, classes = len(ground), len(ground.class_names)
    found = np.zeros((pictures, classes))
    boxes, sizes = ground.boxes, ground.sizes_px
    if boxes is None or sizes is None:
        return np.full(found.shape, np.nan)
    if not len(boxes):
        return found
    limits = np.concatenate([sizes, sizes], axis=1)[boxes.picture]
    inside = np.clip(boxes.boxes_xyxy, 0, limits)
    cell = boxes.picture * classes + boxes.labels
    order = np.argsort(cell, kind="stable")
    cells, first = np.unique(cell[order], return_index=True)
    for one, members in zip(cells.tolist(), np.split(order, first[1:]), strict=True):
        found.reshape(-1)[one] = _union(inside[members])
    area = sizes.prod(axis=1, dtype=np.float64)[:, None]
    return np.where(area > 0, found / np.maximum(area, 1), np.nan)


def _union(boxes_xyxy: np.ndarray) -> float:
    """The area that some boxes cover together: of the cells between all their edges, those in any of them."""
    if len(boxes_xyxy) == 1:
        return float((boxes_xyxy[0, 2:] - boxes_xyxy[0, :2]).clip(0).prod())
    x, y = np.unique(boxes_xyxy[:, [0, 2]]), np.unique(boxes_xyxy[:, [1, 3]])
    across = (boxes_xyxy[:, :1] <= x[:-1]) & (x[1:] <= boxes_xyxy[:, 2:3])
    down = (boxes_xyxy[:, 1:2] <= y[:-1]) & (y[1:] <= boxes_xyxy[:, 3:])
    inside = (down[:, :, None] & across[:, None]).any(axis=0)
    return float((inside * np.diff(y)[:, None] * np.diff(x)).sum())
