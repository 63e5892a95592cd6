"""The same picture a dozen times as training will see it, its boxes moving along."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.parts.data.choose import Opened
from vision_core.data.augment import AUGMENTATIONS, Sample, preview
from vision_core.data.index import ImageRecord
from vision_core.data.pictures import PLAIN_BOXES, as_detections
from vision_core.drawing import draw_detections, encode_jpeg
from vision_core.images import open_image
from vision_core.models import get_spec
from vision_core.predict import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR
from vision_core.types import Detections

COUNT = 12
SHOWN_PX = 150


def draw(opened: Opened, record: ImageRecord) -> None:
    """Draws the choice of a strength and the pictures."""
    key = f"augment_{opened.key}_{record.row}"
    options = list(AUGMENTATIONS)
    strength = st.segmented_control("As training will see it", options, default="light", required=True, key=key)
    found = as_detections(record, opened.index.class_names)
    model = DEFAULT_DETECTOR if len(found) else DEFAULT_CLASSIFIER
    sample = Sample(open_image(record.path).pixels, found.boxes_xyxy, found.class_ids)
    versions = preview(sample, AUGMENTATIONS[strength or "light"], get_spec(model).preprocessing, COUNT)
    with st.container(horizontal=True):
        for number, seen in enumerate(versions):
            st.image(
                _drawn(seen, found.class_names, opened.index.class_names),
                width=SHOWN_PX,
                alt=f"Version {number + 1} of {record.path.name}",
            )


def _drawn(seen: Sample, class_names: tuple[str, ...], classes: tuple[str, ...]) -> bytes:
    boxes = Detections(
        boxes_xyxy=seen.boxes_xyxy,
        scores=[1.0] * len(seen.boxes_xyxy),  # type: ignore[arg-type]
        class_ids=seen.class_ids,
        class_names=class_names,
        image_size_px=seen.image.size,
    )
    return encode_jpeg(draw_detections(seen.image, boxes, replace(PLAIN_BOXES, classes=classes)))
