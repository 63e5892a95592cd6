"""Results as files for other tools: the command line's JSON, CSV, COCO and YOLO, for one picture or many.

Scores and boxes are rounded to what a reader can use (1e-6 and 0.001 px). Every format is read back by its own
tool in `tests/test_exports.py`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vision_core.boxes import clip_boxes
from vision_core.types import Classification, Detections, PipelineResult, Timing

CSV_COLUMNS = (
    "image",
    "width_px",
    "height_px",
    "task",
    "model",
    "object",
    "object_name",
    "object_score",
    "x_min_px",
    "y_min_px",
    "x_max_px",
    "y_max_px",
    "label_rank",
    "label",
    "label_score",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.IGNORECASE)  # names that Windows keeps for itself
_NO_OBJECT, _NO_LABEL = ("",) * 7, ("",) * 3


@dataclass(frozen=True)
class PictureResult:
    """All that was found out about one picture; a part that was not asked for is None.

    Attributes:
        name: the picture's path or file name, as the user gave it.
        detections: what is shown, thresholds and suppression already applied.
    """

    name: str
    width_px: int
    height_px: int
    classification: Classification | None = None
    detections: Detections | None = None
    pipeline: PipelineResult | None = None

    @property
    def boxes(self) -> Detections | None:
        """The detector's boxes, else those of detect-then-classify."""
        if self.detections is None and self.pipeline is not None:
            return self.pipeline.detections
        return self.detections


def to_contract(picture: PictureResult, top_k: int = 5) -> dict[str, Any]:
    """One picture as the object that `python -m vision_core predict --json` prints; absent parts are left out."""
    record: dict[str, Any] = {
        "image": {"path": picture.name, "width_px": picture.width_px, "height_px": picture.height_px}
    }
    if (classification := picture.classification) is not None:
        record["classification"] = {
            "model": classification.model,
            "labels": _labels(classification, top_k),
            "latency_ms": _milliseconds(classification.timing),
        }
    if (detections := picture.detections) is not None:
        record["detection"] = {
            "model": detections.model,
            "objects": _objects(detections),
            "latency_ms": _milliseconds(detections.timing),
        }
    if (pipeline := picture.pipeline) is not None:
        objects = _objects(pipeline.detections)
        for item, labels in zip(objects, pipeline.labels, strict=True):
            item["labels"] = _labels(labels, top_k)
        record["pipeline"] = {
            "model": pipeline.model,
            "objects": objects,
            "latency_ms": _milliseconds(pipeline.timing),
        }
    return record


def to_csv(pictures: Iterable[PictureResult], top_k: int = 5) -> str:
    """A table with the columns `CSV_COLUMNS`: one row a label, or an object where it has no labels of its own.

    Objects are numbered from 1 within their picture, best first. Text that a spreadsheet would run as a formula
    gets an apostrophe in front (OWASP, "CSV injection").
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for picture in pictures:
        for task, model, item, label in _rows(picture, top_k):
            row = (picture.name, picture.width_px, picture.height_px, task, model, *item, *label)
            writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def to_coco(pictures: Sequence[PictureResult]) -> dict[str, Any]:
    """The boxes as a COCO data set (`images`, `annotations` with `score`, `categories`), for a JSON file.

    A category's id is its place, from 1, among the classes that the detector knows, found or not: the same detector
    gives the same ids for any pictures. `bbox` is x, y, width, height in pixels.
    """
    ids = _class_numbers(pictures, first=1)
    images, annotations = [], []
    for image_id, picture in enumerate(pictures, start=1):
        size = {"width": picture.width_px, "height": picture.height_px}
        images.append({"id": image_id, "file_name": picture.name, **size})
        for item in [] if picture.boxes is None else _objects(picture.boxes):
            x0, y0, x1, y1 = item["box_xyxy"]
            width, height = round(x1 - x0, 3), round(y1 - y0, 3)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": ids[item["name"]],
                    "bbox": [x0, y0, width, height],
                    "area": round(width * height, 3),
                    "iscrowd": 0,
                    "score": item["score"],
                }
            )
    categories = [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()]
    info = {"description": "Boxes found by WhatWhere; predictions, not annotations by people"}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def to_yolo_zip(pictures: Sequence[PictureResult]) -> bytes:
    """A zip with YOLO labels: `data.yaml`, one `labels/NAME.txt` a picture, and `pictures.json` (which is whose).

    A label line is `class x_centre y_centre width height`, fractions of the picture; boxes are cut at its borders and
    those without area left out. NAME is the picture's own, made safe and unique. The pictures themselves are not in
    the zip: put them into `images/` under the same names.
    """
    import yaml

    numbers = _class_numbers(pictures, first=0)
    names = {number: name for name, number in numbers.items()}
    head = {"path": ".", "train": "images", "val": "images", "nc": len(names), "names": names}
    files = {"data.yaml": yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}
    owners: dict[str, str] = {}
    for picture, stem in zip(pictures, safe_stems([picture.name for picture in pictures]), strict=True):
        owners[f"labels/{stem}.txt"] = picture.name
        files[f"labels/{stem}.txt"] = "".join(_yolo_lines(picture, numbers))
    files["pictures.json"] = json.dumps(owners, indent=1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text.encode("utf-8", "replace"))
    return buffer.getvalue()


def safe_stems(names: Sequence[str]) -> list[str]:
    """File names without folder and extension that any system can hold, all different even where case is ignored.

    >>> safe_stems(["a/b.jpg", "B.png", "../../etc/passwd", ""])
    ['b', 'B-2', 'passwd', 'picture']
    """
    taken: set[str] = set()
    stems = []
    for name in names:
        base = re.split(r"[/\\]", name)[-1].rpartition(".")
        plain = re.sub(r"[^\w.\-+ ()]", "_", base[0] or base[2])[:80].strip(" .") or "picture"
        plain += "_" if _DEVICES.fullmatch(plain.partition(".")[0]) else ""
        stem, copies = plain, 1
        while stem.casefold() in taken:
            copies += 1
            stem = f"{plain}-{copies}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _objects(detections: Detections) -> list[dict[str, Any]]:
    boxes = np.round(detections.boxes_xyxy.astype(np.float64), 3).tolist()
    scores = [round(float(score), 6) for score in detections.scores]
    rows = zip(detections.names, scores, boxes, strict=True)
    return [{"name": name, "score": score, "box_xyxy": box} for name, score, box in rows]


def _labels(classification: Classification, top_k: int) -> list[dict[str, Any]]:
    return [{"name": label.name, "score": round(label.score, 6)} for label in classification.top(top_k)]


def _milliseconds(timing: Timing | None) -> float | None:
    return None if timing is None else round(timing.total_ms, 3)


def _class_numbers(pictures: Iterable[PictureResult], first: int) -> dict[str, int]:
    """A number for every class any of the detectors knows, in their order, counted from `first`."""
    names = dict.fromkeys(
        name for picture in pictures if picture.boxes is not None for name in picture.boxes.class_names
    )
    return {name: number for number, name in enumerate(names, start=first)}


def _yolo_lines(picture: PictureResult, numbers: dict[str, int]) -> Iterator[str]:
    if picture.boxes is None:
        return
    size = np.asarray([picture.width_px, picture.height_px] * 2, np.float64)
    clipped = clip_boxes(picture.boxes.boxes_xyxy, picture.width_px, picture.height_px) / size
    for name, (x0, y0, x1, y1) in zip(picture.boxes.names, clipped.tolist(), strict=True):
        if x1 > x0 and y1 > y0:
            yield f"{numbers[name]} {(x0 + x1) / 2:.6f} {(y0 + y1) / 2:.6f} {x1 - x0:.6f} {y1 - y0:.6f}\n"


def _rows(picture: PictureResult, top_k: int) -> Iterator[tuple[str, str, tuple[object, ...], tuple[object, ...]]]:
    """Task, model, the seven columns of an object and the three of a label, for every line of the table."""
    if picture.classification is not None:
        for label in _ranked(picture.classification, top_k):
            yield "classification", picture.classification.model, _NO_OBJECT, label
    if picture.detections is not None:
        for item in _numbered(picture.detections):
            yield "detection", picture.detections.model, item, _NO_LABEL
    if (pipeline := picture.pipeline) is not None:
        for item, labels in zip(_numbered(pipeline.detections), pipeline.labels, strict=True):
            for label in _ranked(labels, top_k):
                yield "pipeline", pipeline.model, item, label


def _ranked(classification: Classification, top_k: int) -> list[tuple[object, ...]]:
    labels = enumerate(_labels(classification, top_k), start=1)
    return [(rank, label["name"], label["score"]) for rank, label in labels]


def _numbered(detections: Detections) -> list[tuple[object, ...]]:
    items = enumerate(_objects(detections), start=1)
    return [(number, item["name"], item["score"], *item["box_xyxy"]) for number, item in items]


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "replace").decode("utf-8")
    return "'" + text if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
