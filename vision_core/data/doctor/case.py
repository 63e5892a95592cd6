"""The data set on the table: its columns, and what several checks ask about it, each worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from vision_core.data.doctor.catalogue import FAULTS
from vision_core.data.doctor.findings import EXAMPLES, CheckOptions, Finding, Task
from vision_core.data.doctor.spelling import spelled_alike
from vision_core.data.duplicates import near_groups
from vision_core.data.index import DatasetIndex
from vision_core.data.survey import Survey
from vision_core.data.wording import plural as plural

NO_ROWS = np.zeros(0, np.int64)
_SAME_SHAPE = 0.02  # relative difference of aspect below which a recorded size is the picture's own, scaled


class Case:
    """An index, what its files told, and the options, with the columns that checks and mends share.

    Image columns are `(n,)` or `(n, 2)`, box columns `(m,)` or `(m, 4)`. Class ids may lie outside the class names.
    """

    def __init__(self, index: DatasetIndex, survey: Survey, options: CheckOptions) -> None:
        self.index, self.survey, self.options = index, survey, options
        self.paths: list[str] = index.images["path"].to_pylist()
        self.splits: list[str] = index.images["split"].to_pylist()
        self.annotated = index.image_column("annotated")
        self.recorded_px = np.stack([index.image_column("width_px"), index.image_column("height_px")], axis=1)
        self.measured_px = survey.sizes_px
        self.label_rows, self.label_ids = index.label_pairs()
        self.box_image = index.box_column("image")
        self.box_class = index.box_column("class_id")
        self.crowd = index.box_column("crowd")
        self.boxes_xyxy = index.boxes_xyxy.astype(np.float64)

    @cached_property
    def task(self) -> Task:
        """What the data is judged for."""
        return self.options.task or ("detection" if self.index.has_boxes else "classification")

    @cached_property
    def split_names(self) -> tuple[str, ...]:
        """The named splits."""
        return tuple(name for name in self.index.splits if name)

    @cached_property
    def first_listed(self) -> np.ndarray:
        """`(n,)`: the first row with the same path."""
        first: dict[str, int] = {}
        return np.array([first.setdefault(path, row) for row, path in enumerate(self.paths)], np.int64)

    @cached_property
    def groups(self) -> np.ndarray:
        """`(n,)` group ids of exact and near copies."""
        return near_groups(self.survey)

    @cached_property
    def labelled(self) -> np.ndarray:
        """`(n,)` bool: has image-level labels."""
        return self.index.images["labels"].is_valid().to_numpy()

    @cached_property
    def mismatched(self) -> np.ndarray:
        """`(n,)` bool: the recorded size is not the file's."""
        known = self.survey.readable & (self.recorded_px > 0).all(axis=1)
        return known & (self.recorded_px != self.measured_px).any(axis=1)

    @cached_property
    def unturned(self) -> np.ndarray:
        """`(n,)` bool: the recorded size is that of the picture before EXIF turned it by a right angle."""
        swapped = (self.recorded_px == self.measured_px[:, ::-1]).all(axis=1)
        return self.mismatched & swapped & (self.survey.orientations >= 5)

    @cached_property
    def rescaled(self) -> np.ndarray:
        """`(n,)` bool: the recorded size is that of a larger or smaller copy of the picture."""
        width, height = self.recorded_px.astype(np.float64).T
        cross = np.abs(width * self.measured_px[:, 1] - height * self.measured_px[:, 0])
        return self.mismatched & ~self.unturned & (cross <= _SAME_SHAPE * width * self.measured_px[:, 1])

    @cached_property
    def frame_px(self) -> np.ndarray:
        """`(n, 2)`: size of the picture that the boxes were drawn on; 0 where nobody knows."""
        drawn_on = self.unturned | self.rescaled | ~self.survey.readable
        return np.where(drawn_on[:, None], self.recorded_px, self.measured_px)

    @cached_property
    def has_box(self) -> np.ndarray:
        """`(n,)` bool."""
        return self.index.objects_per_image > 0

    @cached_property
    def presence(self) -> tuple[np.ndarray, np.ndarray]:
        """Which known classes each picture shows, by label or box: rows and class ids `(M,)`, each pair once."""
        rows = np.concatenate([self.label_rows, self.box_image]).astype(np.int64)
        ids = np.concatenate([self.label_ids, self.box_class]).astype(np.int64)
        known = self.known(ids)
        return unique_pairs(rows[known], ids[known])

    @cached_property
    def examples_per_class(self) -> np.ndarray:
        """`(classes,)`: objects for detection, pictures for classification."""
        ids = self.presence[1]
        if self.task == "detection":
            ids = self.box_class[self.known(self.box_class) & ~self.crowd]
        return np.bincount(ids, minlength=len(self.index.class_names))

    @cached_property
    def spellings(self) -> list[list[int]]:
        """Class ids that are one class spelled several ways, the spelling used most first."""
        used = np.bincount(self.presence[1], minlength=len(self.index.class_names))
        return [sorted(ids, key=lambda i: -used[i]) for ids in spelled_alike(self.index.class_names)]

    @cached_property
    def one_spelling(self) -> np.ndarray:
        """`(classes,)`: the id of each class's most used spelling."""
        ids = np.arange(len(self.index.class_names))
        for first, *others in self.spellings:
            ids[others] = first
        return ids

    def meant(self, class_ids: np.ndarray) -> np.ndarray:
        """Class ids with every spelling of a class under one id; ids without a name stay."""
        known = self.known(class_ids)
        meant = class_ids.astype(np.int64)
        meant[known] = self.one_spelling[meant[known]]
        return meant

    def known(self, class_ids: np.ndarray) -> np.ndarray:
        """Which class ids have a name."""
        return (class_ids >= 0) & (class_ids < len(self.index.class_names))

    def finding(
        self,
        code: str,
        sentence: str,
        rows: np.ndarray | None = None,
        *,
        partners: np.ndarray = NO_ROWS,
        box_rows: np.ndarray = NO_ROWS,
        names: Sequence[str] = (),
    ) -> Finding:
        """A finding; it counts boxes where there are any, else names, else pictures, else the data set itself.

        Args:
            rows: the pictures; by default those of the boxes.
        """
        if rows is None:
            rows = np.unique(self.box_image[box_rows]).astype(np.int64)
        shown = np.stack([rows, partners], axis=1).ravel() if len(partners) else rows
        examples = tuple(self.paths[row] for row in shown[:EXAMPLES]) or tuple(names[:EXAMPLES])
        count = len(box_rows) or len(names) or len(rows) or 1
        fault = FAULTS[code]
        return Finding(fault, sentence, count, rows, partners, box_rows, tuple(names), examples, bool(fault.fix))


def unique_pairs(rows: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different pairs of two int64 columns of numbers from 0, ordered by the first, then the second."""
    width = int(ids.max(initial=0)) + 1
    keys = np.unique(rows * width + ids)  # one number a pair sorts many times faster than rows of two
    return keys // width, keys % width


def listed(names: Iterable[str], limit: int = 5) -> str:
    """The first few names in quotation marks, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(f"'{name}'" for name in names[:limit]) + more
