"""The frozen records every room speaks: models, predictions and what they took.

Arrays are NumPy and read-only; tensors stay inside `models`, `predict` and `training`. Nothing here imports torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from vision_core.boxes import as_boxes, non_maximum_suppression

Task = Literal["classification", "detection"]
Source = Literal["timm", "torchvision", "libreyolo", "embedded", "run"]


def _frozen(values: object, dtype: type) -> np.ndarray:
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class Timing:
    """Milliseconds one picture spent in each stage (its share, when pictures ran as a batch)."""

    preprocess_ms: float = 0.0
    network_ms: float = 0.0
    postprocess_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        return self.preprocess_ms + self.network_ms + self.postprocess_ms

    def __add__(self, other: Timing) -> Timing:
        return Timing(
            self.preprocess_ms + other.preprocess_ms,
            self.network_ms + other.network_ms,
            self.postprocess_ms + other.postprocess_ms,
        )


@dataclass(frozen=True)
class LabelScore:
    """A class name and its score, 0..1."""

    name: str
    score: float


@dataclass(frozen=True)
class Classification:
    """What a classifier says of one picture.

    Attributes:
        class_names: the K names the network can say.
        scores: `(K,)` float32, 0..1; they sum to 1 unless `multi_label`.
        multi_label: each score is an answer of its own (sigmoid), not a share (softmax).
        model: name of the model that said it.
        timing: what it took, or None when it was not measured.
    """

    class_names: tuple[str, ...]
    scores: np.ndarray
    multi_label: bool = False
    model: str = ""
    timing: Timing | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "scores", _frozen(self.scores, np.float32))
        if self.scores.shape != (len(self.class_names),):
            raise ValueError(f"scores have shape {self.scores.shape} for {len(self.class_names)} class names")

    def top(self, k: int = 5) -> list[LabelScore]:
        """The `k` best labels, best first; equal scores keep the order of the classes."""
        order = np.argsort(-self.scores, kind="stable")[: max(k, 0)]
        return [LabelScore(self.class_names[i], float(self.scores[i])) for i in order]

    def among(self, names: Iterable[str]) -> Classification:
        """Only these of its classes, scores unchanged (they then need not sum to 1)."""
        wanted = set(names)
        keep = [i for i, name in enumerate(self.class_names) if name in wanted]
        return replace(self, class_names=tuple(self.class_names[i] for i in keep), scores=self.scores[keep])


@dataclass(frozen=True)
class Detections:
    """What a detector found in one picture, best score first.

    Attributes:
        boxes_xyxy: `(N, 4)` float32, pixels of the original image.
        scores: `(N,)` float32, 0..1.
        class_ids: `(N,)` int64, indices into `class_names`.
        class_names: the names the network can say.
        image_size_px: width and height of the original image.
        model, timing: as in `Classification`.

    A predictor returns *candidates* (low threshold, before suppression). What is shown is a chain of cheap, pure
    steps, e.g. `candidates.above(0.4).suppress(0.5)`, or `select` for all of them.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    class_names: tuple[str, ...]
    image_size_px: tuple[int, int]
    model: str = ""
    timing: Timing | None = None

    def __post_init__(self) -> None:
        boxes, scores = as_boxes(self.boxes_xyxy), np.asarray(self.scores, np.float32)
        class_ids = np.asarray(self.class_ids, np.int64)
        if scores.shape != (len(boxes),) or class_ids.shape != (len(boxes),):
            raise ValueError(f"{len(boxes)} boxes with scores {scores.shape} and class_ids {class_ids.shape}")
        order = np.argsort(-scores, kind="stable")
        object.__setattr__(self, "boxes_xyxy", _frozen(boxes[order], np.float32))
        object.__setattr__(self, "scores", _frozen(scores[order], np.float32))
        object.__setattr__(self, "class_ids", _frozen(class_ids[order], np.int64))
        object.__setattr__(self, "class_names", tuple(self.class_names))

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class name of each box, in order."""
        return [self.class_names[i] for i in self.class_ids]

    def pick(self, index: np.ndarray) -> Detections:
        """Only the boxes at `index` (integers or a mask)."""
        return replace(
            self,
            boxes_xyxy=self.boxes_xyxy[index],
            scores=self.scores[index],
            class_ids=self.class_ids[index],
        )

    def above(self, score: float) -> Detections:
        """Boxes with at least this score (0..1)."""
        return self.pick(self.scores >= np.float32(score))

    def suppress(self, iou: float, class_agnostic: bool = True) -> Detections:
        """Greedy suppression of boxes that overlap a better one by more than `iou` (0..1).

        Class-agnostic by default: two classes that fire on one object are one object to a reader.
        """
        classes = None if class_agnostic else self.class_ids
        return self.pick(non_maximum_suppression(self.boxes_xyxy, self.scores, iou, classes))

    def only(self, names: Iterable[str]) -> Detections:
        """Boxes of these classes; no names at all means no filter."""
        wanted = set(names)
        return self.pick(np.asarray([name in wanted for name in self.names], bool)) if wanted else self

    def first(self, k: int) -> Detections:
        """The `k` boxes with the best scores."""
        return self.pick(np.arange(min(max(k, 0), len(self))))

    def select(self, score: float, iou: float, only: Iterable[str] = (), limit: int = 100) -> Detections:
        """What is shown of the candidates: threshold, suppression, at most `limit` (COCO's 100), class filter."""
        return self.above(score).suppress(iou).first(limit).only(only)

    def counts(self) -> dict[str, int]:
        """How many boxes each class has, most frequent first, then by name."""
        return dict(sorted(Counter(self.names).items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class PipelineResult:
    """Detect-then-classify: each object with a label list of its own.

    Attributes:
        detections: the objects that were cropped, N of them.
        labels: one `Classification` an object, in the order of the boxes.
        timing: both stages together; `classify_timing` is the second stage alone.
    """

    detections: Detections
    labels: tuple[Classification, ...]
    timing: Timing
    classify_timing: Timing
    model: str = ""

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.detections):
            raise ValueError(f"{len(self.labels)} label lists for {len(self.detections)} objects")


ResizeMode = Literal["crop", "squash", "shortest", "letterbox"]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a picture becomes a network's input, as plain values.

    Attributes:
        mode: `crop`: shortest edge to `resize_px`, then the centre `size_px` square (classifiers);
            `squash`: both edges to `size_px` whatever the aspect; `shortest`: shortest edge to `size_px`, longest
            at most `max_size_px`, aspect kept; `letterbox`: longest edge to `size_px`, aspect kept, padded at the
            right and bottom with `pad_value`.
        size_px: the network's input edge.
        interpolation: `bilinear` or `bicubic`, antialiased.
        mean, std: subtracted and divided, of RGB 0..1. Detectors normalise inside, so theirs are 0 and 1.
    """

    mode: ResizeMode
    size_px: int
    resize_px: int | None = None
    max_size_px: int | None = None
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pad_value: int = 114


WeightsKind = Literal["embedded", "download", "none"]


@dataclass(frozen=True, kw_only=True)
class WeightsSource:
    """Where pretrained weights come from and how they are known to be the right ones.

    Attributes:
        kind: `embedded` (on disk with the project), `download` (on first use), `none` (train from scratch).
        file_name: the file's name in the cache or the package.
        url: address of a download. huggingface.co addresses honour `HF_ENDPOINT`.
        size_bytes: size of the download as published, or None when unknown.
        sha256: expected digest, or its first 8 hexadecimal digits (torchvision's file names carry those);
            None when only the server's answer tells it.
        trained_on: e.g. "ImageNet-1k", "COCO 2017".
    """

    kind: WeightsKind
    file_name: str = ""
    url: str = ""
    size_bytes: int | None = None
    sha256: str | None = None
    trained_on: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model of the catalogue: what it is, what it may be used for, and how to build it.

    Attributes:
        name: the builder's own name, as typed on the command line.
        title: how people call it.
        summary: one plain sentence on how it works; `suits`: one on whom it suits.
        parameters: number of weights with its published classes.
        input_size_px: edge of the input it was designed for.
        build: `build(num_classes)` returns a fresh torch module; a detector's is a
            `vision_core.models.detectors.Detector` and counts foreground classes only.
        multi_label: a classifier whose every class is a yes or no of its own (only runs are).
        temperature: what a classifier's logits are divided by before they become scores (only runs keep one).
    """

    name: str
    title: str
    task: Task
    family: str
    source: Source
    year: int
    summary: str
    suits: str
    parameters: int
    input_size_px: int
    code_licence: str
    weights_licence: str
    weights: WeightsSource
    preprocessing: Preprocessing
    class_names_key: Literal["imagenet", "coco", "none"]
    build: Callable[[int], Any] = field(repr=False, compare=False)
    multi_label: bool = False
    temperature: float = 1.0
