"""The new version of a data set while it is being mended: columns that may be changed, and files to write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from vision_core.data.doctor.case import Case
from vision_core.data.index import BOXES, EDGES, IMAGES, DatasetIndex
from vision_core.errors import DataError
from vision_core.image_formats import KIND_OF_EXTENSION

_USUAL_EXTENSION = {kind: extension for extension, kind in reversed(KIND_OF_EXTENSION.items())}


class Draft:
    """Starts as the data set is; every mend changes some columns.

    Attributes:
        kept: `(n,)` bool; pictures that go into the new version.
        rewritten: row to the size `(width, height)` in which its pixels are written anew, upright.
        box_kept: `(m,)` bool.
        new_class: `(classes,)` id of the class that each class becomes; -1: it is removed.
        drop_unknown: labels and boxes of classes without a name go.
        added: paths of further pictures, not yet labelled.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.paths = list(case.paths)
        self.splits = list(case.splits)
        self.sizes_px = case.recorded_px.astype(np.int64)
        self.labels: list[list[int] | None] = case.index.images["labels"].to_pylist()
        self.annotated = case.annotated.copy()
        self.kept = np.ones(len(self.paths), bool)
        self.rewritten: dict[int, tuple[int, int]] = {}
        self.box_image = case.box_image.copy()
        self.boxes_xyxy = case.boxes_xyxy.copy()
        self.box_kept = np.ones(len(case.box_image), bool)
        self.class_names = list(case.index.class_names)
        self.new_class = np.arange(len(self.class_names))
        self.drop_unknown = False
        self.added: list[str] = []
        self._taken = {path.casefold() for path in self.paths}

    def rewrite(self, rows: np.ndarray) -> None:
        """Has the pixels of these pictures written anew, upright, and boxes drawn on unturned ones turned with them."""
        case = self.case
        for row in rows.tolist():
            if row in self.rewritten:
                continue
            width, height = case.measured_px[row].tolist()
            self.rewritten[row] = (width, height)
            self.rename(row, ".jpg" if case.survey.kinds[row] == "JPEG" else ".png")
            if case.unturned[row]:
                mine = slice(case.index.box_starts[row], case.index.box_starts[row + 1])
                orientation = int(case.survey.orientations[row])
                self.boxes_xyxy[mine] = turned_boxes(self.boxes_xyxy[mine], orientation, width, height)
                self.sizes_px[row] = width, height

    def scale(self, rows: np.ndarray, factors: np.ndarray) -> None:
        """Multiplies the boxes of these pictures, x and y by `factors` `(K, 2)`."""
        of_picture = np.ones((len(self.paths), 2))
        of_picture[rows] = factors
        self.boxes_xyxy *= np.tile(of_picture, 2)[self.case.box_image]

    def add(self, paths: Sequence[str]) -> None:
        """Takes in pictures that were not listed, still to be labelled."""
        self.added += paths
        self._taken.update(path.casefold() for path in paths)

    def rename(self, row: int, extension: str = "") -> None:
        """Gives a picture the extension (by default the usual one) of what it holds, and a name that is free."""
        stem, old = os.path.splitext(self.paths[row])
        extension = extension or _USUAL_EXTENSION[self.case.survey.kinds[row]]
        if KIND_OF_EXTENSION.get(old.lower()) == KIND_OF_EXTENSION[extension]:
            return
        name, number = stem + extension, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}{extension}"
        self._taken.add(name.casefold())
        self.paths[row] = name

    def index(self, root: Path) -> DatasetIndex:
        """The index of the new version, its pictures below `root`.

        Raises:
            DataError: nothing is left.
        """
        if not (self.kept.any() or self.added):
            raise DataError("These fixes would leave no picture: choose fewer of them.")
        classes, ids = self._final_classes()
        rows = np.flatnonzero(self.kept)
        images = pa.table(
            [
                pa.array([self.paths[row] for row in rows] + self.added, pa.string()),
                *(pa.array(np.pad(self.sizes_px[rows, side], (0, len(self.added))), pa.int32()) for side in (0, 1)),
                pa.array([self.splits[row] for row in rows] + [""] * len(self.added)).dictionary_encode(),
                pa.array([self._mapped(self.labels[row], ids) for row in rows] + [None] * len(self.added)),
                pa.array(np.pad(self.annotated[rows], (0, len(self.added)))),
            ],
            names=IMAGES.names,
        )
        index = self.case.index
        return DatasetIndex(root, index.format, classes, images.cast(IMAGES), self._boxes(rows, ids))

    def _final_classes(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Names of the classes that are left, and `(classes,)` the final id of every old class, -1 for none."""
        left = np.unique(self.new_class[self.new_class >= 0])
        ids = np.where(self.new_class >= 0, np.searchsorted(left, self.new_class), -1)
        return tuple(self.class_names[i] for i in left), ids

    def _mapped(self, labels: list[int] | None, ids: np.ndarray) -> list[int] | None:
        """Labels with their final ids, joined ones once; None where labels were there and all of them went."""
        if not labels:
            return labels
        known = [0 <= i < len(ids) for i in labels]
        mapped = [int(ids[i]) if ok else i for i, ok in zip(labels, known, strict=True) if ok or not self.drop_unknown]
        return (mapped if mapped == labels else list(dict.fromkeys(mapped))) or None

    def _boxes(self, rows: np.ndarray, ids: np.ndarray) -> pa.Table:
        case = self.case
        place = np.full(len(self.paths), -1, np.int64)
        place[rows] = np.arange(len(rows))
        known = case.known(case.box_class)
        keep = self.box_kept & (place[self.box_image] >= 0) & (known | (not self.drop_unknown))
        kept = np.flatnonzero(keep)
        kept = kept[np.argsort(place[self.box_image[kept]], kind="stable")]
        class_ids = case.box_class.astype(np.int64)
        class_ids[known] = ids[class_ids[known]]
        edges = dict(zip(EDGES, self.boxes_xyxy[kept].T, strict=True))
        columns = {
            "image": place[self.box_image[kept]],
            "class_id": class_ids[kept],
            **edges,
            "crowd": case.crowd[kept],
        }
        return pa.table([pa.array(columns[field.name]).cast(field.type, safe=False) for field in BOXES], schema=BOXES)


def turned_boxes(boxes_xyxy: np.ndarray, orientation: int, width_px: int, height_px: int) -> np.ndarray:
    """Boxes `(N, 4)` drawn on stored pixels, in the picture that EXIF orientations 5 to 8 make of them.

    Args:
        width_px, height_px: of the upright picture.
    """
    y_min, x_min, y_max, x_max = boxes_xyxy.T  # what was down is now across
    if orientation in (6, 7):
        x_min, x_max = width_px - x_max, width_px - x_min
    if orientation in (7, 8):
        y_min, y_max = height_px - y_max, height_px - y_min
    return np.stack([x_min, y_min, x_max, y_max], axis=1)
