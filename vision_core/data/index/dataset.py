"""The index itself: what it holds, what can be asked of it, and how it is kept on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import feather

from vision_core.data.arrow import compute
from vision_core.data.index.tables import BOXES, EDGES, IMAGES
from vision_core.errors import DataError


@dataclass(frozen=True)
class ImageRecord:
    """One picture of a data set.

    Attributes:
        row: its place in the index.
        path: the file, absolute.
        width_px, height_px: of the upright picture; 0 when not measured yet.
        labels: names of its image-level labels, or None when nobody has labelled it.
        boxes_xyxy: `(N, 4)` float32 in pixels of the upright picture, or None when nobody has looked for objects.
        class_ids: `(N,)` int32, `crowd`: `(N,)` bool, one a box.
    """

    row: int
    path: Path
    width_px: int
    height_px: int
    split: str
    labels: tuple[str, ...] | None
    boxes_xyxy: np.ndarray | None
    class_ids: np.ndarray
    crowd: np.ndarray


@dataclass(frozen=True)
class Filter:
    """Which pictures to show; every condition that is set must hold.

    Attributes:
        class_name: has this image-level label, or a box of this class.
        split: "" asks for pictures without one; None for any.
        min_objects, max_objects: number of boxes, both included.
        min_edge_px, max_edge_px: longest edge of the picture, both included; unmeasured pictures never match.
        text: part of the path, upper and lower case alike.
        rows: only these (a finding's pictures).
    """

    class_name: str | None = None
    split: str | None = None
    min_objects: int | None = None
    max_objects: int | None = None
    min_edge_px: int | None = None
    max_edge_px: int | None = None
    text: str = ""
    rows: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class DatasetIndex:
    """A data set without its pixels.

    Attributes:
        root: the folder below which every picture lies.
        format: how it was written: "folder", "coco", "yolo", "voc", "csv" or "shelf".
        class_names: a class id is an index into these.
        images, boxes: tables of the schemas `IMAGES` and `BOXES`.
        notes: plain sentences on what was read otherwise than it was written, or left out; they are true of this very
            version, so whatever answers other than it was read begins without them.
    """

    root: Path
    format: str
    class_names: tuple[str, ...]
    images: pa.Table
    boxes: pa.Table
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.images.num_rows

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits in the usual order; "" stands for pictures without one."""
        names = set(compute.unique(self.images["split"]).to_pylist())
        usual = [name for name in ("train", "val", "test") if name in names]
        return (*usual, *sorted(names - set(usual)))

    @property
    def has_labels(self) -> bool:
        """Whether any picture has image-level labels."""
        return self.images["labels"].null_count < len(self)

    @property
    def has_boxes(self) -> bool:
        """Whether anybody has looked for objects in any picture."""
        return bool(compute.any(self.images["annotated"]).as_py())

    @cached_property
    def box_starts(self) -> np.ndarray:
        """`(len + 1,)` int64: the boxes of row `i` are `box_starts[i]` up to `box_starts[i + 1]`."""
        return np.searchsorted(self.box_column("image"), np.arange(len(self) + 1))

    @property
    def objects_per_image(self) -> np.ndarray:
        """`(len,)` int64: number of boxes of each picture."""
        return np.diff(self.box_starts)

    def box_column(self, name: str) -> np.ndarray:
        """One column of the table of boxes as a NumPy array."""
        return self.boxes[name].to_numpy()

    def image_column(self, name: str) -> np.ndarray:
        """One column of the table of pictures as a NumPy array (strings as objects; not for `labels`)."""
        return self.images[name].to_numpy()

    @property
    def boxes_xyxy(self) -> np.ndarray:
        """Every box, `(N, 4)` float32."""
        return np.stack([self.box_column(edge) for edge in EDGES], axis=1)

    def label_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Every image-level label: rows of the pictures and class ids, both `(M,)`."""
        column = self.images["labels"].combine_chunks()
        rows = compute.list_parent_indices(column).to_numpy()
        return rows, compute.list_flatten(column).to_numpy()

    def path(self, row: int) -> Path:
        """The picture's file."""
        return self.root / self.images["path"][row].as_py()

    def class_name(self, class_id: int) -> str:
        """The name of a class; "class 17" for an id that the data set does not define."""
        return self.class_names[class_id] if 0 <= class_id < len(self.class_names) else f"class {class_id}"

    def record(self, row: int) -> ImageRecord:
        """Everything known about one picture."""
        values = self.images.slice(row, 1).to_pylist()[0]
        mine = self.boxes.slice(int(self.box_starts[row]), int(self.box_starts[row + 1] - self.box_starts[row]))
        boxes = np.stack([mine[edge].to_numpy() for edge in EDGES], axis=1).astype(np.float32)
        labels = values["labels"]
        return ImageRecord(
            row=row,
            path=self.root / values["path"],
            width_px=values["width_px"],
            height_px=values["height_px"],
            split=values["split"],
            labels=None if labels is None else tuple(self.class_name(i) for i in labels),
            boxes_xyxy=boxes if values["annotated"] else None,
            class_ids=mine["class_id"].to_numpy(),
            crowd=mine["crowd"].to_numpy(zero_copy_only=False),
        )

    def page(self, rows: Sequence[int] | np.ndarray, start: int, size: int) -> list[ImageRecord]:
        """The records of `rows[start : start + size]`."""
        return [self.record(int(row)) for row in rows[start : start + size]]

    def __iter__(self) -> Iterator[ImageRecord]:
        return (self.record(row) for row in range(len(self)))

    def find(self, wanted: Filter) -> np.ndarray:
        """Rows `(K,)` int64 of the pictures that the filter lets through, in order.

        Raises:
            DataError: the data set has no such class or split.
        """
        keep = np.ones(len(self), bool)
        if wanted.class_name is not None:
            keep &= self._shows(wanted.class_name)
        if wanted.split is not None:
            if wanted.split not in self.splits:
                raise DataError(f"There is no split {wanted.split!r}; there are {', '.join(map(repr, self.splits))}.")
            keep &= compute.equal(self.images["split"].cast(pa.string()), wanted.split).to_numpy()
        counts = self.objects_per_image
        longest = np.maximum(self.image_column("width_px"), self.image_column("height_px"))
        for values, low, high in (
            (counts, wanted.min_objects, wanted.max_objects),
            (longest, wanted.min_edge_px, wanted.max_edge_px),
        ):
            if low is not None:
                keep &= values >= low
            if high is not None:
                keep &= values <= high
        if wanted.min_edge_px is not None or wanted.max_edge_px is not None:
            keep &= longest > 0
        if wanted.text:
            found = compute.match_substring(self.images["path"], wanted.text, ignore_case=True)
            keep &= found.to_numpy()
        if wanted.rows is not None:
            listed = np.zeros(len(self), bool)
            listed[list(wanted.rows)] = True
            keep &= listed
        return np.flatnonzero(keep)

    def _shows(self, class_name: str) -> np.ndarray:
        """`(len,)` bool: which pictures have that label or a box of that class."""
        if class_name not in self.class_names:
            raise DataError(f"There is no class {class_name!r} in this data set.")
        class_id = self.class_names.index(class_name)
        shows = np.zeros(len(self), bool)
        shows[self.box_column("image")[self.box_column("class_id") == class_id]] = True
        rows, ids = self.label_pairs()
        shows[rows[ids == class_id]] = True
        return shows

    def take(self, rows: Sequence[int] | np.ndarray) -> DatasetIndex:
        """Only these pictures, in this order, each at most once; classes stay as they are."""
        rows = np.asarray(rows, np.int64)
        new_row = np.full(len(self), -1, np.int64)
        new_row[rows] = np.arange(len(rows))
        places = new_row[self.box_column("image")]
        kept = np.flatnonzero(places >= 0)
        order = kept[np.argsort(places[kept], kind="stable")]
        boxes = self.boxes.take(pa.array(order)).set_column(
            0, BOXES.field("image"), pa.array(places[order], pa.int32())
        )
        return replace(self, images=self.images.take(pa.array(rows)), boxes=boxes)

    def with_splits(self, splits: Sequence[str]) -> DatasetIndex:
        """The same pictures with these splits, one a picture."""
        column = pa.array(list(splits), pa.string()).dictionary_encode()
        field = IMAGES.field("split")
        return replace(
            self, images=self.images.set_column(IMAGES.get_field_index("split"), field, column.cast(field.type))
        )

    def save(self, folder: Path) -> None:
        """Writes three files into `folder` (made where absent), each aside and renamed, `index.json` last."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in (("images.arrow", self.images), ("boxes.arrow", self.boxes)):
            feather.write_feather(table, str(folder / f"{name}.part"), compression="uncompressed")
            os.replace(folder / f"{name}.part", folder / name)
        about = {"root": str(self.root), "format": self.format, "class_names": self.class_names, "notes": self.notes}
        part = folder / "index.json.part"
        part.write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(part, folder / "index.json")

    @classmethod
    def load(cls, folder: Path, root: Path | None = None) -> DatasetIndex:
        """An index that `save` wrote, mapped from disk; `root`: where the pictures are now, if they were moved.

        Raises:
            DataError: the folder holds no complete index.
        """
        try:
            about = json.loads((folder / "index.json").read_text("utf-8"))
            images = feather.read_table(str(folder / "images.arrow"), memory_map=True)
            boxes = feather.read_table(str(folder / "boxes.arrow"), memory_map=True)
            if images.schema != IMAGES or boxes.schema != BOXES:
                raise ValueError("its tables have other columns")
            names, notes = tuple(about["class_names"]), tuple(about["notes"])
            return cls(root or Path(about["root"]), about["format"], names, images, boxes, notes)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError(
                f"'{folder}' holds no index that can be read ({error}): import the data set again."
            ) from error
