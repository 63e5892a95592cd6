"""Boxes answer the classifier's question too: which classes are there, which is shown most, what is each object?

as_classification(index, "presence")                      # multi-label; no pixel is copied
as_classification(index, "crops", Path("photos-crops"))   # an ImageFolder, one picture an object
as_objects(index)                                         # the boxes without their classes
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from vision_core.boxes import as_boxes, box_area, clip_boxes
from vision_core.data.formats.fields import set_column
from vision_core.data.formats.writing import DistinctNames, safe_name
from vision_core.data.index import BOXES, IMAGES, DatasetIndex, ImageRecord, IndexBuilder
from vision_core.data.staging import staged
from vision_core.data.threads import Progress, in_order
from vision_core.data.wording import plural
from vision_core.errors import DataError, SettingsError
from vision_core.images import open_image

JPEG_QUALITY = 95
OBJECT = "object"
"""The one class of boxes without their classes."""
NO_SPLIT = "all"
"""Folder of crops from pictures without a split where others have one."""


def as_classification(
    index: DatasetIndex,
    how: Literal["presence", "majority", "crops"] = "presence",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> DatasetIndex:
    """A classification data set of the same pictures, or of their objects.

    Args:
        how: "presence": every class that has a box (crowds too) becomes a label, none at all where nothing was found.
            "majority": the class with most boxes, of two the one with more area; pictures without an object are left
            out. "crops": one picture an object, crowds left out.
        folder: where crops go, as `split/class/picture-number.jpg` (no `split/` when there are none), with the index.
        progress: called after every picture that is cut up; raise in it to cancel.

    Raises:
        DataError: the data set has no boxes, a picture cannot be opened, or `folder` is in use.
        SettingsError: an unknown `how`, or crops without a folder.
    """
    if not index.has_boxes:
        raise DataError("Nobody has drawn boxes in this data set: it is for classification already.")
    ids = np.concatenate([index.label_pairs()[1], index.box_column("class_id")])
    if ((ids < 0) | (ids >= len(index.class_names))).any():
        raise DataError(
            "Some labels or boxes are of classes without a name: mend 'unknown_class' with the doctor first."
        )
    if how == "presence":
        return _presence(index)
    if how == "majority":
        return _majority(index)
    if how != "crops":
        raise SettingsError(f"{how!r} is unknown; use 'presence', 'majority' or 'crops'.")
    if folder is None:
        raise SettingsError("Crops are files: name the folder to write them to.")
    return _crops(index, folder, progress)


def as_objects(index: DatasetIndex) -> DatasetIndex:
    """The same boxes, all of one class: what a class-agnostic detector learns.

    Raises:
        DataError: the data set has no boxes.
    """
    if not index.has_boxes:
        raise DataError("Nobody has drawn boxes in this data set, so there are no objects to learn.")
    boxes = set_column(index.boxes, "class_id", pa.array(np.zeros(len(index.boxes)), BOXES.field("class_id").type))
    labels = pa.nulls(len(index), IMAGES.field("labels").type)
    images = set_column(index.images, "labels", labels)
    return replace(index, images=images, boxes=boxes, class_names=(OBJECT,))


def crop_sources(crops: DatasetIndex) -> np.ndarray:
    """`(crops,)` int64: the row of the picture that each crop of `as_classification(…, "crops", …)` was cut out of."""
    return np.array([int(Path(path).stem.rsplit("-", 2)[1]) for path in crops.images["path"].to_pylist()], np.int64)


def _presence(index: DatasetIndex) -> DatasetIndex:
    pairs = np.unique(np.stack([index.box_column("image"), index.box_column("class_id")], axis=1), axis=0)
    return _with_labels(index, pairs[:, 0], pairs[:, 1])


def _majority(index: DatasetIndex) -> DatasetIndex:
    single = ~index.box_column("crowd")
    pairs = np.stack([index.box_column("image"), index.box_column("class_id")], axis=1)[single]
    (pairs, which, counts) = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    areas = np.bincount(which.ravel(), box_area(index.boxes_xyxy[single].astype(np.float64)), len(pairs))
    order = np.lexsort((-areas, -counts, pairs[:, 0]))
    rows, first = np.unique(pairs[order, 0], return_index=True)
    labelled = _with_labels(index, rows, pairs[order[first], 1])
    left_out = int(index.image_column("annotated").sum()) - len(rows)
    kept = np.union1d(rows, np.flatnonzero(~index.image_column("annotated")))
    notes = (f"{plural(left_out, 'picture')} without an object left out, for want of a majority.",) if left_out else ()
    return replace(labelled.take(kept), notes=notes)


def _with_labels(index: DatasetIndex, rows: np.ndarray, class_ids: np.ndarray) -> DatasetIndex:
    """The same pictures with these labels in place of boxes; what nobody searched for objects keeps its labels."""
    annotated = index.image_column("annotated")
    labels = index.images["labels"].to_pylist()
    for row in np.flatnonzero(annotated):
        labels[row] = []
    for row, class_id in zip(rows.tolist(), class_ids.tolist(), strict=True):
        labels[row].append(class_id)
    images = set_column(index.images, "labels", pa.array(labels, IMAGES.field("labels").type))
    images = set_column(images, "annotated", pa.array([False] * len(index)))
    return replace(index, images=images, boxes=BOXES.empty_table(), notes=())


@dataclass(frozen=True)
class _Crop:
    path: str
    class_id: int
    size_px: tuple[int, int]
    split: str


def _crops(index: DatasetIndex, folder: Path, progress: Progress | None) -> DatasetIndex:
    """Cuts out every object, a picture at a time on all cores."""
    distinct = DistinctNames(with_extension=False)
    names = [distinct.take([safe_name(name)]) for name in index.class_names]
    rows = np.flatnonzero(index.objects_per_image > 0)
    builder, made = IndexBuilder(index.class_names), 0
    with staged(folder) as part:
        cut = partial(_cut, part, names, any(index.splits))
        with closing(in_order(cut, (index.record(int(row)) for row in rows))) as cut_up:
            for done, crops in enumerate(cut_up, 1):
                for crop in crops:
                    builder.add_image(crop.path, crop.size_px, crop.split, [crop.class_id])
                made += len(crops)
                if progress:
                    progress(done, len(rows))
        left_out = index.boxes.num_rows - made
        notes = (
            [f"{plural(left_out, 'box')} of crowds, or without area inside the picture, left out."] if left_out else []
        )
        found = builder.finish(folder, "folder", notes)
        found.save(part)
    return found


def _cut(folder: Path, names: list[str], in_splits: bool, record: ImageRecord) -> list[_Crop]:
    """Writes the objects of one picture; the record's row in the name keeps pictures of equal name apart."""
    return list(_cut_each(folder, names, in_splits, record))


def _cut_each(folder: Path, names: list[str], in_splits: bool, record: ImageRecord) -> Iterator[_Crop]:
    pixels = open_image(record.path).pixels
    boxes = clip_boxes(as_boxes(record.boxes_xyxy), *pixels.size)
    some_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # never true of an edge that is not a number
    for number in np.flatnonzero(some_area & ~record.crowd).tolist():
        class_id = int(record.class_ids[number])
        place = Path(names[class_id]) / f"{safe_name(record.path.stem)}-{record.row}-{number}.jpg"
        path = Path(safe_name(record.split or NO_SPLIT)) / place if in_splits else place
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        left, top, right, bottom = boxes[number].tolist()
        crop = pixels.crop((math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)))
        crop.save(folder / path, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        yield _Crop(path.as_posix(), class_id, crop.size, record.split)
