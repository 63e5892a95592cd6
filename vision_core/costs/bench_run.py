"""One batch as a benchmark times it: from decoded pixels to labels, to boxes after suppression, or to named objects.

run_once(detector, [image] * 8).total_ms                           # of the whole batch
run_once(Pipeline(detector, classifier, crops=3), [image]).classify_ms
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vision_core.costs.engine_parts import AnyPredictor, Pipeline
from vision_core.predict import ObjectDetector, detect_then_classify
from vision_core.types import Detections, Timing

if TYPE_CHECKING:
    from PIL import Image

SCORE, IOU = 0.4, 0.5
"""What suppression keeps, as the Compare page starts with."""


@dataclass(frozen=True)
class TwoStageTiming(Timing):
    """A pipeline's milliseconds by stage; `detect_ms` and `classify_ms`: each half's, all stages of it together."""

    detect_ms: float = 0.0
    classify_ms: float = 0.0


def run_once(predictor: AnyPredictor, images: list[Image.Image]) -> Timing:
    """A batch from decoded pixels to the final answers; milliseconds of the whole batch by stage."""
    if isinstance(predictor, Pipeline):
        return _in_turn(predictor, images)
    said = predictor.predict(images)
    share = said[0].timing or Timing()
    began = time.perf_counter()
    if isinstance(predictor, ObjectDetector):
        for candidates in said:
            candidates.select(SCORE, IOU)  # pyright: ignore[reportAttributeAccessIssue]
    suppressed_ms = 1000 * (time.perf_counter() - began)
    count = len(images)
    return Timing(share.preprocess_ms * count, share.network_ms * count, share.postprocess_ms * count + suppressed_ms)


def _in_turn(pipeline: Pipeline, images: list[Image.Image]) -> TwoStageTiming:
    """Suppression counts as coming after the detector's network, cutting out as coming before the classifier's."""
    began = time.perf_counter()
    candidates = pipeline.detector.predict(images)
    shown = [handed_on(item.select(SCORE, IOU), pipeline.crops) for item in candidates]
    detected = time.perf_counter()
    named = [
        detect_then_classify(image, objects, pipeline.classifier) for image, objects in zip(images, shown, strict=True)
    ]
    ended = time.perf_counter()
    first = sum((item.timing for item in candidates if item.timing), Timing())
    second = sum((item.classify_timing for item in named), Timing())
    detect_ms, classify_ms = 1000 * (detected - began), 1000 * (ended - detected)
    return TwoStageTiming(
        preprocess_ms=first.preprocess_ms + second.preprocess_ms + classify_ms - second.total_ms,
        network_ms=first.network_ms + second.network_ms,
        postprocess_ms=first.postprocess_ms + second.postprocess_ms + detect_ms - first.total_ms,
        detect_ms=detect_ms,
        classify_ms=classify_ms,
    )


def handed_on(found: Detections, count: int) -> Detections:
    """So many objects: the best ones; where there are fewer, some twice; where there is none, the picture's middle."""
    if len(found):
        return found.pick(np.arange(count) % len(found))
    width, height = found.image_size_px
    middle = [width / 4, height / 4, 3 * width / 4, 3 * height / 4]
    return replace(
        found,
        boxes_xyxy=np.tile(np.asarray(middle, np.float32), (count, 1)),
        scores=np.zeros(count, np.float32),
        class_ids=np.zeros(count, np.int64),
    )
