"""Model + pictures -> classifications, detections, or both in turn (detect-then-classify).

    classifier, detector = load_classifier(), load_detector()
    candidates = detector.predict([image])[0]
    shown = candidates.above(0.4).suppress(0.5)
    result = detect_then_classify(image, shown, classifier)

A predictor holds one network in evaluation mode and may be shared between threads: passes take turns. Everything
after `predict` (thresholds, suppression, filters) works on its records and never runs a network again.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from vision_core.allocator import tune_allocator

tune_allocator()  # before torch allocates: keeps freed memory, which makes a pass on a CPU up to twice as fast

import torch  # noqa: E402

from vision_core import preprocess  # noqa: E402
from vision_core.boxes import clip_boxes  # noqa: E402
from vision_core.errors import ModelError, SettingsError  # noqa: E402
from vision_core.models.folding import fold_batch_norm  # noqa: E402
from vision_core.runs import find_model, load_network  # noqa: E402
from vision_core.types import Classification, Detections, ModelSpec, PipelineResult, Timing  # noqa: E402

if TYPE_CHECKING:
    from PIL import Image

    from vision_core.models.detectors import Candidates, Detector

DEFAULT_CLASSIFIER = "tf_efficientnet_lite0"
DEFAULT_DETECTOR = "ssdlite_mobilenet_v2_coco"
MIN_CANDIDATE_SCORE = 0.05
MAX_CANDIDATES = 1000
MAX_CROPS_AT_ONCE = 16
CROP_MARGIN = 0.1
_DETECTOR_PROBE_PX = 320  # any size will do; this one is quick

Precision = Literal["fp32", "bf16"]
Progress = Callable[[int, "int | None"], None]
T = TypeVar("T")


def choose_device(name: str | None = None) -> torch.device:
    """The device called `name` ("cpu", "cuda", "cuda:1", "mps"), or the best one of this machine.

    Raises:
        SettingsError: there is no such device here.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"Device {name!r} cannot be used on this machine; try 'cpu'.") from error
    return device


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished what was queued; a CPU has nothing queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class _Predictor(ABC):
    """What classifiers and detectors share: one network, its preprocessing, its turn-taking.

    Attributes:
        network: as published or trained; its activations are what activation maps look at.
        folded: what passes run: the network with batch norm folded away, or the network itself.
    """

    def __init__(
        self,
        spec: ModelSpec,
        network: torch.nn.Module,
        class_names: tuple[str, ...],
        device: torch.device,
        precision: Precision = "fp32",
    ) -> None:
        self.spec = spec
        self.class_names = class_names
        self.device = device
        self.precision: Precision = precision
        self.turn = threading.RLock()
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        # Before the move: a GPU rounds so much that the folded network could not be checked.
        self.folded = fold_batch_norm(self.network, self._probe)
        self.network.to(device)
        self.folded.to(device)

    @abstractmethod
    def _probe(self, network: torch.nn.Module) -> Any:
        """One pass over noise: what comes out must be the same after folding."""

    def _noise(self, size_px: int) -> torch.Tensor:
        noise = torch.rand(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
        return noise.to(next(self.network.parameters()).device).contiguous(memory_format=torch.channels_last)

    @property
    def name(self) -> str:
        return self.spec.name

    def _now(self) -> float:
        """Seconds, after everything handed to the device is done."""
        synchronize(self.device)
        return time.perf_counter()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


class Classifier(_Predictor):
    """An image classifier: `predict` says what is in each picture."""

    def _probe(self, network: torch.nn.Module) -> Any:
        return network(self._noise(self.spec.preprocessing.size_px))

    def inputs(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """The network's input `(B, 3, S, S)` for RGB pictures, on the device."""
        how = self.spec.preprocessing
        return preprocess.as_tensor(np.stack([preprocess.resized(image, how) for image in images]), how, self.device)

    def predict(self, images: Sequence[Image.Image]) -> list[Classification]:
        """One `Classification` an RGB picture, in order; all pictures run as one batch."""
        if not images:
            return []
        with self.turn, torch.inference_mode():
            started = self._now()
            batch = self.inputs(images)
            prepared = self._now()
            with self._autocast():
                logits = self.folded(batch)
            ran = self._now()
            several, tempered = self.spec.multi_label, logits.float() / self.spec.temperature
            scores = (tempered.sigmoid() if several else tempered.softmax(dim=1)).cpu().numpy()
            timing = _shares(len(images), started, prepared, ran, self._now())
        return [Classification(self.class_names, row, several, self.name, timing) for row in scores]

    def activation_map(self, image: Image.Image, class_name: str) -> np.ndarray:
        """Which parts of the picture speak for `class_name`: `(h, w)` float32, 0..1, over the whole picture.

        Parts the network did not see (cut off by its centre crop) are NaN.

        Raises:
            ModelError: the network does not know the class.
        """
        from vision_core import explain

        if class_name not in self.class_names:
            raise ModelError(f"{self.name} cannot say {class_name!r}; it knows {len(self.class_names)} other names.")
        with self.turn:
            heat = explain.activation_map(self.network, self.inputs([image]), self.class_names.index(class_name))
        return explain.map_to_image(heat, self.spec.preprocessing, image.size)


class ObjectDetector(_Predictor):
    """An object detector: `predict` gives every candidate box of each picture."""

    network: Detector
    folded: Detector

    def _probe(self, network: torch.nn.Module) -> Any:
        return network(self._noise(_DETECTOR_PROBE_PX))

    def inputs(self, images: Sequence[Image.Image]) -> list[torch.Tensor]:
        """The network's input, one `(3, H, W)` a picture, on the device."""
        how = self.spec.preprocessing
        return [preprocess.as_tensor(preprocess.resized(image, how)[None], how, self.device)[0] for image in images]

    def predict(self, images: Sequence[Image.Image]) -> list[Detections]:
        """One `Detections` an RGB picture, in order: candidates of at least `MIN_CANDIDATE_SCORE`, unsuppressed.

        At most `MAX_CANDIDATES` a picture, best first. Pictures run as one batch.
        """
        if not images:
            return []
        with self.turn, torch.inference_mode():
            started = self._now()
            inputs = self.inputs(images)
            prepared = self._now()
            with self._autocast():
                outputs = self.folded(inputs)
                ran = self._now()
                found = self.folded.decode(outputs, MIN_CANDIDATE_SCORE, MAX_CANDIDATES)
            detections = [self._in_picture(*pair) for pair in zip(images, found, strict=True)]
            timing = _shares(len(images), started, prepared, ran, self._now())
        return [replace(item, timing=timing) for item in detections]

    def _in_picture(self, image: Image.Image, found: Candidates) -> Detections:
        where = preprocess.placement(self.spec.preprocessing, image.width, image.height)
        boxes = where.to_picture(found.boxes.float().cpu().numpy())
        return Detections(
            boxes_xyxy=clip_boxes(boxes, image.width, image.height),
            scores=found.scores.float().cpu().numpy(),
            class_ids=found.labels.cpu().numpy(),
            class_names=self.class_names,
            image_size_px=(image.width, image.height),
            model=self.name,
        )


def _shares(count: int, started: float, prepared: float, ran: float, done: float) -> Timing:
    """A batch's seconds as each picture's milliseconds."""
    share = 1000 / count
    return Timing((prepared - started) * share, (ran - prepared) * share, (done - ran) * share)


def load_classifier(
    name: str = DEFAULT_CLASSIFIER,
    device: str | None = None,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> Classifier:
    """The pretrained classifier called `name`, or the one in the run folder `name`.

    Args:
        progress: called with (bytes done, bytes in all or None) while weights download.

    Raises:
        ModelError: unknown name, a detector's name, or a model without pretrained labels.
        WeightsError: the weights cannot be fetched or verified.
    """
    spec, names = find_model(name, "classification")
    return Classifier(spec, load_network(spec, progress), names, choose_device(device), precision)


def load_detector(
    name: str = DEFAULT_DETECTOR,
    device: str | None = None,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> ObjectDetector:
    """The pretrained detector called `name`, or the one in the run folder `name`; as `load_classifier`."""
    spec, names = find_model(name, "detection")
    return ObjectDetector(spec, load_network(spec, progress), names, choose_device(device), precision)


def crop_boxes(detections: Detections, margin: float = CROP_MARGIN) -> np.ndarray:
    """The crops detect-then-classify looks at: `(N, 4)` whole pixels, each box grown by `margin` of its sides.

    Never empty and never outside the picture, whatever the box.
    """
    boxes, (width, height) = detections.boxes_xyxy.astype(np.float64), detections.image_size_px
    grown = (boxes[:, 2:] - boxes[:, :2]).clip(0) * margin
    low = np.floor(boxes[:, :2] - grown).clip(0, [width - 1, height - 1])
    high = np.ceil(boxes[:, 2:] + grown).clip(0, [width, height])
    return np.concatenate([low, np.maximum(high, low + 1)], axis=1).astype(np.int64)


def detect_then_classify(
    image: Image.Image, detections: Detections, classifier: Classifier, margin: float = CROP_MARGIN
) -> PipelineResult:
    """The second stage: each detected object is cropped with a margin and named by the classifier.

    Crops run in batches of `MAX_CROPS_AT_ONCE`. The result's `timing` is both stages together, its
    `classify_timing` the crops alone, for all objects of the picture.
    """
    crops = [image.crop((x0, y0, x1, y1)) for x0, y0, x1, y1 in crop_boxes(detections, margin).tolist()]
    labels: list[Classification] = []
    spent = Timing()
    for chunk in batches(crops, MAX_CROPS_AT_ONCE):
        part = classifier.predict(chunk)
        labels += part
        spent = sum((item.timing for item in part if item.timing), spent)
    return PipelineResult(
        detections=detections,
        labels=tuple(labels),
        timing=(detections.timing or Timing()) + spent,
        classify_timing=spent,
        model=f"{detections.model} + {classifier.name}",
    )


def batches(items: Iterator[T] | Sequence[T], size: int) -> Iterator[list[T]]:
    """Lists of up to `size` items, in order, reading no further ahead than that."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
