"""Makes an index picture by picture, for readers of formats and for tests."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vision_core.data.index.dataset import DatasetIndex
from vision_core.data.index.tables import BOXES, EDGES, IMAGES


class IndexBuilder:
    """Collects pictures one by one, in plain arrays, and makes the index of them."""

    def __init__(self, class_names: Iterable[str] = ()) -> None:
        self._ids: dict[str, int] = {}
        for name in class_names:
            self.class_id(name)
        self._paths: list[str] = []
        self._sizes = (array("i"), array("i"))
        self._splits: list[str] = []
        self._labels: list[list[int] | None] = []
        self._annotated: list[bool] = []
        self._boxes: tuple[array[Any], ...] = (array("i"), array("i"), *(array("f") for _ in EDGES), array("b"))

    def class_id(self, name: str) -> int:
        """The id of a class, new ones at the end."""
        return self._ids.setdefault(name, len(self._ids))

    def add_image(
        self,
        path: str,
        size_px: tuple[int, int] = (0, 0),
        split: str = "",
        labels: Sequence[int] | None = None,
        boxes: Sequence[tuple[int, float, float, float, float, bool]] | None = None,
    ) -> int:
        """Adds a picture and returns its row.

        Args:
            path: below the root, with forward slashes.
            labels: class ids, or None when nobody has labelled it.
            boxes: class id, four edges and whether it is a crowd; None when nobody has looked for objects.
        """
        row = len(self._paths)
        self._paths.append(path)
        for column, value in zip(self._sizes, size_px, strict=True):
            column.append(value)
        self._splits.append(split)
        self._labels.append(None if labels is None else list(labels))
        self._annotated.append(boxes is not None)
        for box in boxes or ():
            for column, value in zip(self._boxes, (row, *box), strict=True):
                column.append(value)
        return row

    def finish(self, root: Path, format: str, notes: Sequence[str] = ()) -> DatasetIndex:
        """The index of everything that was added."""
        split = IMAGES.field("split").type
        images = pa.table(
            [
                pa.array(self._paths, pa.string()),
                *(pa.array(np.asarray(column, np.int32)) for column in self._sizes),
                pa.array(self._splits, pa.string()).dictionary_encode().cast(split),
                pa.array(self._labels, IMAGES.field("labels").type),
                pa.array(self._annotated, pa.bool_()),
            ],
            schema=IMAGES,
        )
        columns = [np.asarray(column) for column in self._boxes]
        boxes = pa.table(
            [pa.array(c, f.type) for c, f in zip(columns[:-1], BOXES, strict=False)]
            + [pa.array(columns[-1].astype(bool))],
            schema=BOXES,
        )
        return DatasetIndex(root, format, tuple(self._ids), images, boxes, tuple(notes))
