"""A data set's pictures with what is known about them drawn on: for galleries, findings and close looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from vision_core.data.index import DatasetIndex, ImageRecord
from vision_core.drawing import DrawOptions, draw_detections, encode_jpeg
from vision_core.images import open_image
from vision_core.types import Detections

PLAIN_BOXES = DrawOptions(labels=False)
"""Boxes in their classes' colours without names, which would hide the objects of a thumbnail."""


def as_detections(record: ImageRecord, class_names: tuple[str, ...]) -> Detections:
    """The boxes of a record as detections that are certain; none where nobody has looked for objects.

    Class ids that the data set does not define are named "class 17", so that a faulty data set can be looked at too.
    """
    boxes = np.zeros((0, 4), np.float32) if record.boxes_xyxy is None else record.boxes_xyxy
    names = list(class_names)
    ids = np.asarray(record.class_ids, np.int64).copy()
    for place in np.flatnonzero((ids < 0) | (ids >= len(class_names))):
        names.append(f"class {ids[place]}")  # as `DatasetIndex.class_name` has it
        ids[place] = len(names) - 1
    usable = np.isfinite(boxes).all(axis=1)
    return Detections(
        boxes_xyxy=boxes[usable],
        scores=np.ones(int(usable.sum()), np.float32),
        class_ids=ids[usable],
        class_names=tuple(names),
        image_size_px=(record.width_px, record.height_px),
    )


def drawn(index: DatasetIndex, row: int, max_edge_px: int, options: DrawOptions = PLAIN_BOXES) -> Image.Image:
    """One picture, at most `max_edge_px` long, with its boxes.

    Raises:
        ImageError: it cannot be read.
    """
    record = index.record(row)
    picture = open_image(record.path)
    small = picture.preview(max_edge_px)
    found = as_detections(record, index.class_names)
    if not len(found):
        return small
    if 0 in found.image_size_px:
        found = Detections(found.boxes_xyxy, found.scores, found.class_ids, found.class_names, picture.size_px)
    return draw_detections(small, found, replace(options, classes=index.class_names))


def drawn_jpeg(index: DatasetIndex, row: int, max_edge_px: int, options: DrawOptions = PLAIN_BOXES) -> bytes:
    """The same as a JPEG file."""
    return encode_jpeg(drawn(index, row, max_edge_px, options), quality=85)
