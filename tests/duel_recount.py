"""The yardstick counted anew from what the networks said, without a line of the package: a duel's second opinion.

    python tests/duel_recount.py EVALUATION.safetensors THRESHOLD

It reads the raw predictions that an evaluation keeps and the true boxes beside them, and knows only definitions.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from safetensors import safe_open
from sklearn.metrics import average_precision_score, f1_score


def recount(file: Path, threshold: float) -> dict[str, float]:
    """The figures that this kind of network has."""
    with safe_open(file, "numpy") as tensors:
        about = json.loads(tensors.metadata()["about"])
        arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    pictures, classes = len(about["pictures"]), len(about["class_names"])
    if about["task"] == "classification":
        scores = 1 / (1 + np.exp(-arrays["logits"].astype(np.float64)))
        return presence(arrays["targets"].astype(bool), scores, scores > threshold)
    true, scores = np.zeros((pictures, classes), int), np.zeros((pictures, classes))
    said = np.zeros((pictures, classes), int)
    for picture, label in zip(arrays["truth_picture"], arrays["truth_labels"], strict=True):
        true[picture, label] += 1
    found = zip(arrays["found_picture"], arrays["found_labels"], arrays["found_scores"].astype(np.float64), strict=True)
    for picture, label, score in found:
        scores[picture, label] = max(scores[picture, label], score)
        said[picture, label] += score >= threshold
    figures = presence(true > 0, scores, said > 0)
    errors = [np.abs(said - true)[:, label].mean() for label in range(classes) if (true + said)[:, label].any()]
    return figures | {"count_mae": float(np.mean(errors)), "ap50": ap50(arrays)}


def presence(shown: np.ndarray, scores: np.ndarray, there: np.ndarray) -> dict[str, float]:
    asked = [label for label in range(shown.shape[1]) if shown[:, label].any()]
    known = [label for label in range(shown.shape[1]) if (shown | there)[:, label].any()]
    return {
        "presence_ap": float(np.mean([average_precision_score(shown[:, one], scores[:, one]) for one in asked])),
        "presence_f1": float(np.mean([f1_score(shown[:, one], there[:, one]) for one in known])),
    }


def ap50(arrays: dict[str, np.ndarray]) -> float:
    """By pycocotools."""
    truth: Any = COCO()
    labels = sorted({*arrays["truth_labels"].tolist()})
    boxes: dict[str, list[Any]] = defaultdict(list)
    for kind in ("truth", "found"):
        for number, (x0, y0, x1, y1) in enumerate(arrays[f"{kind}_boxes"].astype(np.float64).tolist()):
            one = {"id": number + 1, "image_id": int(arrays[f"{kind}_picture"][number])}
            one |= {"category_id": int(arrays[f"{kind}_labels"][number]), "bbox": [x0, y0, x1 - x0, y1 - y0]}
            score = {"score": float(arrays["found_scores"][number])} if kind == "found" else {"iscrowd": 0}
            boxes[kind].append(one | score | {"area": (x1 - x0) * (y1 - y0)})
    images = [{"id": number} for number in range(len(arrays["sizes_px"]))]
    truth.dataset = {"images": images, "annotations": boxes["truth"], "categories": [{"id": one} for one in labels]}
    truth.createIndex()
    judge = COCOeval(truth, truth.loadRes(boxes["found"]), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return float(judge.stats[1])


if __name__ == "__main__":
    print(json.dumps(recount(Path(sys.argv[1]), float(sys.argv[2]))))
