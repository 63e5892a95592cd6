"""Box arithmetic on NumPy arrays: areas, intersection over union, greedy suppression.

Boxes are `(N, 4)` x_min, y_min, x_max, y_max in pixels. The results agree with `torchvision.ops` to 1e-6 (see
`tests/test_boxes.py`); they are written in NumPy so that a slider never needs a tensor or a network.
"""

from __future__ import annotations

import numpy as np


def as_boxes(values: object) -> np.ndarray:
    """`values` as a contiguous float32 `(N, 4)` array; an empty sequence becomes `(0, 4)`.

    Raises:
        ValueError: the shape is not `(N, 4)`.
    """
    boxes = np.ascontiguousarray(values, dtype=np.float32)
    if boxes.size == 0:
        return np.zeros((0, 4), dtype=np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes have shape {boxes.shape}, expected (N, 4)")
    return boxes


def box_area(boxes_xyxy: np.ndarray) -> np.ndarray:
    """Areas `(N,)` in square pixels; like torchvision's, negative where a single side is inverted."""
    return (boxes_xyxy[:, 2] - boxes_xyxy[:, 0]) * (boxes_xyxy[:, 3] - boxes_xyxy[:, 1])


def box_iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union `(N, M)` of every box of `a` `(N, 4)` with every box of `b` `(M, 4)`.

    Two boxes without area have an undefined ratio; it is given as 0 (torchvision gives NaN), so that neither
    suppresses the other.
    """
    a, b = np.asarray(a_xyxy, np.float64), np.asarray(b_xyxy, np.float64)
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    intersection = np.prod(np.clip(sides, 0, None), axis=2)
    union = box_area(a)[:, None] + box_area(b)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def non_maximum_suppression(
    boxes_xyxy: np.ndarray,
    scores: np.ndarray,
    iou_threshold: float,
    class_ids: np.ndarray | None = None,
) -> np.ndarray:
    """Indices `(K,)` of the boxes kept by greedy suppression, highest score first.

    A box goes when a kept box with a higher score overlaps it by *more* than `iou_threshold` (0..1). With
    `class_ids` `(N,)` only boxes of one class suppress each other. Equal scores keep their order, as in
    `torchvision.ops.nms`.
    """
    order = np.argsort(-scores, kind="stable")
    boxes = np.asarray(boxes_xyxy, np.float64)[order]
    classes = None if class_ids is None else np.asarray(class_ids)[order]
    alive = np.ones(len(order), dtype=bool)
    kept: list[int] = []
    for index in range(len(order)):
        if not alive[index]:
            continue
        kept.append(index)
        rest = slice(index + 1, None)
        overlap = box_iou(boxes[index : index + 1], boxes[rest])[0] > iou_threshold
        if classes is not None:
            overlap &= classes[rest] == classes[index]
        alive[rest] &= ~overlap
    return order[np.asarray(kept, dtype=np.int64)]


def clip_boxes(boxes_xyxy: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """A copy of `(N, 4)` boxes cut at the borders of an image of that size."""
    return np.clip(boxes_xyxy, 0, np.asarray([width_px, height_px, width_px, height_px], np.float32))
