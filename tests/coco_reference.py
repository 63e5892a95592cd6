"""Detection results drawn by chance or by hand, and what pycocotools and faster-coco-eval say of them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from vision_core.evaluation.records import DetectionResults, FoundBoxes, TrueBoxes

NAMES = ("map", "map50", "map75", "map_small", "map_medium", "map_large")
NAMES += ("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large")
"""In the order of COCO's twelve."""
True_ = tuple[int, Sequence[float], int, bool]
"""Picture, box, label, crowd."""
Found = tuple[int, Sequence[float], float, int]
"""Picture, box, score, label."""


def results_of(truth: Sequence[True_], found: Sequence[Found], pictures: int, classes: int = 3) -> DetectionResults:
    """Results of boxes listed by hand; within a picture the best score first, equal ones as listed."""
    truth = sorted(truth, key=lambda box: box[0])
    found = sorted(found, key=lambda box: (box[0], -box[2]))
    return DetectionResults(
        pictures=tuple(f"{number}.png" for number in range(pictures)),
        class_names=tuple(f"class {number}" for number in range(classes)),
        sizes_px=np.full((pictures, 2), 640),
        truth=TrueBoxes(
            np.array([box[0] for box in truth], np.int64),
            np.array([box[1] for box in truth], float).reshape(-1, 4),
            np.array([box[2] for box in truth], np.int64),
            np.array([box[3] for box in truth], bool),
        ),
        found=FoundBoxes(
            np.array([box[0] for box in found], np.int64),
            np.array([box[1] for box in found], float).reshape(-1, 4),
            np.array([box[2] for box in found], float),
            np.array([box[3] for box in found], np.int64),
        ),
    )


def drawn(
    seed: int,
    pictures: int = 6,
    most: int = 8,
    classes: int = 3,
    crowds: float = 0.1,
    largest_px: float = 150.0,
    score_digits: int = 1,
    grid_px: float = 0.0,
    strays: int = 4,
    copies: int = 2,
) -> DetectionResults:
    """Random results: near ones, strays, wrong names, several of one object, scores that tie.

    Args:
        most: true boxes of a picture.
        crowds: share of them.
        score_digits: digits of a score; few make ties.
        grid_px: boxes stand on this grid, so that overlaps tie; 0 for none.
        copies: found boxes of one object.
    """
    random = np.random.default_rng(seed)

    def snapped(box: np.ndarray) -> np.ndarray:
        box = np.round(box / grid_px) * grid_px if grid_px else box
        return np.concatenate([box[:2], np.maximum(box[2:], box[:2] + max(grid_px, 1.0))])

    def anywhere() -> np.ndarray:
        corner = random.uniform(0, 400, 2)
        return snapped(np.concatenate([corner, corner + random.uniform(3, largest_px, 2)]))

    truth: list[True_] = []
    found: list[Found] = []
    for picture in range(pictures):
        for _ in range(random.integers(most + 1)):
            box, label = anywhere(), int(random.integers(classes))
            truth.append((picture, box.tolist(), label, bool(random.random() < crowds)))
            for _ in range(random.integers(copies + 1)):
                moved = snapped(box + random.normal(0, random.choice([0.5, 4, 15]), 4))
                said = label if random.random() < 0.8 else int(random.integers(classes))
                found.append((picture, moved.tolist(), float(np.round(random.random(), score_digits)), said))
        for _ in range(random.integers(strays + 1)):
            score = float(np.round(random.random(), score_digits))
            found.append((picture, anywhere().tolist(), score, int(random.integers(classes))))
    return results_of(truth, found, pictures, classes)


def as_coco(results: DetectionResults) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The truth as a COCO document, and what was found as a list of COCO's results."""
    truth, found = results.truth, results.found

    def box(edges: np.ndarray) -> list[float]:
        left, top, right, bottom = map(float, edges)
        return [left, top, right - left, bottom - top]

    annotations = [
        {"id": place + 1, "image_id": int(truth.picture[place]) + 1, "category_id": int(truth.labels[place]) + 1}
        | {"bbox": box(edges), "area": box(edges)[2] * box(edges)[3], "iscrowd": int(truth.crowd[place])}
        for place, edges in enumerate(truth.boxes_xyxy)
    ]
    said = [
        {"id": place + 1, "image_id": int(found.picture[place]) + 1, "category_id": int(found.labels[place]) + 1}
        | {"bbox": box(edges), "area": box(edges)[2] * box(edges)[3], "iscrowd": 0}
        | {"score": float(found.scores[place])}
        for place, edges in enumerate(found.boxes_xyxy)
    ]
    images = [
        {"id": row + 1, "width": int(width), "height": int(height)}
        for row, (width, height) in enumerate(results.sizes_px)
    ]
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(results.class_names)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}, said


def evaluated(results: DetectionResults, library: Literal["pycocotools", "faster"] = "pycocotools") -> Any:
    """The library's evaluation, summarised: its `stats`, and `eval` with `precision`, `recall` and `scores`."""
    if library == "faster":
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    truth, said = as_coco(results)
    sides: list[Any] = []
    with contextlib.redirect_stdout(io.StringIO()):
        for boxes in (truth["annotations"], said):
            coco: Any = COCO()
            coco.dataset = truth | {"annotations": boxes}
            coco.createIndex()
            sides.append(coco)
        evaluation: Any = COCOeval(sides[0], sides[1], "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def twelve(evaluation: Any) -> dict[str, float]:
    """Its twelve figures by our names, the absent (-1) left out."""
    figures = zip(NAMES, evaluation.stats[:12], strict=True)
    return {name: float(value) for name, value in figures if value > -1}
