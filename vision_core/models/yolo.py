"""YOLOv9 and YOLOX through libreyolo (MIT), behind the common face. No AGPL code is involved.

libreyolo's own trainer and wrappers are not used: its networks are plain modules. The package is imported only when
such a model is built, since it takes seconds and brings OpenCV along.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vision_core.errors import ModelError
from vision_core.models.detectors import Candidates, Detector, best_scores, inside_image, pad_batch

if TYPE_CHECKING:
    from collections.abc import Callable

_STRIDE = 32
_PAD_VALUE = 114 / 255
_STRIDES = [8, 16, 32]


@dataclass(frozen=True)
class _Decoded:
    boxes: Tensor  # (B, A, 4) xyxy, pixels
    scores: Tensor  # (B, A, K)
    sizes_hw: list[tuple[int, int]]


class YOLODetector(Detector):
    """What both families share: padding, and one row of labels a box."""

    def _batch(self, images: Sequence[Tensor]) -> Tensor:
        return pad_batch(images, _STRIDE, value=_PAD_VALUE)

    def decode(self, outputs: _Decoded, min_score: float = 0.05, limit: int = 1000) -> list[Candidates]:
        found = []
        for boxes, scores, size_hw in zip(outputs.boxes, outputs.scores, outputs.sizes_hw, strict=True):
            chosen, values, labels = best_scores(scores, min_score, limit)
            found.append(inside_image(boxes[chosen], values, labels, size_hw))
        return found


class YOLOv9Detector(YOLODetector):
    """YOLOv9: one head over three feature maps, each box side a small distribution."""

    def forward(self, images: Sequence[Tensor]) -> _Decoded:
        predictions = self.network(self._batch(images))["predictions"].float()  # (B, 4 + K, A)
        boxes, scores = predictions.transpose(1, 2).split([4, self.num_classes], dim=2)
        return _Decoded(boxes, scores, _sizes(images))

    def losses(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        self._expect(training=True)
        batch = self._batch(images)
        scale = batch.new_tensor([batch.shape[3], batch.shape[2]] * 2)
        rows = _label_rows([t["boxes"] / scale for t in targets], targets)
        parts = self.network(batch, rows)
        names = {"box": "box_loss", "distribution": "dfl_loss", "class": "cls_loss", "loss": "total_loss"}
        return {ours: parts[theirs] for ours, theirs in names.items()}


class YOLOXDetector(YOLODetector):
    """YOLOX: anchor-free, with a score for "is there anything" beside the classes'."""

    def _batch(self, images: Sequence[Tensor]) -> Tensor:
        return super()._batch(images).flip(1) * 255  # its weights know BGR 0..255

    def forward(self, images: Sequence[Tensor]) -> _Decoded:
        from libreyolo.postprocess.yolox import decode_outputs

        outputs = decode_outputs([level.float() for level in self.network(self._batch(images))], _STRIDES)
        centres, sides, objectness, classes = outputs.split([2, 2, 1, self.num_classes], dim=2)
        boxes = torch.cat([centres - sides / 2, centres + sides / 2], dim=2)
        return _Decoded(boxes, objectness * classes, _sizes(images))

    def losses(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        self._expect(training=True)
        boxes = [torch.cat([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], 1) for b in (t["boxes"] for t in targets)]
        parts = self.network(self._batch(images), _label_rows(boxes, targets))
        names = {"box": "iou_loss", "objectness": "obj_loss", "class": "cls_loss", "loss": "total_loss"}
        return {ours: parts[theirs] for ours, theirs in names.items()}


def _sizes(images: Sequence[Tensor]) -> list[tuple[int, int]]:
    return [(image.shape[1], image.shape[2]) for image in images]


def _label_rows(boxes: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> Tensor:
    """Rows `(B, M, 5)` of class and box, filled up with zeros; M is the most boxes any picture of the batch has.

    libreyolo's own trainer always fills up to 300 rows, which makes a step on a CPU up to three times as slow.
    """
    rows = [torch.cat([t["labels"][:, None].to(b), b], dim=1) for t, b in zip(targets, boxes, strict=True)]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def build_yolov9(size: str, num_classes: int) -> YOLOv9Detector:
    """YOLOv9 of that size ("t", "s", "m", "c") with fresh weights.

    Raises:
        ModelError: libreyolo, or a library it needs, is not installed.
    """
    network: Any = _import_network("yolo9", "LibreYOLO9Model")(config=size, nb_classes=num_classes)
    network.head.dynamic = True  # never keep an anchor grid from one mode, size or device for another
    return YOLOv9Detector(network, num_classes)


def build_yolox(size: str, num_classes: int) -> YOLOXDetector:
    """YOLOX of that size ("n", "t", "s", "m", "l", "x") with fresh weights; raises as `build_yolov9`."""
    network: Any = _import_network("yolox", "LibreYOLOXModel")(config=size, nb_classes=num_classes)
    network.init_weights()
    return YOLOXDetector(network, num_classes)


def _import_network(family: str, name: str) -> Callable[..., nn.Module]:
    from importlib import import_module

    try:
        return getattr(import_module(f"libreyolo.models.{family}.nn"), name)
    except ImportError as error:
        raise ModelError(
            f"YOLO models need libreyolo, which cannot be imported ({error}); install it with "
            "'pip install libreyolo', or choose another detector such as ssdlite320_mobilenet_v3_large."
        ) from error


def own_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A published checkpoint under today's names, without the auxiliary branch that only training uses."""
    named = {re.sub(r"^detect\.", "head.", key): tensor for key, tensor in state.items()}
    return {key: value for key, value in named.items() if not key.startswith(("aux.", "aux_head."))}
