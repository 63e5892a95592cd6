"""A data set as a task sees it: which pictures to learn from, which to judge by, and what is right for each.

data = prepare(config)              # of vision_core.training.prepare
data.rows["train"], data.class_names, data.targets(rows)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.data.index.tables import contents
from vision_core.data.splits import assign_splits
from vision_core.types import Task

Stage = Callable[[str, int, int], None]
FETCHING = "Fetching the weights (MB)"


@dataclass(frozen=True, eq=False)
class TaskData:
    """What a run learns from.

    Attributes:
        index: every picture with its split; labels are those of the task.
        class_names: the classes that are learned, in the order of the network's outputs.
        multi_label: a picture may show several classes, or none.
        notes: plain sentences on what was chosen or left out.
        is_share: the training pictures in `index` are the configured share already.
    """

    index: DatasetIndex
    task: Task
    class_names: tuple[str, ...]
    multi_label: bool
    data_fraction: float
    seed: int
    notes: tuple[str, ...] = ()
    is_share: bool = False

    @cached_property
    def label_of_class(self) -> np.ndarray:
        """`(classes of the index,)` int64: the network's output for each class id, -1 where it is not learned."""
        places = {name: label for label, name in enumerate(self.class_names)}
        return np.array([places.get(name, -1) for name in self.index.class_names], np.int64)

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """Split to the rows of its pictures that are labelled for the task; `train` only the configured share."""
        if self.task == "detection":
            labelled = self.index.image_column("annotated").astype(bool)
        else:
            labelled = self.index.images["labels"].is_valid().to_numpy()
            if not self.multi_label:
                labelled &= label_counts(self.index) == 1
        splits = np.array(self.index.images["split"].to_pylist(), object)
        found = {name: np.flatnonzero(labelled & (splits == name)) for name in self.index.splits if name}
        if self.data_fraction < 1 and not self.is_share and "train" in found:
            found["train"] = self._share(found["train"])
        return found

    def _share(self, rows: np.ndarray) -> np.ndarray:
        """The configured share of these rows, of every class alike; a smaller share is part of a larger one."""
        blank = self.index.take(rows).with_splits([""] * len(rows))
        order = np.zeros(len(rows))
        for level, share in enumerate((0.5, 0.25, 0.125, 0.0625, 0.03125)):  # halves of halves, so that they nest
            kept = np.flatnonzero(order == level)
            part = assign_splits(blank.take(kept), {"more": 0.5, "rest": 0.5}, self.seed)
            more = np.array(part.images["split"].to_pylist(), object) == "more"
            order[kept[more]] = level + 1
            if share < self.data_fraction / 2:
                break
        random = np.random.default_rng(self.seed).random(len(rows))
        ranked = np.lexsort((random, -order))
        return np.sort(rows[ranked[: max(1, round(len(rows) * self.data_fraction))]])

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """What a classifier should say: `(B,)` int64, or `(B, K)` float32 where a picture may show several."""
        return self._targets[rows]

    @cached_property
    def _targets(self) -> np.ndarray:
        rows, ids = self.index.label_pairs()
        labels = self.label_of_class[ids]
        rows, labels = rows[labels >= 0], labels[labels >= 0]
        if self.multi_label:
            wanted = np.zeros((len(self.index), len(self.class_names)), np.float32)
            wanted[rows, labels] = 1
            return wanted
        single = np.full(len(self.index), -1, np.int64)
        single[rows] = labels
        return single

    def class_counts(self) -> np.ndarray:
        """`(K,)` int64: training pictures that show each class."""
        shown = self.shown()[self.rows["train"]]
        return shown.sum(axis=0).astype(np.int64)

    def class_weights(self) -> np.ndarray:
        """`(K,)` float32, mean 1 over the training pictures: inverse to how often each class is shown."""
        counts = np.maximum(1, self.class_counts())
        weights = counts.sum() / (len(counts) * counts)
        return weights.astype(np.float32)

    def row_weights(self) -> np.ndarray:
        """`(train,)` float64: how often to draw each training picture, so that rare classes are seen more.

        Each picture counts as its rarest class, by the square root of how rare that is (Gupta et al. 2019,
        arXiv:1908.03195, repeat factors); a classifier's single labels are drawn evenly.
        """
        counts = np.maximum(1, self.class_counts())
        power = 0.5 if self.task == "detection" or self.multi_label else 1.0
        factor = (counts.max() / counts) ** power
        shown = self.shown()[self.rows["train"]]
        return np.maximum((shown * factor).max(axis=1, initial=0), 1.0)

    def shown(self) -> np.ndarray:
        """`(pictures, K)` bool: which classes each picture shows."""
        if self.task == "classification":
            rows, ids = self.index.label_pairs()
        else:
            rows, ids = self.index.box_column("image"), self.index.box_column("class_id")
        labels = self.label_of_class[ids]
        shown = np.zeros((len(self.index), len(self.class_names)), bool)
        shown[rows[labels >= 0], labels[labels >= 0]] = True
        return shown

    def size_px(self, row: int) -> tuple[int, int]:
        """Width and height of an upright picture."""
        images = self.index.images
        return images["width_px"][row].as_py(), images["height_px"][row].as_py()

    def annotations(self, row: int) -> list[dict[str, Any]]:
        """The boxes of a picture as COCO annotations, without ids."""
        record = self.index.record(row)
        boxes = np.zeros((0, 4), np.float32) if record.boxes_xyxy is None else record.boxes_xyxy
        found = []
        for box, class_id, crowd in zip(boxes, record.class_ids, record.crowd, strict=True):
            left, top, right, bottom = map(float, box)
            width, height = right - left, bottom - top
            label = int(self.label_of_class[class_id])
            about = {"category_id": label, "bbox": [left, top, width, height], "area": width * height}
            found.append(about | {"iscrowd": int(crowd)})
        return found

    def fingerprint(self, with_times: bool = False) -> str:
        """64 hexadecimal digits that differ when pictures, labels, boxes or splits do.

        Args:
            with_times: files count by size and time of change; else by size alone, which a copy does not alter.
        """
        digest = hashlib.sha256(json.dumps([self.class_names, self.multi_label]).encode())
        for table in (self.index.images, self.index.boxes):
            for part in contents(table):
                digest.update(part)
        digest.update(files_state(self.index, with_times))
        return digest.hexdigest()

    def shown_rows(self, count: int = 8) -> np.ndarray:
        """A few pictures to watch the network on: of the validation split, of as many classes as can be."""
        rows = self.rows["val"]
        random = np.random.default_rng(self.seed).permutation(len(rows))
        shown, seen, chosen = self.shown(), np.zeros(len(self.class_names), bool), []
        for fresh in (True, False):
            for row in rows[random].tolist():
                if len(chosen) < count and row not in chosen and (not fresh or (shown[row] & ~seen).any()):
                    chosen.append(row)
                    seen |= shown[row]
        return np.array(chosen, np.int64)


def files_state(index: DatasetIndex, with_times: bool) -> bytes:
    """Size, and time of change where it is wanted, of every picture's file."""
    said = []
    for row in range(len(index)):
        try:
            found = index.path(row).stat()
            said.append(f"{found.st_size}{found.st_mtime_ns if with_times else ''}")
        except OSError:
            said.append("-")
    return "".join(said).encode()


def label_counts(index: DatasetIndex) -> np.ndarray:
    """`(pictures,)` int64: labels of each picture; 0 where nobody labelled it."""
    rows, _ = index.label_pairs()
    return np.bincount(rows, minlength=len(index))
