"""What is learned and how well: one objective a task, the same face for the loop.

objective = objective_for(config, data)
losses = objective.losses(network, objective.inputs(batch, device), objective.targets(batch, device))
found = objective.judge(network, batches, device, autocast)     # losses and metrics on pictures it was not trained on
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vision_core import preprocess
from vision_core.models.detectors import Detector
from vision_core.training import metrics
from vision_core.training.config import TrainConfig
from vision_core.training.feed import Batch
from vision_core.training.metrics import BoxesFound
from vision_core.training.networks import lean_backbone, loss_mode
from vision_core.training.step import free_memory, is_too_much
from vision_core.training.task_data import TaskData
from vision_core.types import Preprocessing

MIN_SCORE = 0.01
MAX_BOXES = 100
SUPPRESS_IOU = 0.6
SHOWN = 0.3
_CANDIDATES = 1000


@dataclass(frozen=True)
class Verdict:
    """How well a network does on pictures it was not trained on.

    Attributes:
        losses: mean losses by name; `loss` is the total.
        metrics: by their usual names, fractions of 1 (see `vision_core.training.metrics`).
        seen: row to what the network said of that picture, in plain values, for pictures asked for.
        rows, logits: a classifier's pictures `(N,)` and what it said of each, `(N, K)` float32.
        found: what a detector found in each picture.
    """

    losses: dict[str, float]
    metrics: dict[str, float]
    seen: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    rows: np.ndarray | None = None
    logits: np.ndarray | None = None
    found: BoxesFound | None = None


class Objective(ABC):
    """One task: what goes in, what it should be, what is wrong with the answer.

    Attributes:
        monitor: the metric that decides which epoch is best; more is better.
    """

    monitor: str

    def __init__(self, config: TrainConfig, data: TaskData, how: Preprocessing) -> None:
        self.config, self.data, self.how = config, data, how

    @abstractmethod
    def inputs(self, batch: Batch, device: torch.device) -> Any:
        """The network's input."""

    @abstractmethod
    def targets(self, batch: Batch, device: torch.device) -> Any:
        """What the network should say."""

    @abstractmethod
    def losses(self, network: nn.Module, inputs: Any, targets: Any) -> dict[str, Tensor]:
        """Scalars by name; `loss` is the one to minimise. A classifier's is the mean over the batch; detectors divide
        by what the batch shows (matched anchors, proposals), each in its own way."""

    @abstractmethod
    def judge(
        self,
        network: nn.Module,
        batches: Callable[[], Generator[Batch, None, None]],
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[None]],
        shown: Iterable[int] = (),
    ) -> Verdict:
        """Losses and metrics over some batches; `shown`: rows whose predictions are wanted too."""

    def judge_in_portions(
        self,
        network: nn.Module,
        plain: Callable[[int], Generator[Any, None, None]],
        size: int,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[None]],
        shown: Iterable[int] = (),
    ) -> Verdict:
        """As `judge`, with fewer pictures at once where memory is too small for `size` of them.

        Args:
            plain: the pictures in batches of so many.
        """
        while True:
            try:
                return self.judge(network, partial(plain, size), device, autocast, shown)
            except Exception as error:
                if not is_too_much(error) or size == 1:
                    raise
            free_memory(device)
            size = math.ceil(size / 2)


class ClassificationObjective(Objective):
    """Which class a picture shows, or which classes."""

    def __init__(self, config: TrainConfig, data: TaskData, how: Preprocessing) -> None:
        super().__init__(config, data, how)
        self.monitor = "map" if data.multi_label else "top1"
        self.class_weights = data.class_weights() if config.balance == "weights" else None

    def inputs(self, batch: Batch, device: torch.device) -> Tensor:
        return preprocess.as_tensor(np.stack(batch.pixels), self.how, device)

    def targets(self, batch: Batch, device: torch.device) -> Tensor:
        """`(B,)` int64 class ids, or `(B, K)` float32 of zeros and ones."""
        return torch.from_numpy(self.data.targets(batch.rows)).to(device, non_blocking=True)

    def losses(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"loss": self.loss_of(network(inputs), targets)}

    def loss_of(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy; over classes, or of each class by itself where a picture may show several.

        Args:
            targets: as `targets` gives them, or `(B, K)` shares that sum to 1 (mixed pictures).
        """
        logits = logits.float()
        weight = None if self.class_weights is None else torch.from_numpy(self.class_weights).to(logits)
        smoothing = self.config.label_smoothing
        if not self.data.multi_label:
            each = F.cross_entropy(logits, targets, weight, label_smoothing=smoothing, reduction="none")
            return each.mean()  # not by the sum of the weights: a batch in portions must weigh the same
        soft = targets * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, soft, weight)

    @torch.no_grad()
    def judge(
        self,
        network: nn.Module,
        batches: Callable[[], Generator[Any, None, None]],
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[None]],
        shown: Iterable[int] = (),
    ) -> Verdict:
        network.eval()
        logits: list[Tensor] = []
        rows: list[np.ndarray] = []
        with closing(batches()) as source:
            for batch in source:
                with autocast():
                    logits.append(network(self.inputs(batch, device)).float().cpu())
                rows.append(batch.rows)
        every, targets = torch.cat(logits), torch.from_numpy(self.data.targets(np.concatenate(rows)))
        scores = every.sigmoid() if self.data.multi_label else every.softmax(dim=1)
        loss = float(self.loss_of(every, targets))
        measured = metrics.multi_label(scores, targets) if self.data.multi_label else metrics.single(scores, targets)
        judged = np.concatenate(rows)
        place = {int(row): at for at, row in enumerate(judged)}
        seen = {row: self._said(scores[place[row]]) for row in shown if row in place}
        return Verdict({"loss": loss}, measured, seen, judged, every.numpy())

    def _said(self, scores: Tensor) -> list[dict[str, Any]]:
        best = scores.topk(min(3, len(scores)))
        names = self.data.class_names
        pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [{"name": names[index], "score": round(value, 4)} for value, index in pairs]


class DetectionObjective(Objective):
    """Which objects a picture shows, and where."""

    monitor = "map"

    def inputs(self, batch: Batch, device: torch.device) -> list[Tensor]:
        if len({pixels.shape for pixels in batch.pixels}) == 1:
            return list(preprocess.as_tensor(np.stack(batch.pixels), self.how, device))
        return [preprocess.as_tensor(pixels[None], self.how, device)[0] for pixels in batch.pixels]

    def targets(self, batch: Batch, device: torch.device) -> list[dict[str, Tensor]]:
        label_of = self.data.label_of_class
        return [
            {
                "boxes": torch.from_numpy(np.asarray(boxes, np.float32)).to(device),
                "labels": torch.from_numpy(label_of[ids]).to(device),
            }
            for boxes, ids in zip(batch.boxes_xyxy, batch.class_ids, strict=True)
        ]

    def losses(self, network: nn.Module, inputs: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        detector: Any = network
        with lean_backbone(detector, inputs[0].device):
            return detector.losses(inputs, targets)

    @torch.no_grad()
    def judge(
        self,
        network: nn.Module,
        batches: Callable[[], Generator[Batch, None, None]],
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[None]],
        shown: Iterable[int] = (),
    ) -> Verdict:
        detector: Any = network
        sums: dict[str, float] = {}
        count, found = 0, BoxesFound(self.data)
        torch.manual_seed(self.config.seed)  # two-stage detectors draw the proposals that their loss looks at
        with closing(batches()) as source:
            for batch in source:
                inputs, targets = self.inputs(batch, device), self.targets(batch, device)
                loss_mode(detector)
                with autocast():
                    losses = self.losses(detector, inputs, targets)
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
                count += len(batch)
                found.add(batch.rows, self._boxes(detector.eval(), inputs, autocast, batch))
        seen = {row: self._said(found.of(row)) for row in shown if found.has(row)}
        means = {name: value / max(1, count) for name, value in sums.items()}
        return Verdict(means, found.score(), seen, found=found)

    def _boxes(
        self, detector: Detector, inputs: list[Tensor], autocast: Callable[..., Any], batch: Batch
    ) -> list[metrics.Boxes]:
        """The best boxes of each picture, in its own pixels."""
        from torchvision.ops import batched_nms

        with autocast(), lean_backbone(detector, inputs[0].device):
            candidates = detector.candidates(inputs, MIN_SCORE, _CANDIDATES)
        boxes = []
        for row, one in zip(batch.rows, candidates, strict=True):
            kept = batched_nms(one.boxes.float(), one.scores.float(), one.labels, SUPPRESS_IOU)[:MAX_BOXES]
            where = preprocess.placement(self.how, *self.data.size_px(int(row)))
            in_picture = where.to_picture(one.boxes[kept].float().cpu().numpy())
            boxes.append(
                metrics.Boxes(in_picture, one.scores[kept].float().cpu().numpy(), one.labels[kept].cpu().numpy())
            )
        return boxes

    def _said(self, boxes: metrics.Boxes) -> list[dict[str, Any]]:
        return [
            {
                "name": self.data.class_names[int(label)],
                "score": round(float(score), 4),
                "box_xyxy": [round(float(edge), 1) for edge in box],
            }
            for box, score, label in zip(boxes.boxes_xyxy, boxes.scores, boxes.labels, strict=True)
            if score >= SHOWN
        ][:30]


def objective_for(config: TrainConfig, data: TaskData, how: Preprocessing) -> Objective:
    """The objective of the configured task."""
    kind = ClassificationObjective if config.task == "classification" else DetectionObjective
    return kind(config, data, how)
