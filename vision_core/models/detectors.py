"""The face that every detector of the catalogue shows, whatever library it comes from.

    detector = get_spec("ssdlite320_mobilenet_v3_large").build(3)     # three foreground classes, fresh weights
    detector.losses(images, targets)["loss"].backward()               # in training mode
    detector.eval().candidates(images, min_score=0.3)                 # boxes before suppression

Labels are 0-based and count foreground classes only; a background column, or gaps in a published numbering, stay
inside the adapters. Pictures arrive at the size the network is meant to see (see `Preprocessing`): adapters pad a
batch, they never resize.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SMALLEST_SIDE_PX = 1e-2  # as torchvision's R-CNN: thinner boxes are left over from clipping


@dataclass(frozen=True)
class Candidates:
    """What a detector proposes for one picture, best score first, before the final suppression.

    Attributes:
        boxes: `(N, 4)` float32 x_min, y_min, x_max, y_max in pixels of the tensor given, inside it.
        scores: `(N,)` float32, 0..1.
        labels: `(N,)` int64, 0-based foreground classes.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class Detector(nn.Module, ABC):
    """Any detector: losses from `(images, targets)`, candidates from `images`.

    Attributes:
        network: the module of the library it comes from; its `state_dict()` is what that library loads.
        num_classes: foreground classes, K.
    """

    def __init__(self, network: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.network = network
        self.num_classes = num_classes

    @abstractmethod
    def losses(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """The training losses of a batch, in training mode.

        Args:
            images: tensors `(3, H, W)` float, RGB 0..1; sizes may differ.
            targets: one a picture: `boxes` `(N, 4)` xyxy in its pixels, with positive sides, and `labels` `(N,)`
                int64, 0-based. N may be 0.

        Returns:
            Scalars by name; `loss` is the total to minimise.

        Raises:
            RuntimeError: the detector is in evaluation mode.
        """

    @abstractmethod
    def forward(self, images: Sequence[Tensor]) -> Any:
        """The network's raw outputs, as `decode` understands them; pictures as in `losses`."""

    @abstractmethod
    def decode(self, outputs: Any, min_score: float = 0.05, limit: int = 1000) -> list[Candidates]:
        """Raw outputs of `forward` as candidates, one record a picture."""

    def candidates(self, images: Sequence[Tensor], min_score: float = 0.05, limit: int = 1000) -> list[Candidates]:
        """Boxes that score above `min_score` (0..1), at most `limit` a picture, one record a picture.

        Raises:
            RuntimeError: the detector is in training mode.
        """
        self._expect(training=False)
        return self.decode(self(images), min_score, limit) if images else []

    def _expect(self, training: bool) -> None:
        if self.training != training:
            wanted, method = ("training", "losses") if training else ("evaluation", "candidates")
            raise RuntimeError(f"{method}() needs {wanted} mode: call .{'train' if training else 'eval'}() first")


def with_total(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parts of a loss, and their sum as `loss`."""
    return {**losses, "loss": torch.stack([value.float() for value in losses.values()]).sum()}


def pad_batch(images: Sequence[Tensor], divisor: int, minimum_px: int = 1, value: float = 0.0) -> Tensor:
    """Pictures `(3, H, W)` as one batch `(B, 3, H', W')`, filled up at the right and bottom with `value`.

    H' and W' are the largest edges, at least `minimum_px`, rounded up to a multiple of `divisor`. Pictures that need
    no filling keep their memory layout.
    """
    height, width = (
        math.ceil(max(minimum_px, *(image.shape[axis] for image in images)) / divisor) * divisor for axis in (1, 2)
    )
    padded = [
        image
        if image.shape[1:] == (height, width)
        else F.pad(image, (0, width - image.shape[2], 0, height - image.shape[1]), value=value)
        for image in images
    ]
    return padded[0][None] if len(padded) == 1 else torch.stack(padded)


def best_scores(
    scores: Tensor, min_score: float, limit: int, label_of: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The `limit` best entries above `min_score` in a matrix of anchors x output columns.

    One comparison over the whole matrix and one sort of what is left, so that boxes need decoding for those only.

    Args:
        scores: `(A, C)`, 0..1.
        label_of: `(C,)` the label of each column, -1 for a column that is no class; None: column = label.

    Returns:
        anchor indices, scores (best first) and labels, each `(N,)`.
    """
    anchors, columns = (scores > min_score).nonzero(as_tuple=True)
    labels = columns if label_of is None else label_of[columns]
    if label_of is not None:
        real = labels >= 0
        anchors, columns, labels = anchors[real], columns[real], labels[real]
    values = scores[anchors, columns]
    order = values.argsort(descending=True, stable=True)[:limit]
    return anchors[order], values[order], labels[order]


def inside_image(boxes: Tensor, scores: Tensor, labels: Tensor, size_hw: tuple[int, int]) -> Candidates:
    """Candidates cut at the borders of a picture of that height and width; what has no area left goes."""
    height, width = size_hw
    boxes = boxes.float().clamp(min=0)
    boxes = torch.minimum(boxes, boxes.new_tensor([width, height, width, height]))
    alive = (boxes[:, 2:] - boxes[:, :2] >= _SMALLEST_SIDE_PX).all(dim=1)
    return Candidates(boxes[alive], scores[alive].float(), labels[alive])
