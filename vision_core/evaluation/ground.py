"""The ground on which runs of both tasks stand side by side: the same pictures, the same classes, one truth.

    ground = common_ground([classifier_results, detector_results])
    ground.shown, ground.counts, ground.boxes

A detector's pictures bring their boxes along. Where only classifiers are compared the boxes, if anybody drew some, are
in the data set: `with_boxes(evaluation)` opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.data.wording import plural
from vision_core.errors import DataError, VisionError
from vision_core.evaluation.records import ClassificationResults, DetectionResults, Results, TrueBoxes
from vision_core.vocabulary import covers

if TYPE_CHECKING:
    from vision_core.evaluation.store import Evaluation


@dataclass(frozen=True, eq=False, kw_only=True)
class Ground:
    """What is right of pictures that several runs are asked about.

    Attributes:
        pictures: `(N,)` paths within the data set.
        class_names: `(K,)`.
        shown: `(N, K)` bool: which classes each picture shows.
        boxes: the true boxes of these classes, or None where nobody drew any; labels are places in `class_names`.
        sizes_px: `(N, 2)` width and height of each picture, 0 where nobody measured it; None without boxes.
        notes: plain sentences on what was left out.
    """

    pictures: tuple[str, ...]
    class_names: tuple[str, ...]
    shown: np.ndarray
    boxes: TrueBoxes | None = None
    sizes_px: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def counts(self) -> np.ndarray | None:
        """`(N, K)` int64: objects of each class, crowds not among them; None where nobody drew boxes."""
        if self.boxes is None:
            return None
        single = ~self.boxes.crowd
        return _tally(self.boxes.picture[single], self.boxes.labels[single], self.shown.shape)

    @property
    def countable(self) -> np.ndarray | None:
        """`(N, K)` bool: where the number is known, since no crowd hides some; None where nobody drew boxes."""
        if self.boxes is None:
            return None
        crowd = self.boxes.crowd
        return _tally(self.boxes.picture[crowd], self.boxes.labels[crowd], self.shown.shape) == 0


def common_ground(results: Sequence[Results], index: DatasetIndex | None = None) -> Ground:
    """Pictures that all of these runs were asked about, and classes that each of them can name.

    The truth is that of boxes where there are any: the index's, or else those of the first detector. A picture shows a
    class when it has a box of it, crowds too, as in labels that are derived from boxes. Without boxes the truth is the
    labels of the first classifier, or of the first whose pictures may show several classes.

    Args:
        index: a data set with boxes of these pictures.

    Raises:
        DataError: there is no such picture, or no such class.
    """
    if not results:
        raise DataError("Nothing to compare: choose at least one run.")
    truth = _truth(results, index)
    known = [set(one.pictures) for one in results]
    rows = np.array([row for row, path in enumerate(truth.pictures) if all(path in one for one in known)], np.int64)
    if not len(rows):
        raise DataError(
            "These runs were not judged on the same pictures, so nothing can be set side by side: evaluate them on one "
            "data set and split (crops of objects are pictures of their own)."
        )
    named = [all(columns_of(one.class_names, name) for one in results) for name in truth.class_names]
    labels = np.flatnonzero(named).tolist()
    if not labels:
        raise DataError(
            f"These runs have no class in common; the pictures show {', '.join(truth.class_names[:5])}: "
            "compare runs that know the same names."
        )
    return replace(_taken(truth, rows, np.array(labels, np.int64)), notes=_notes(truth, rows, labels, known))


def columns_of(class_names: Sequence[str], name: str) -> list[int]:
    """Which of a run's classes mean `name`: the one of that very name, or else those that the vocabulary knows."""
    names = {name} if name in class_names else covers(class_names, name)
    return [column for column, own in enumerate(class_names) if own in names]


def with_boxes(evaluation: Evaluation) -> DatasetIndex | None:
    """The data set with the boxes of an evaluation's pictures; None where nobody drew any, where the pictures were cut
    out of those with boxes, or where the data set is gone."""
    from vision_core.training.prepare import open_data

    try:
        index = evaluation.index
        if not index.has_boxes:
            index = open_data(evaluation.data, None)
    except VisionError:
        return None
    if not index.has_boxes or not set(evaluation.results.pictures) <= set(index.images["path"].to_pylist()):
        return None
    return index


def _truth(results: Sequence[Results], index: DatasetIndex | None) -> Ground:
    """What the best source says of all of its pictures and classes."""
    if index is not None and index.has_boxes:
        return _of_index(index)
    classifiers = [one for one in results if isinstance(one, ClassificationResults)]
    for one in results:
        if isinstance(one, DetectionResults) and (len(one.truth) or not classifiers):
            return _of_boxes(one.pictures, one.class_names, one.truth, one.sizes_px)
    labelled = max(classifiers, key=lambda one: one.multi_label)  # the first that knows of several classes a picture
    return Ground(pictures=labelled.pictures, class_names=labelled.class_names, shown=labelled.shown)


def _of_boxes(
    pictures: tuple[str, ...], class_names: tuple[str, ...], boxes: TrueBoxes, sizes_px: np.ndarray
) -> Ground:
    """Boxes of classes without a name are left out."""
    named = (boxes.labels >= 0) & (boxes.labels < len(class_names))
    if not named.all():
        boxes = TrueBoxes(boxes.picture[named], boxes.boxes_xyxy[named], boxes.labels[named], boxes.crowd[named])
    shown = _tally(boxes.picture, boxes.labels, (len(pictures), len(class_names))) > 0
    return Ground(pictures=pictures, class_names=class_names, shown=shown, boxes=boxes, sizes_px=sizes_px)


def _of_index(index: DatasetIndex) -> Ground:
    """The pictures that somebody searched for objects, and the classes that were found."""
    index = index.take(np.flatnonzero(index.image_column("annotated")))
    ids = index.box_column("class_id").astype(np.int64)
    used = np.unique(ids)
    boxes = TrueBoxes(
        index.box_column("image").astype(np.int64),
        index.boxes_xyxy.astype(np.float64),
        np.searchsorted(used, ids),
        index.box_column("crowd").astype(bool),
    )
    names = tuple(index.class_name(class_id) for class_id in used.tolist())
    sizes_px = np.stack([index.image_column("width_px"), index.image_column("height_px")], axis=1)
    return _of_boxes(tuple(index.images["path"].to_pylist()), names, boxes, sizes_px)


def _taken(ground: Ground, rows: np.ndarray, labels: np.ndarray) -> Ground:
    """Some of the pictures and classes."""
    names = tuple(ground.class_names[label] for label in labels.tolist())
    pictures = tuple(ground.pictures[row] for row in rows.tolist())
    boxes, sizes_px = ground.boxes, ground.sizes_px
    if boxes is not None:
        picture, place, label = _places(boxes.picture, boxes.labels, rows, labels, ground.shown.shape)
        boxes = TrueBoxes(picture, boxes.boxes_xyxy[place], label, boxes.crowd[place])
    return Ground(
        pictures=pictures,
        class_names=names,
        shown=ground.shown[np.ix_(rows, labels)],
        boxes=boxes,
        sizes_px=None if sizes_px is None else sizes_px[rows],
    )


def _places(
    picture: np.ndarray, label: np.ndarray, rows: np.ndarray, labels: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the boxes that stay: the new number of their picture, their place among all, and their new label."""
    new_row, new_label = np.full(shape[0], -1, np.int64), np.full(shape[1], -1, np.int64)
    new_row[rows], new_label[labels] = np.arange(len(rows)), np.arange(len(labels))
    kept = np.flatnonzero((new_row[picture] >= 0) & (new_label[label] >= 0))
    kept = kept[np.argsort(new_row[picture[kept]], kind="stable")]
    return new_row[picture[kept]], kept, new_label[label[kept]]


def _notes(truth: Ground, rows: np.ndarray, labels: Sequence[int], known: Sequence[set[str]]) -> tuple[str, ...]:
    lost = len(set.union(*known)) - len(rows)
    notes = [f"{plural(lost, 'picture')} left out that not every run was judged on."] if lost else []
    unknown = [name for label, name in enumerate(truth.class_names) if label not in labels]
    if unknown:
        some = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        notes.append(f"{plural(len(unknown), 'class')} left out that not every run can name: {some}.")
    return tuple(notes)


def _tally(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`shape` int64: how many of these pairs fall into each cell."""
    flat = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.int64)
