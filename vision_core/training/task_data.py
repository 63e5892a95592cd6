"""A data set as a task sees it: which pictures to learn from, which to judge by, and what is right for each.

    data = prepare(config)
    data.rows["train"], data.class_names, data.targets(rows)

What cannot work is refused here, before anything is trained, with the reason and the way out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from vision_core.data.duplicates import groups
from vision_core.data.formats import measure, read_dataset
from vision_core.data.index import DatasetIndex
from vision_core.data.index.tables import contents
from vision_core.data.library import get_dataset, list_datasets
from vision_core.data.splits import assign_splits
from vision_core.data.tasks import as_classification, as_objects, crop_sources
from vision_core.errors import DataError
from vision_core.settings import ensure_folder, settings
from vision_core.training.config import TrainConfig
from vision_core.types import Task

SHARES = {"train": 0.85, "val": 0.15}
"""Of the training pictures, where nothing was set aside to judge by."""
MIN_PICTURES = 2

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
                labelled &= _label_counts(self.index) == 1
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
        shown = self._shown()[self.rows["train"]]
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
        shown = self._shown()[self.rows["train"]]
        return np.maximum((shown * factor).max(axis=1, initial=0), 1.0)

    def _shown(self) -> np.ndarray:
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
        digest.update(_files(self.index, with_times))
        return digest.hexdigest()

    def shown_rows(self, count: int = 8) -> np.ndarray:
        """A few pictures to watch the network on: of the validation split, of as many classes as can be."""
        rows = self.rows["val"]
        random = np.random.default_rng(self.seed).permutation(len(rows))
        shown, seen, chosen = self._shown(), np.zeros(len(self.class_names), bool), []
        for fresh in (True, False):
            for row in rows[random].tolist():
                if len(chosen) < count and row not in chosen and (not fresh or (shown[row] & ~seen).any()):
                    chosen.append(row)
                    seen |= shown[row]
        return np.array(chosen, np.int64)


def prepare(config: TrainConfig, kept: Path | None = None, progress: Stage | None = None) -> TaskData:
    """The data of a configuration, with splits, ready for its task.

    Args:
        kept: folder of an index that an earlier call saved here; the very same pictures and splits are used again.

    Raises:
        DataError: there is no such data set, it cannot be read, or the task cannot be learned from it.
    """
    if kept is not None and (kept / "index.json").is_file():
        index = DatasetIndex.load(kept)
    else:
        # Pictures are divided before anything is cut out of them: crops of one picture stay on one side.
        index = _for_share(_with_splits(open_data(config.data, progress), config.seed, progress), config)
        if kept is not None:
            index.save(kept)
    multi_label = config.task == "classification" and bool((_label_counts(index) != 1)[_labelled(index)].any())
    data = TaskData(
        index,
        config.task,
        _classes(index, config),
        multi_label,
        config.data_fraction,
        config.seed,
        is_share=_shared_before(config),
    )
    _check(data)
    return data


def open_data(name: str, progress: Stage | None) -> DatasetIndex:
    """A data set of the workspace by id or name, or a folder or archive."""
    for dataset in list_datasets():
        if name in (dataset.id, dataset.name):
            return get_dataset(dataset.id).index()
    path = Path(name)
    if not path.exists():
        known = ", ".join(repr(dataset.name) for dataset in list_datasets()) or "none"
        raise DataError(f"There is no data set {name!r}: name a folder, an archive, or one of the workspace ({known}).")
    report = None if progress is None else (lambda done, total: progress("Reading annotations", done, total))
    return measure(read_dataset(path.resolve(), progress=report))


def _shared_before(config: TrainConfig) -> bool:
    """Whether the share of the pictures is taken before their labels are changed, since they no longer show then what
    a detector of classes would learn from."""
    return (config.task, config.labels_from) in (("classification", "crops"), ("detection", "objects"))


def _for_share(index: DatasetIndex, config: TrainConfig) -> DatasetIndex:
    """As `for_task`; of crops and of objects without classes, those of the pictures alone that a detector of classes
    would learn from with this share and seed."""
    found = for_task(index, config)
    if not _shared_before(config) or config.data_fraction == 1:
        return found
    classes = tuple(index.class_names)
    learned = TaskData(index, "detection", classes, False, config.data_fraction, config.seed).rows["train"]
    training = np.array(found.images["split"].to_pylist(), object) == "train"
    pictures = crop_sources(found) if config.labels_from == "crops" else np.arange(len(found))
    return found.take(np.flatnonzero(~training | np.isin(pictures, learned)))


def for_task(index: DatasetIndex, config: TrainConfig) -> DatasetIndex:
    """The data set with the labels that the task learns from, as `config.labels_from` says.

    Raises:
        DataError: it has none of the kind.
    """
    if config.task == "detection":
        if not index.has_boxes:
            raise DataError(
                f"{config.data!r} has no boxes, and a detector needs them, to learn and to be judged by: draw some, or "
                "choose data that has them."
            )
        return as_objects(index) if config.labels_from == "objects" else index
    how = config.labels_from
    if how == "auto":
        how = "labels" if index.has_labels or not index.has_boxes else "presence"
    if how == "labels":
        if not index.has_labels:
            raise DataError(f"{config.data!r} has no labels of whole pictures; set labels_from to 'presence'.")
        return index
    if how == "presence" or how == "majority":
        return as_classification(index, how)
    folder = settings().home / "crops" / _identity(index)
    with FileLock(ensure_folder(folder.parent) / f"{folder.name}.lock"):  # two runs may want the same crops
        if not (folder / "index.json").is_file():
            as_classification(index, "crops", folder)
        return DatasetIndex.load(folder)


def _files(index: DatasetIndex, with_times: bool) -> bytes:
    """Size, and time of change where it is wanted, of every picture's file."""
    said = []
    for row in range(len(index)):
        try:
            found = index.path(row).stat()
            said.append(f"{found.st_size}{found.st_mtime_ns if with_times else ''}")
        except OSError:
            said.append("-")
    return "".join(said).encode()


def _identity(index: DatasetIndex) -> str:
    digest = hashlib.sha256(json.dumps([str(index.root), index.class_names]).encode())
    for table in (index.images, index.boxes):
        for part in contents(table):
            digest.update(part)
    digest.update(_files(index, with_times=True))
    return digest.hexdigest()[:24]


def _with_splits(index: DatasetIndex, seed: int, progress: Stage | None) -> DatasetIndex:
    """Every picture in a split, and some in `val`; given splits are kept, copies stay together."""
    report = None if progress is None else (lambda done, total: progress("Looking for copies", done, total))
    splits = np.array(index.images["split"].to_pylist(), object)
    if not (splits == "").any() and (splits == "val").any():
        return index
    alike = groups(index, report)
    if (splits == "").any():
        index = assign_splits(index, seed=seed, groups=alike)
        splits = np.array(index.images["split"].to_pylist(), object)
    if not (splits == "val").any():
        rows = np.flatnonzero(splits == "train")
        blank = index.take(rows).with_splits([""] * len(rows))
        divided = assign_splits(blank, SHARES, seed, alike[rows])
        splits[rows] = np.array(divided.images["split"].to_pylist(), object)
        index = index.with_splits(splits.tolist())
    return index


def _label_counts(index: DatasetIndex) -> np.ndarray:
    """`(pictures,)` int64: labels of each picture; 0 where nobody labelled it."""
    rows, _ = index.label_pairs()
    return np.bincount(rows, minlength=len(index))


def _labelled(index: DatasetIndex) -> np.ndarray:
    return index.images["labels"].is_valid().to_numpy()


def _classes(index: DatasetIndex, config: TrainConfig) -> tuple[str, ...]:
    """The classes that any picture of the task shows."""
    ids = index.box_column("class_id") if config.task == "detection" else index.label_pairs()[1]
    if ((ids < 0) | (ids >= len(index.class_names))).any():
        raise DataError("Some labels are of classes without a name: mend 'unknown_class' with the doctor first.")
    used = np.unique(ids).tolist()
    return tuple(index.class_names[class_id] for class_id in used)


def _check(data: TaskData) -> None:
    """Refuses what cannot be learned."""
    for split in ("train", "val"):
        count = len(data.rows.get(split, ()))
        if count < MIN_PICTURES:
            raise DataError(
                f"There are {count} labelled pictures to {'learn from' if split == 'train' else 'judge by'} "
                f"(split {split!r}); at least {MIN_PICTURES} are needed: label more, or give them splits."
            )
    if len(data.class_names) < (2 if data.task == "classification" and not data.multi_label else 1):
        raise DataError(
            f"All pictures show {data.class_names[0]!r}: a classifier needs a second class to tell it from."
            if data.class_names
            else "Nothing is labelled in these pictures: label some first."
        )
    shown = data._shown()
    missing = ~shown[data.rows["train"]].any(axis=0)
    for split in ("val", "test"):
        lost = missing & shown[data.rows.get(split, np.zeros(0, np.int64))].any(axis=0)
        if lost.any():
            name = data.class_names[int(np.flatnonzero(lost)[0])]
            raise DataError(
                f"The class {name!r} is in {split!r} but not in "
                + (
                    f"the {data.data_fraction:.0%} of 'train' that are used: set data_fraction higher."
                    if data.data_fraction < 1
                    else "'train': it cannot be learned; add pictures of it to the training split, or have the splits "
                    "made again."
                )
            )
