"""What one picture costs with a classifier, a detector, or the two in turn, measured through the real predictors.

costs, latency = measure_picture(image, Pipeline(classifier, detector), price=load_prices().find("AWS c7i.large"))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from vision_core.costs.energy import energy_wh_per_1k
from vision_core.costs.flops import FlopCount, count_flops
from vision_core.costs.latency import Budget, LatencyReport, measure
from vision_core.costs.memory import peak_memory
from vision_core.costs.prices import Price
from vision_core.costs.report import CostReport, Subject, build_report
from vision_core.errors import ModelError
from vision_core.predict import Classifier, ObjectDetector, crop_boxes, detect_then_classify
from vision_core.types import Detections, Timing

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Pipeline:
    """What is measured: either predictor alone, or both for detect-then-classify at these thresholds."""

    classifier: Classifier | None = None
    detector: ObjectDetector | None = None
    score: float = 0.4
    iou: float = 0.5

    def __post_init__(self) -> None:
        if not (self.classifier or self.detector):
            raise ModelError("There is nothing to measure; name a classifier, a detector, or both.")

    @property
    def parts(self) -> list[Classifier | ObjectDetector]:
        return [part for part in (self.detector, self.classifier) if part]

    @property
    def name(self) -> str:
        return " + ".join(part.name for part in self.parts)

    def run(self, image: Image.Image) -> Timing:
        """One picture from pixels to final answer; returns what each stage took."""
        if self.detector is None:
            return _timing(self.classifier.predict([image])[0].timing if self.classifier else None)
        candidates = self.detector.predict([image])[0]
        if self.classifier is None:
            return _timing(candidates.timing)
        return detect_then_classify(image, self.shown(candidates), self.classifier).timing

    def shown(self, candidates: Detections) -> Detections:
        return candidates.select(self.score, self.iou)


def measure_picture(
    image: Image.Image,
    what: Pipeline,
    *,
    budget: Budget | None = None,
    price: Price | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CostReport, LatencyReport]:
    """Latency, memory, FLOPs, energy and money of one RGB picture, from decoded pixels to the final answer.

    The predictors' turns are held throughout, so that nobody else's pass disturbs the clock.

    Args:
        progress: called with (runs done, most runs there can be); may raise to give up.
    """
    device = what.parts[0].device
    turns = [part.turn for part in what.parts]
    for turn in turns:
        turn.acquire()
    try:
        latency = measure(lambda: what.run(image), budget=budget, device=str(device), progress=progress)
        memory = peak_memory(lambda: what.run(image), str(device), [part.folded for part in what.parts])
        energy = energy_wh_per_1k(lambda: what.run(image), device=str(device), seconds=0.5)
        flops = _flops(image, what)
    finally:
        for turn in turns:
            turn.release()
    subject = Subject(
        model=what.name,
        device=str(device),
        precision=what.parts[0].precision,
        batch_size=1,
        input_size_px=flops.input_size_px or (0, 0),
        parameters=sum(p.numel() for part in what.parts for p in part.network.parameters()),
    )
    return build_report(subject, flops=flops, latency=latency, memory=memory, energy=energy, price=price), latency


def _flops(image: Image.Image, what: Pipeline) -> FlopCount:
    """Arithmetic of this picture: the detector once, the classifier once or once a crop."""
    classifier, detector = what.classifier, what.detector
    if detector is None:
        if classifier is None:
            raise ModelError("There is nothing to count.")
        return count_flops(classifier.folded, classifier.inputs([image]))
    found = count_flops(detector.folded.candidates, detector.inputs([image]))
    if classifier is None:
        return found
    crops = len(crop_boxes(what.shown(detector.predict([image])[0])))
    one = count_flops(classifier.folded, torch.zeros_like(classifier.inputs([image])))
    return replace(
        found,
        flops=found.flops + crops * one.flops,
        uncounted=tuple(sorted({*found.uncounted, *one.uncounted})),
        content_dependent=True,
    )


def _timing(timing: Timing | None) -> Timing:
    if timing is None:
        raise ModelError("The predictor did not time itself.")
    return timing
