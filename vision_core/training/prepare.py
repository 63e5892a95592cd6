"""A data set made ready for a task: found, its pictures divided, its labels those that the task learns from.

data = prepare(config)              # a `TaskData`

What cannot work is refused here, before anything is trained, with the reason and the way out.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

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
from vision_core.training.task_data import Stage, TaskData, files_state, label_counts

SHARES = {"train": 0.85, "val": 0.15}
"""Of the training pictures, where nothing was set aside to judge by."""
MIN_PICTURES = 2


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
    multi_label = config.task == "classification" and bool((label_counts(index) != 1)[_labelled(index)].any())
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
    check_data(name)
    path = Path(name)
    report = None if progress is None else (lambda done, total: progress("Reading annotations", done, total))
    return measure(read_dataset(path.resolve(), progress=report))


def check_data(name: str) -> None:
    """Refuses a name that is neither a data set of the workspace nor a file or folder, without reading any.

    Raises:
        DataError: names it.
    """
    known = list_datasets()
    if not Path(name).exists() and not any(name in (dataset.id, dataset.name) for dataset in known):
        names = ", ".join(repr(dataset.name) for dataset in known) or "none"
        raise DataError(f"There is no data set {name!r}: name a folder, an archive, or one of the workspace ({names}).")


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


def _identity(index: DatasetIndex) -> str:
    digest = hashlib.sha256(json.dumps([str(index.root), index.class_names]).encode())
    for table in (index.images, index.boxes):
        for part in contents(table):
            digest.update(part)
    digest.update(files_state(index, with_times=True))
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
    shown = data.shown()
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
