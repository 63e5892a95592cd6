"""The embedded detector: SSDLite on MobileNetV2, a port of TensorFlow's `ssdlite_mobilenet_v2_coco` to PyTorch.

Sources: Sandler et al. 2018, "MobileNetV2" (arXiv:1801.04381), section 6.2, and the published pipeline configuration
of the TensorFlow Object Detection API for sizes, anchors and losses. Batch norm is folded into the convolutions of
the published weights, so the network has none: it is meant to be fine-tuned rather than trained from nothing.

Module names are those of the weights file. Class scores are sigmoids, as published: two classes can fire on one
object, and column 0 (background) is trained but never shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.ops import box_iou

from vision_core.models.detectors import Candidates, Detector, best_scores, inside_image, pad_batch, with_total
from vision_core.models.label_names import coco_label_of_id

# Expansion, output channels, repeats, first stride: table 2 of the paper.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_TAPPED_BLOCK = 13
_HEAD_CHANNELS = 1280
_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_ASPECTS = (1.0, 2.0, 0.5, 3.0, 0.3333)
_MATCH_IOU = 0.5
_NEGATIVES_PER_POSITIVE = 3
_FRESH_STD, _FRESH_SCORE = 0.01, 0.01  # of the class outputs, as in RetinaNet (arXiv:1708.02002, section 4.1)
_MIN_NEGATIVES = 3  # a picture without boxes still teaches what is not an object


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding, for kernels 1 and 3 and strides 1 and 2.

    At stride 2 an even edge wants its only row of padding at the end, which torch cannot do by itself. Two rows on
    both ends put one output too many in front, and each other one in its place: cheaper than a padded copy.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups)
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]  # there always is a bias

    def forward(self, input: Tensor) -> Tensor:
        if self.stride[0] == 1:
            return super().forward(input)
        down, right = (1 - edge % 2 for edge in input.shape[-2:])
        padding = (1 + down, 1 + right)
        wide = F.conv2d(input, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return wide[:, :, down:, right:]


def _activated(layer: nn.Module, x: Tensor) -> Tensor:
    """ReLU6 of a convolution: in place, but for a cut-out, which becomes dense that way."""
    return F.relu6(layer(x), inplace=layer.stride == (1, 1))


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow; added to the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.expand = SameConv(inputs, middle) if expansion > 1 else None
        self.depthwise = SameConv(middle, middle, 3, stride, groups=middle)
        self.project = SameConv(middle, outputs)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output, and its widened activation (which the first detection head looks at)."""
        wide = x if self.expand is None else _activated(self.expand, x)
        out = self.project(_activated(self.depthwise, wide))
        return (out + x if self.is_residual else out), wide


class Extra(nn.Module):
    """Half the size: one more, coarser feature map."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.reduce = SameConv(inputs, middle)
        self.depthwise = SameConv(middle, middle, 3, 2, groups=middle)
        self.expand = SameConv(middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.reduce, self.depthwise, self.expand):
            x = _activated(layer, x)
        return x


class Head(nn.ModuleDict):
    """Boxes and class scores of one feature map."""

    def __init__(self, inputs: int, anchors: int, columns: int) -> None:
        super().__init__()
        self.columns = columns
        for task, outputs in (("box", 4), ("class", columns)):
            self[f"{task}_depthwise"] = SameConv(inputs, inputs, 3, groups=inputs)
            self[task] = SameConv(inputs, anchors * outputs)
        self._start_from_nothing()

    def _start_from_nothing(self) -> None:
        """Fresh outputs say "background" of every anchor: otherwise the first steps only unlearn chance."""
        outputs: dict[str, Any] = {task: self[task] for task in ("box", "class")}
        for layer in outputs.values():
            nn.init.normal_(layer.weight, std=_FRESH_STD)
        likely = torch.full((self.columns,), -math.log((1 - _FRESH_SCORE) / _FRESH_SCORE))
        likely[0] *= -1
        with torch.no_grad():
            bias = outputs["class"].bias
            bias.view(-1, self.columns).copy_(likely.to(bias))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Offsets `(B, A, 4)` ty, tx, th, tw and logits `(B, A, C)`."""
        offsets, logits = (
            self[task](_activated(self[f"{task}_depthwise"], x)).permute(0, 2, 3, 1).flatten(1)
            for task in ("box", "class")
        )
        return offsets.unflatten(1, (-1, 4)), logits.unflatten(1, (-1, self.columns))


class SSDLiteMobileNetV2(nn.Module):
    """The bare network: batches `(B, 3, H, W)` of RGB 0..1 to offsets, logits and the sizes of the feature maps.

    Args:
        columns: class columns, background included.
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        blocks, channels = [], 32
        for expansion, outputs, repeats, stride in _STAGES:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, outputs, expansion, stride if repeat == 0 else 1))
                channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = SameConv(channels, _HEAD_CHANNELS)
        inputs = [_HEAD_CHANNELS, *(outputs for _, outputs in _EXTRAS)]
        self.extras = nn.ModuleList(Extra(n, *widths) for n, widths in zip(inputs, _EXTRAS, strict=False))
        maps = [blocks[_TAPPED_BLOCK].depthwise.in_channels, *inputs]
        self.heads = nn.ModuleList(
            Head(n, len(shapes), columns) for n, shapes in zip(maps, anchor_shapes(), strict=True)
        )

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
        x = _activated(self.stem, batch * 2 - 1)
        maps = []
        for index, block in enumerate(self.blocks):
            x, wide = block(x)
            if index == _TAPPED_BLOCK:
                maps.append(wide)
        maps.append(_activated(self.head, x))
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        offsets, logits = zip(*(head(x) for head, x in zip(self.heads, maps, strict=True)), strict=True)
        return torch.cat(offsets, 1), torch.cat(logits, 1), [(x.shape[2], x.shape[3]) for x in maps]


def anchor_shapes() -> list[list[tuple[float, float]]]:
    """Width and height of the anchors of each of the six feature maps, as fractions of the input."""
    shapes = [[(0.1, 0.1), *(_shape(_SCALES[0], aspect) for aspect in _ASPECTS[1:3])]]
    for scale, following in pairwise(_SCALES[1:]):
        between = math.sqrt(scale * following)
        shapes.append([*(_shape(scale, aspect) for aspect in _ASPECTS), (between, between)])
    return shapes


def _shape(scale: float, aspect: float) -> tuple[float, float]:
    return scale * math.sqrt(aspect), scale / math.sqrt(aspect)


def make_anchors(map_sizes_hw: Sequence[tuple[int, int]], width: int, height: int) -> Tensor:
    """Anchors `(A, 4)` xyxy in pixels of an input of that size, in the order of the network's outputs."""
    anchors = []
    for (rows, columns), shapes in zip(map_sizes_hw, anchor_shapes(), strict=True):
        y = (torch.arange(rows, dtype=torch.float32) + 0.5) / rows
        x = (torch.arange(columns, dtype=torch.float32) + 0.5) / columns
        centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[:, :, None]
        halves = torch.tensor(shapes) / 2
        anchors.append(torch.cat([centres - halves, centres + halves], dim=-1).reshape(-1, 4))
    return torch.cat(anchors) * torch.tensor([width, height, width, height])


@dataclass(frozen=True)
class _Outputs:
    offsets: Tensor  # (B, A, 4) tx, ty, tw, th
    logits: Tensor  # (B, A, C)
    anchors: Tensor  # (A, 4) xyxy, pixels
    sizes_hw: list[tuple[int, int]]


class SSDLiteDetector(Detector):
    """`SSDLiteMobileNetV2` behind the common face.

    Args:
        label_of: the label of each class column, -1 for background and unused ids.
    """

    label_of: Tensor
    column_of: Tensor

    def __init__(self, label_of: list[int]) -> None:
        columns = [column for column, label in enumerate(label_of) if label >= 0]
        super().__init__(SSDLiteMobileNetV2(len(label_of)), len(columns))
        self.register_buffer("label_of", torch.tensor(label_of, device="cpu"), persistent=False)
        self.register_buffer("column_of", torch.tensor(columns, device="cpu"), persistent=False)
        self._coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        self._matcher = SSDMatcher(_MATCH_IOU)
        self._anchors: dict[tuple[object, ...], Tensor] = {}

    def forward(self, images: Sequence[Tensor]) -> _Outputs:
        batch = pad_batch(images, divisor=1, value=0.5)  # mid grey is this network's zero
        offsets, logits, map_sizes = self.network(batch)
        anchors = self._anchors_for(map_sizes, batch)
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        return _Outputs(offsets.float()[..., [1, 0, 3, 2]], logits.float(), anchors, sizes)

    def _anchors_for(self, map_sizes_hw: list[tuple[int, int]], batch: Tensor) -> Tensor:
        key = (batch.shape[2], batch.shape[3], batch.device)
        anchors = self._anchors.get(key)
        if anchors is None:
            with torch.inference_mode(False):  # kept for a later training pass too
                anchors = make_anchors(map_sizes_hw, batch.shape[3], batch.shape[2]).to(batch.device)
            self._anchors = {key: anchors}  # the latest size only: nothing to bound
        return anchors

    def decode(self, outputs: _Outputs, min_score: float = 0.05, limit: int = 1000) -> list[Candidates]:
        found = []
        for offsets, logits, size_hw in zip(outputs.offsets, outputs.logits, outputs.sizes_hw, strict=True):
            chosen, scores, labels = best_scores(logits.sigmoid(), min_score, limit, self.label_of)
            boxes = self._coder.decode_single(offsets[chosen], outputs.anchors[chosen])
            found.append(inside_image(boxes, scores, labels, size_hw))
        return found

    def losses(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """As published: smooth L1 on matched anchors, sigmoid cross-entropy with hard negatives 3 to 1."""
        self._expect(training=True)
        outputs = self(images)
        matched = [self._match(target["boxes"], outputs.anchors) for target in targets]
        positives = max(1, sum(int((match >= 0).sum()) for match in matched))
        boxes, classes = [], []
        for offsets, logits, target, match in zip(outputs.offsets, outputs.logits, targets, matched, strict=True):
            mine = match >= 0
            wanted = self._coder.encode_single(target["boxes"][match[mine]].float(), outputs.anchors[mine])
            boxes.append(F.smooth_l1_loss(offsets[mine], wanted, reduction="sum"))
            columns = torch.zeros_like(match)
            columns[mine] = self.column_of[target["labels"][match[mine]]]
            classes.append(_class_loss(logits, columns))
        parts = {"box": boxes, "class": classes}
        return with_total({name: torch.stack(part).sum() / positives for name, part in parts.items()})

    def _match(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        """For each anchor the index of its box, or a negative number."""
        if len(boxes) == 0:
            return torch.full((len(anchors),), -1, dtype=torch.int64, device=anchors.device)
        return self._matcher(box_iou(boxes.float(), anchors))


def _class_loss(logits: Tensor, columns: Tensor) -> Tensor:
    """Sigmoid cross-entropy summed over all matched anchors and the unmatched ones that look worst.

    Mining as torchvision's `SSD.compute_loss`, which uses softmax; the published scores are sigmoids.

    Args:
        logits: `(A, C)`; columns: `(A,)` int64, 0 where nothing was matched.
    """
    wanted = F.one_hot(columns, logits.shape[1]).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(dim=1)
    mine = columns > 0
    negatives = max(_MIN_NEGATIVES, _NEGATIVES_PER_POSITIVE * int(mine.sum()))
    return loss[mine].sum() + loss[~mine].topk(min(negatives, int((~mine).sum()))).values.sum()


def build(num_classes: int | None) -> SSDLiteDetector:
    """The embedded detector with fresh weights.

    Args:
        num_classes: foreground classes; None: the published head with its 91 COCO columns, behind 80 labels.
    """
    return SSDLiteDetector(coco_label_of_id() if num_classes is None else list(range(-1, num_classes)))
