"""The usual figures of both tasks, from well-kept libraries: torchmetrics and faster-coco-eval.

All are fractions of 1 and better when higher, except `ece`. A figure that the data cannot tell (no object of that size,
no class with an example) is absent.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vision_core.training.task_data import TaskData

COCO_NAMES = {
    "AP_all": "map",
    "AP_50": "map50",
    "AP_75": "map75",
    "AP_small": "map_small",
    "AP_medium": "map_medium",
    "AP_large": "map_large",
    "AR_third": "ar100",  # the third of its limits on the boxes of a picture: 1, 10, 100
}
"""faster-coco-eval's names to ours."""
ECE_BINS = 15
_SURE = 1 - 2**-24
"""The largest float32 below 1. torchmetrics would give confidences of exactly 1 a sixteenth bin of their own."""


def single(scores: Tensor, targets: Tensor) -> dict[str, float]:
    """Figures of pictures that show one class each.

    Args:
        scores: `(N, K)` float32, rows sum to 1.
        targets: `(N,)` int64.

    Returns:
        `top1`, `top5` (where there are more than 5 classes), `f1_macro`, and `ece`, the expected calibration error
        in 15 bins (Guo et al. 2017, arXiv:1706.04599).
    """
    from torchmetrics.functional import classification as measure

    classes = scores.shape[1]
    if classes == 1:  # nothing to tell apart: always right
        return {"top1": 1.0, "f1_macro": 1.0, "ece": 0.0}
    found = {
        "top1": measure.multiclass_accuracy(scores, targets, classes, average="micro"),
        "f1_macro": measure.multiclass_f1_score(scores, targets, classes, average="macro"),
        "ece": measure.multiclass_calibration_error(scores.clamp(max=_SURE), targets, classes, n_bins=ECE_BINS),
    }
    if classes > 5:
        found["top5"] = measure.multiclass_accuracy(scores, targets, classes, average="micro", top_k=5)
    return {name: float(value) for name, value in found.items()}


def multi_label(scores: Tensor, targets: Tensor) -> dict[str, float]:
    """Figures of pictures that show any number of classes.

    Args:
        scores: `(N, K)` float32, each 0..1; targets: `(N, K)` zeros and ones.

    Returns:
        `map` (mean over classes with an example of the average precision), `f1_macro` (mean over classes with an
        example or an answer) and `f1_micro` at score 0.5, `ece` of all answers, and `top1`: of pictures that show
        anything, the share whose best class is there.
    """
    from torchmetrics.functional import classification as measure

    wanted = targets.long()
    found = {
        "f1_micro": measure.binary_f1_score(scores.flatten(), wanted.flatten()),
        "ece": measure.binary_calibration_error(scores.flatten().clamp(max=_SURE), wanted.flatten(), n_bins=ECE_BINS),
    }
    columns = list(zip(scores.T, wanted.T, strict=True))  # torchmetrics' own multi-label figures want two at least
    if guessed := [measure.binary_f1_score(s, w) for s, w in columns if w.any() or (s > 0.5).any()]:
        found["f1_macro"] = torch.stack(guessed).mean()
    if ranked := [measure.binary_average_precision(s, w) for s, w in columns if w.any()]:
        found["map"] = torch.stack(ranked).mean()
    some = wanted.sum(dim=1) > 0
    if some.any():
        found["top1"] = wanted[some].gather(1, scores[some].argmax(dim=1, keepdim=True)).float().mean()
    return {name: float(value) for name, value in found.items()}


@dataclass(frozen=True)
class Boxes:
    """What a detector found in one picture, best first: `(N, 4)` in the picture's pixels, `(N,)`, `(N,)`."""

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


class BoxesFound:
    """Collects detections and scores them as COCO does."""

    def __init__(self, data: TaskData) -> None:
        self._data = data
        self._found: dict[int, Boxes] = {}

    def add(self, rows: np.ndarray, boxes: Sequence[Boxes]) -> None:
        """Keeps what was found in some pictures."""
        self._found.update(zip(rows.tolist(), boxes, strict=True))

    def has(self, row: int) -> bool:
        return row in self._found

    def of(self, row: int) -> Boxes:
        """What was found in one picture."""
        return self._found[row]

    def score(self) -> dict[str, float]:
        """`map` (IoU .5 to .95), `map50`, `map75`, `map_small`, `map_medium`, `map_large`, `ar100`."""
        from faster_coco_eval import COCO, COCOeval_faster

        truth: dict[str, Any] = {
            "info": {},
            "images": [],
            "annotations": [],
            "categories": [{"id": label, "name": name} for label, name in enumerate(self._data.class_names)],
        }
        results: list[dict[str, Any]] = []
        for row, found in self._found.items():
            width, height = self._data.size_px(row)
            truth["images"].append({"id": row, "width": width, "height": height})
            for annotation in self._data.annotations(row):
                truth["annotations"].append(annotation | {"id": len(truth["annotations"]) + 1, "image_id": row})
            for box, value, label in zip(found.boxes_xyxy, found.scores, found.labels, strict=True):
                left, top, right, bottom = map(float, box)
                results.append(
                    {
                        "image_id": row,
                        "category_id": int(label),
                        "bbox": [left, top, right - left, bottom - top],
                        "score": float(value),
                    }
                )
        if not truth["annotations"]:
            return {}
        if not results:  # which the library cannot score: a box outside the picture counts as little
            some = truth["annotations"][0]
            beyond = {"bbox": [-2.0, -2.0, 1.0, 1.0], "score": 0.0}
            results.append({name: some[name] for name in ("image_id", "category_id")} | beyond)
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(truth)
            evaluation = COCOeval_faster(coco, coco.loadRes(results), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        values = evaluation.stats_as_dict
        return {ours: float(values[theirs]) for theirs, ours in COCO_NAMES.items() if values.get(theirs, -1) >= 0}
