"""The same few validation pictures after every epoch: what is there, and what the network said.

for shown in pictures(run, epoch=3):
    shown.truth, shown.said, shown.is_right
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from vision_core.answers import listed
from vision_core.data.index import DatasetIndex
from vision_core.data.pictures import as_detections
from vision_core.drawing import DrawOptions, draw_detections, encode_jpeg
from vision_core.errors import DataError, VisionError
from vision_core.images import open_image
from vision_core.run_folder import RunFolder
from vision_core.training.overview import read_previews
from vision_core.types import Detections

SHOWN_PX = 360
_WIDTH_ON_SCREEN_PX = 180


@dataclass(frozen=True)
class Preview:
    """One validation picture after one epoch.

    Attributes:
        name: its file's name.
        truth, said: as JPEG files; of a classifier both are the plain picture.
        truth_text, said_text: in words.
        labels: what a classifier said, best first, scores 0..1; `truths`: the picture's own labels.
        is_right: whether a classifier's best label is among the picture's; None of a detector.
    """

    name: str
    truth: bytes
    said: bytes
    truth_text: str
    said_text: str
    labels: tuple[tuple[str, float], ...] = ()
    truths: tuple[str, ...] = ()
    is_right: bool | None = None


def epochs(run: RunFolder) -> list[int]:
    """The epochs after which pictures were looked at, first to last."""
    return [int(line["epoch"]) for line in read_previews(run)]


def pictures(run: RunFolder, epoch: int, named: bool = False) -> list[Preview]:
    """What the network said of the watched pictures after that epoch.

    Args:
        named: whether boxes carry names and scores, which hide the objects of a small picture.

    Raises:
        DataError: the run kept no index, or no such epoch.
    """
    line = next((line for line in read_previews(run) if line["epoch"] == epoch), None)
    if line is None:
        raise DataError(f"The run {run.path.name!r} looked at no pictures after epoch {epoch}.")
    index = DatasetIndex.load(run.path / "data")
    names = tuple(run.read("config.json").get("class_names", ()))
    is_detector = run.read("config.json").get("task") == "detection"
    seen = [(int(row), said) for row, said in line["pictures"].items()]
    if is_detector:
        return [_detected(index, row, said, names, named) for row, said in seen]
    return [_classified(index, row, said) for row, said in seen]


def _classified(index: DatasetIndex, row: int, said: list[dict[str, Any]]) -> Preview:
    record = index.record(row)
    labels = tuple((str(one["name"]), float(one["score"])) for one in said)
    truth = tuple(record.labels or ())
    picture = _plain_jpeg(str(record.path), _changed_ns(index, row))
    return Preview(
        name=record.path.name,
        truth=picture,
        said=picture,
        truth_text=", ".join(truth) or "none of the classes",
        said_text=", ".join(f"{name} {score:.0%}" for name, score in labels),
        labels=labels,
        truths=truth,
        is_right=(labels[0][0] in truth) if labels and truth else None,
    )


def _detected(
    index: DatasetIndex, row: int, said: list[dict[str, Any]], names: tuple[str, ...], named: bool
) -> Preview:
    record = index.record(row)
    known = tuple(dict.fromkeys([*names, *(str(one["name"]) for one in said)]))
    found = Detections(
        np.array([one["box_xyxy"] for one in said], np.float32).reshape(-1, 4),
        np.array([one["score"] for one in said], np.float32),
        np.array([known.index(str(one["name"])) for one in said], np.int64),
        known,
        (record.width_px, record.height_px),
    )
    truth = as_detections(record, index.class_names)
    small = _small(str(record.path), _changed_ns(index, row))
    options = DrawOptions(labels=named, classes=index.class_names, shown_width_px=_WIDTH_ON_SCREEN_PX)
    return Preview(
        name=record.path.name,
        truth=encode_jpeg(draw_detections(small, truth, replace(options, scores=False))),
        said=encode_jpeg(draw_detections(small, found, options)),
        truth_text=listed(truth.counts()) or "no objects",
        said_text=listed(found.counts()) or "no objects",
    )


def _changed_ns(index: DatasetIndex, row: int) -> int:
    try:
        return index.path(row).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _small(path: str, changed_ns: int) -> Image.Image:
    """The picture as it is shown; a grey one where it is gone."""
    try:
        return open_image(path).preview(SHOWN_PX)
    except VisionError:
        return Image.new("RGB", (SHOWN_PX, SHOWN_PX * 3 // 4), "#808080")


@lru_cache(maxsize=256)
def _plain_jpeg(path: str, changed_ns: int) -> bytes:
    return encode_jpeg(_small(path, changed_ns))
