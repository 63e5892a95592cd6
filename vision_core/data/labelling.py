"""Labelling a data set: the operations people make, what they come to, and the new index that follows.

    labelling = Labelling(index)
    labelling.apply(Operation(id="a:1", kind="add", image="shelf/1.jpg", box="n1", class_name="shirt", box_xyxy=(...)))
    labelling.image("shelf/1.jpg").boxes
    labelled = labelling.to_index()            # a new DatasetIndex; the one it started from is as it was

Nothing here touches a file: `vision_core.data.journal` keeps the operations on disk, `vision_core.data.effort` says
what they took. Pictures are named by their path and classes by their name, so that a journal stays readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from reprlib import repr as short_repr

import numpy as np
import pyarrow as pa

from vision_core.data.arrow import compute
from vision_core.data.index import BOXES, EDGES, IMAGES, DatasetIndex
from vision_core.data.label_operations import BoxEdges, Operation
from vision_core.errors import DataError


@dataclass(frozen=True)
class Box:
    """One object of a picture; `id` is `o0`, `o1`, … for those the data set came with."""

    id: str
    class_name: str
    xyxy: BoxEdges
    crowd: bool = False


@dataclass(frozen=True)
class ImageLabels:
    """What is said of one picture.

    Attributes:
        labels: image-level labels, or None when nobody has labelled it.
        searched: somebody has looked for objects, even if there were none.
        answered: ids of the proposals that were accepted or rejected, so that they are not proposed again.
    """

    labels: tuple[str, ...] | None = None
    boxes: tuple[Box, ...] = ()
    searched: bool = False
    answered: frozenset[str] = frozenset()

    def box(self, box_id: str) -> Box:
        """The box of that id.

        Raises:
            DataError: there is none.
        """
        for box in self.boxes:
            if box.id == box_id:
                return box
        raise DataError(f"The picture has no box {box_id!r}; it may have been deleted in another window.")

    def with_box(self, changed: Box) -> ImageLabels:
        """The same with this box in the place of the one that has its id."""
        return replace(self, boxes=tuple(changed if box.id == changed.id else box for box in self.boxes))


def changed(now: ImageLabels, operation: Operation) -> ImageLabels:
    """What a picture's labels are after one operation on them (not `undo` and `redo`, which need the past).

    Raises:
        DataError: the box is not there, or is there already.
    """
    kind, box_id = operation.kind, operation.box
    if kind == "labels":
        return replace(now, labels=operation.labels)
    if kind == "searched":
        return replace(now, searched=bool(operation.searched or now.boxes))
    if kind in ("add", "accept"):
        if any(box.id == box_id for box in now.boxes):
            raise DataError(f"The picture has a box {box_id!r} already.")
        box = Box(box_id, operation.class_name, operation.edges)
        answered = now.answered | {box_id} if kind == "accept" else now.answered
        return replace(now, boxes=(*now.boxes, box), searched=True, answered=answered)
    if kind == "reject":
        return replace(now, answered=now.answered | {box_id})
    if kind == "delete":
        gone = now.box(box_id)
        return replace(now, boxes=tuple(box for box in now.boxes if box is not gone))
    if kind == "reclass":
        return now.with_box(replace(now.box(box_id), class_name=operation.class_name))
    return now.with_box(replace(now.box(box_id), xyxy=operation.edges))


@dataclass
class _History:
    """The states of one picture: what it was before each change that can be undone, and what undoing left behind."""

    now: ImageLabels
    past: list[tuple[str, ImageLabels]] = field(default_factory=list)
    future: list[tuple[str, ImageLabels]] = field(default_factory=list)

    def do(self, group: str, after: ImageLabels) -> None:
        self.past.append((group, self.now))
        self.future.clear()
        self.now = after

    def step(self, source: list[tuple[str, ImageLabels]], target: list[tuple[str, ImageLabels]]) -> None:
        """One change back or forward, with all others of its group."""
        group = source[-1][0]
        while source and source[-1][0] == group:
            target.append((group, self.now))
            self.now = source.pop()[1]
            if not group:
                return


class Labelling:
    """The labels of a data set while people work on them. Not for several threads at once: `Journal` sees to that."""

    def __init__(self, index: DatasetIndex, operations: Iterable[Operation] = ()) -> None:
        """Raises `DataError` for an operation that does not fit."""
        self.index = index
        self.operations: list[Operation] = []
        self._classes: dict[str, None] = dict.fromkeys(index.class_names)
        self._histories: dict[str, _History] = {}
        self._rows: dict[str, int] = {}
        for operation in operations:
            self.apply(operation)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The data set's classes, and after them those that were added."""
        return tuple(self._classes)

    @property
    def touched(self) -> dict[int, ImageLabels]:
        """Rows of the pictures that somebody worked on, and what is said of them now."""
        return {self.row(path): history.now for path, history in list(self._histories.items())}

    def image(self, path: str) -> ImageLabels:
        """What is said of a picture now.

        Raises:
            DataError: the data set has no such picture.
        """
        history = self._histories.get(path)
        return history.now if history else self._given(self.row(path))

    def can_undo(self, path: str) -> bool:
        """Whether this picture has a change to take back."""
        return path in self._histories and bool(self._histories[path].past)

    def can_redo(self, path: str) -> bool:
        """Whether an undone change of this picture can be made again."""
        return path in self._histories and bool(self._histories[path].future)

    def apply(self, operation: Operation) -> None:
        """Makes the change; on an error nothing is changed.

        Raises:
            DataError: the picture, box or class is not there, the box lies outside its picture, or there is nothing
                to undo.
        """
        if operation.kind == "class":
            self._classes.setdefault(_class_name(operation.class_name))
        elif operation.kind == "left":
            self.row(operation.image)
        else:
            self._apply_to_image(operation)
        self.operations.append(operation)

    def _apply_to_image(self, operation: Operation) -> None:
        path = operation.image
        history = self._histories.get(path) or _History(self._given(self.row(path)))
        if operation.kind == "undo":
            if not history.past:
                raise DataError("There is nothing to undo on this picture.")
            history.step(history.past, history.future)
        elif operation.kind == "redo":
            if not history.future:
                raise DataError("There is nothing to redo on this picture.")
            history.step(history.future, history.past)
        else:
            for name in (*(operation.labels or ()), *filter(None, [operation.class_name])):
                if name not in self._classes:
                    raise DataError(f"There is no class {name!r}; add it first.")
            if operation.box_xyxy is not None:
                self._check_inside(operation)
            history.do(operation.group, changed(history.now, operation))
        self._histories[path] = history

    def _check_inside(self, operation: Operation) -> None:
        row = self.row(operation.image)
        width, height = (int(self.index.images[name][row].as_py()) for name in ("width_px", "height_px"))
        x_min, y_min, x_max, y_max = operation.edges
        if x_min < 0 or y_min < 0 or (width > 0 and (x_max > width or y_max > height)):
            raise DataError(f"The box {operation.box_xyxy} reaches out of its picture of {width} x {height} pixels.")

    def row(self, path: str) -> int:
        """The row of a picture in the index.

        Raises:
            DataError: there is none.
        """
        if path not in self._rows:
            row = compute.index(self.index.images["path"], pa.scalar(path, pa.string())).as_py()
            if row < 0:
                raise DataError(f"The data set has no picture {path!r}.")
            self._rows[path] = row
        return self._rows[path]

    def _given(self, row: int) -> ImageLabels:
        """What the data set itself says of a picture."""
        record = self.index.record(row)
        if record.boxes_xyxy is None:
            return ImageLabels(labels=record.labels)
        names = self.index.class_names
        rows = zip(record.boxes_xyxy.tolist(), record.class_ids, record.crowd, strict=True)
        boxes = tuple(
            Box(f"o{number}", names[class_id], tuple(edges), bool(crowd))
            for number, (edges, class_id, crowd) in enumerate(rows)
        )
        return ImageLabels(record.labels, boxes, searched=True)

    def to_index(self) -> DatasetIndex:
        """A new index with everything that was said; pictures nobody worked on stay as they were."""
        said = self.touched
        rows = np.array(sorted(said), np.int64)
        ids = {name: number for number, name in enumerate(self.class_names)}
        images = self._images_with(said, rows, ids)
        edited = np.zeros(len(self.index), bool)
        edited[rows] = True
        kept = self.index.boxes.filter(pa.array(~edited[self.index.box_column("image")]))
        drawn = [(row, box) for row in rows.tolist() if said[row].searched for box in said[row].boxes]
        edges = np.array([box.xyxy for _, box in drawn], np.float32).reshape(-1, 4)
        columns = [
            pa.array([row for row, _ in drawn], pa.int32()),
            pa.array([ids[box.class_name] for _, box in drawn], pa.int32()),
            *(pa.array(edges[:, number]) for number in range(len(EDGES))),
            pa.array([box.crowd for _, box in drawn], pa.bool_()),
        ]
        boxes = pa.concat_tables([kept, pa.table(columns, schema=BOXES)])
        order = np.argsort(boxes["image"].to_numpy(), kind="stable")
        boxes = boxes.take(pa.array(order))
        return replace(self.index, class_names=self.class_names, images=images, boxes=boxes, notes=())

    def _images_with(self, said: Mapping[int, ImageLabels], rows: np.ndarray, ids: Mapping[str, int]) -> pa.Table:
        """The table of pictures with the labels of those rows replaced."""
        labels = [said[row].labels for row in rows.tolist()]
        new = pa.array([None if names is None else [ids[name] for name in names] for names in labels])
        both = pa.chunked_array([*self.index.images["labels"].chunks, new.cast(IMAGES.field("labels").type)])
        source = np.arange(len(self.index))
        source[rows] = len(self.index) + np.arange(len(rows))
        searched = self.index.image_column("annotated").copy()
        searched[rows] = [said[row].searched for row in rows.tolist()]
        images = self.index.images
        for name, column in (("labels", both.take(pa.array(source))), ("annotated", pa.array(searched))):
            images = images.set_column(images.schema.get_field_index(name), IMAGES.field(name), column)
        return images


def _class_name(name: str) -> str:
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise DataError(f"{short_repr(name)} is no name for a class; give 1 to 200 visible characters.")
    return name
