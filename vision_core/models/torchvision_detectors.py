"""torchvision's detectors behind the common face: SSD, RetinaNet and FCOS (one pass), Faster R-CNN (two stages).

Losses are torchvision's own. Candidates are decoded here: torchvision suppresses at the end, and its SSD loops over
90 classes in Python; one threshold over the whole score matrix gives the same boxes sooner. That they are the same
is tested against torchvision's own evaluation pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from vision_core.models.detectors import Candidates, Detector, best_scores, inside_image, pad_batch, with_total
from vision_core.models.label_names import coco_label_of_id

# SSD300's last layers have no padding: a smaller input leaves them nothing to look at.
_SMALLEST_INPUT_PX = {"ssd300_vgg16": 300}


class _AsGiven(GeneralizedRCNNTransform):
    """torchvision's transform without its resize: normalises and pads, since pictures arrive at their size."""

    def __init__(self, original: GeneralizedRCNNTransform, minimum_px: int) -> None:
        super().__init__(
            original.min_size,  # type: ignore[arg-type]  # torchvision keeps a tuple and accepts one
            original.max_size,
            original.image_mean,
            original.image_std,
            original.size_divisible,
        )
        self.minimum_px = minimum_px

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target

    def batch_images(self, images: list[Tensor], size_divisible: int = 32) -> Tensor:
        return pad_batch(images, size_divisible, self.minimum_px)


class TorchvisionDetector(Detector):
    """What torchvision's families share: how our labels lie in the network's output columns.

    Args:
        label_of: `(C,)` label of each output column, -1 where a column is no class (background, an unused id).
        minimum_px: smallest canvas the network works on.
    """

    label_of: Tensor
    column_of: Tensor

    def __init__(self, network: nn.Module, label_of: Tensor, minimum_px: int = 1) -> None:
        columns = (label_of >= 0).nonzero().flatten()
        super().__init__(network, len(columns))
        network.transform = _AsGiven(network.transform, minimum_px)  # type: ignore[arg-type]
        self.register_buffer("label_of", label_of, persistent=False)
        self.register_buffer("column_of", columns[label_of[columns].argsort()], persistent=False)

    def losses(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        self._expect(training=True)
        own = [{"boxes": t["boxes"].reshape(-1, 4), "labels": self.column_of[t["labels"]]} for t in targets]
        return with_total(self.network(list(images), own))


@dataclass(frozen=True)
class _Dense:
    """Outputs of a one-pass detector: B pictures, A anchors, C columns."""

    logits: Tensor  # (B, A, C)
    offsets: Tensor  # (B, A, 4)
    centredness: Tensor | None  # (B, A, 1), FCOS only
    anchors: list[Tensor]  # B times (A, 4)
    sizes_hw: list[tuple[int, int]]


class DenseDetector(TorchvisionDetector):
    """SSD, RetinaNet and FCOS: every anchor of every feature map is scored in one pass."""

    def forward(self, images: Sequence[Tensor]) -> _Dense:
        network: Any = self.network
        batch, _ = network.transform(list(images))
        features = list(network.backbone(batch.tensors).values())
        head = network.head(features)
        anchors = network.anchor_generator(batch, features)
        return _Dense(head["cls_logits"], head["bbox_regression"], head.get("bbox_ctrness"), anchors, batch.image_sizes)

    def decode(self, outputs: _Dense, min_score: float = 0.05, limit: int = 1000) -> list[Candidates]:
        found = []
        for index, (anchors, size_hw) in enumerate(zip(outputs.anchors, outputs.sizes_hw, strict=True)):
            scores, label_of = self._scores(outputs, index)
            chosen, values, labels = best_scores(scores, min_score, limit, label_of)
            boxes = self._boxes(outputs.offsets[index][chosen].float(), anchors[chosen])
            found.append(inside_image(boxes, values, labels, size_hw))
        return found

    def _scores(self, outputs: _Dense, index: int) -> tuple[Tensor, Tensor]:
        """Scores `(A, C)` of one picture, and the label of each column."""
        logits = outputs.logits[index].float()
        if isinstance(self.network, SSD):  # without column 0: background passes any threshold in most anchors
            return logits.softmax(dim=-1)[:, 1:], self.label_of[1:]
        scores = logits.sigmoid()
        if outputs.centredness is not None:
            scores = (scores * outputs.centredness[index].float().sigmoid()).sqrt()
        return scores, self.label_of

    def _boxes(self, offsets: Tensor, anchors: Tensor) -> Tensor:
        coder: Any = self.network.box_coder
        decode = coder.decode if isinstance(self.network, FCOS) else coder.decode_single
        return decode(offsets, anchors)


@dataclass(frozen=True)
class _Proposed:
    """Outputs of a two-stage detector; rows of all pictures one after the other."""

    logits: Tensor  # (P, C)
    offsets: Tensor  # (P, 4 C)
    proposals: list[Tensor]
    sizes_hw: list[tuple[int, int]]


class ProposalDetector(TorchvisionDetector):
    """Faster R-CNN: a first stage proposes regions, a second names and corrects each."""

    def forward(self, images: Sequence[Tensor]) -> _Proposed:
        network: Any = self.network
        batch: ImageList = network.transform(list(images))[0]
        features = network.backbone(batch.tensors)
        proposals, _ = network.rpn(batch, features)
        pooled = network.roi_heads.box_roi_pool(features, proposals, batch.image_sizes)
        logits, offsets = network.roi_heads.box_predictor(network.roi_heads.box_head(pooled))
        return _Proposed(logits, offsets, proposals, batch.image_sizes)

    def decode(self, outputs: _Proposed, min_score: float = 0.05, limit: int = 1000) -> list[Candidates]:
        rows = [len(proposals) for proposals in outputs.proposals]
        scores = outputs.logits.float().softmax(dim=-1)[:, 1:].split(rows)
        offsets = outputs.offsets.float().unflatten(1, (-1, 4)).split(rows)
        coder: Any = self.network.roi_heads.box_coder  # type: ignore[union-attr]
        found = []
        for index, proposals in enumerate(outputs.proposals):
            chosen, values, labels = best_scores(scores[index], min_score, limit, self.label_of[1:])
            boxes = coder.decode_single(offsets[index][chosen, self.column_of[labels]], proposals[chosen])
            found.append(inside_image(boxes, values, labels, outputs.sizes_hw[index]))
        return found


def adapt(network: nn.Module, label_of: Tensor, minimum_px: int = 1) -> TorchvisionDetector:
    """A torchvision detection network behind the common face."""
    kinds = {SSD: DenseDetector, RetinaNet: DenseDetector, FCOS: DenseDetector, FasterRCNN: ProposalDetector}
    for kind, adapter in kinds.items():
        if isinstance(network, kind):
            return adapter(network, label_of, minimum_px)
    raise TypeError(f"no adapter for {type(network).__name__}")


def labels_of_columns(num_classes: int, background: bool) -> Tensor:
    """The label of each output column of a head made for K classes, with or without a background column 0."""
    return torch.arange(num_classes + background, device="cpu") - int(background)


def build(name: str, num_classes: int | None) -> TorchvisionDetector:
    """torchvision's detector `name` with fresh weights.

    Args:
        num_classes: foreground classes; None: the published head with its 91 COCO columns, behind 80 labels.
    """
    background = not name.startswith(("retinanet", "fcos"))
    label_of = (
        torch.tensor(coco_label_of_id(), device="cpu")
        if num_classes is None
        else labels_of_columns(num_classes, background)
    )
    network = get_model(name, weights=None, weights_backbone=None, num_classes=len(label_of))
    return adapt(network, label_of, _SMALLEST_INPUT_PX.get(name, 1))
