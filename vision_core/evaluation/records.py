"""What a network said of pictures whose answers are known: arrays that every figure of the evaluation starts from.

    results.scores, results.shown                       # a classifier's
    results.found.boxes_xyxy, results.truth.labels      # a detector's

Pictures are numbered 0..N-1 in the order of `pictures`; boxes of all pictures stand in one array with the number of
their picture beside them, so that a hundred thousand of them are one array and not a hundred thousand objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vision_core.errors import DataError

if TYPE_CHECKING:
    from vision_core.types import Task


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassificationResults:
    """What a classifier said.

    Attributes:
        pictures: `(N,)` paths within the data set, for people and for pairing two runs.
        class_names: `(K,)`.
        logits: `(N, K)` float32, before softmax (or sigmoid) and before any temperature.
        targets: `(N,)` int64 class ids, or `(N, K)` bool where a picture may show several classes or none.
        multi_label: whether each class is a yes or no of its own.
        temperature: what logits are divided by before they become scores; 1 leaves them as they were trained.
    """

    pictures: tuple[str, ...]
    class_names: tuple[str, ...]
    logits: np.ndarray
    targets: np.ndarray
    multi_label: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        shape = (len(self.pictures), len(self.class_names))
        wanted = shape if self.multi_label else shape[:1]
        if self.logits.shape != shape or self.targets.shape != wanted:
            raise DataError(
                f"{shape[0]} pictures of {shape[1]} classes do not go with logits of shape {self.logits.shape} and "
                f"targets of shape {self.targets.shape}."
            )

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def task(self) -> Task:
        return "classification"

    @cached_property
    def scores(self) -> np.ndarray:
        """`(N, K)` float64, 0..1: softmax over the classes, or each class's sigmoid where `multi_label`."""
        from scipy.special import expit, softmax

        logits = self.logits.astype(np.float64) / self.temperature
        return expit(logits) if self.multi_label else softmax(logits, axis=1)

    @cached_property
    def shown(self) -> np.ndarray:
        """`(N, K)` bool: which classes each picture shows."""
        if self.multi_label:
            return self.targets.astype(bool)
        shown = np.zeros(self.logits.shape, bool)
        shown[np.arange(len(self)), self.targets] = True
        return shown

    def take(self, rows: np.ndarray) -> ClassificationResults:
        """Some of the pictures, in that order; one may come several times."""
        pictures = tuple(self.pictures[row] for row in rows.tolist())
        return replace(self, pictures=pictures, logits=self.logits[rows], targets=self.targets[rows])

    def at_temperature(self, temperature: float) -> ClassificationResults:
        """The same answers with their confidence rescaled."""
        return replace(self, temperature=temperature)


@dataclass(frozen=True, eq=False)
class TrueBoxes:
    """The boxes that are right, of all pictures.

    Attributes:
        picture: `(T,)` int64, number of the picture, not decreasing.
        boxes_xyxy: `(T, 4)` float64 in the picture's pixels.
        labels: `(T,)` int64.
        crowd: `(T,)` bool: a region of many, which COCO neither asks for nor counts against anybody.
    """

    picture: np.ndarray
    boxes_xyxy: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.picture)


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """The boxes that a detector found, of all pictures, after suppression.

    Attributes:
        picture: `(M,)` int64, number of the picture, not decreasing.
        boxes_xyxy: `(M, 4)` float64 in the picture's pixels.
        scores: `(M,)` float64, falling within a picture.
        labels: `(M,)` int64.
    """

    picture: np.ndarray
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.picture)

    def above(self, score: float) -> FoundBoxes:
        """Those at or above a score."""
        kept = self.scores >= score
        return FoundBoxes(self.picture[kept], self.boxes_xyxy[kept], self.scores[kept], self.labels[kept])


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectionResults:
    """What a detector found.

    Attributes:
        pictures: `(N,)` paths within the data set.
        class_names: `(K,)`; labels are places in it.
        sizes_px: `(N, 2)` int64, width and height of each picture.
        truth, found: what is there, and what was found.
    """

    pictures: tuple[str, ...]
    class_names: tuple[str, ...]
    sizes_px: np.ndarray
    truth: TrueBoxes
    found: FoundBoxes

    def __post_init__(self) -> None:
        if self.sizes_px.shape != (len(self.pictures), 2):
            raise DataError(f"{len(self.pictures)} pictures do not go with sizes of shape {self.sizes_px.shape}.")

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def task(self) -> Task:
        return "detection"

    def take(self, rows: np.ndarray) -> DetectionResults:
        """Some of the pictures, in that order; one may come several times and then counts as several pictures."""
        truth, of_truth = _of_pictures(self.truth.picture, rows, len(self))
        found, of_found = _of_pictures(self.found.picture, rows, len(self))
        t, f = self.truth, self.found
        return replace(
            self,
            pictures=tuple(self.pictures[row] for row in rows.tolist()),
            sizes_px=self.sizes_px[rows],
            truth=TrueBoxes(of_truth, t.boxes_xyxy[truth], t.labels[truth], t.crowd[truth]),
            found=FoundBoxes(of_found, f.boxes_xyxy[found], f.scores[found], f.labels[found]),
        )


Results = ClassificationResults | DetectionResults


def _of_pictures(picture: np.ndarray, rows: np.ndarray, pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the boxes of these pictures, and the new number of each one's picture."""
    starts = np.searchsorted(picture, np.arange(pictures + 1))
    counts = (starts[1:] - starts[:-1])[rows]
    new = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(new)) - np.repeat(np.cumsum(counts) - counts, counts)
    return starts[rows][new] + within, new


def join_boxes(parts: Sequence[np.ndarray], width: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Arrays of single pictures as one, and the number of each row's picture.

    Args:
        width: columns of each part; 0 for parts of one dimension.
    """
    picture = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    empty = np.zeros((0, width) if width else 0)
    return np.concatenate([empty, *parts]), picture.astype(np.int64)
