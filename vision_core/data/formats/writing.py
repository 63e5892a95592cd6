"""What every writer needs: the rows of an index, safe and distinct names, and pictures put in their new places."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from vision_core.data.formats.fields import set_column, shown
from vision_core.data.index import IMAGES, DatasetIndex
from vision_core.data.staging import link_or_copy
from vision_core.data.threads import Progress
from vision_core.data.wording import plural
from vision_core.errors import DataError

_BATCH_ROWS = 4096
_LONGEST_NAME_BYTES = 180  # file systems take 255; some is left for "-2" and for Unicode forms that take more
_LONGEST_EXTENSION_BYTES = 16
_END = re.compile(r"[\s.]+$")  # what some file systems drop there
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # what Windows cannot name a file


@dataclass(frozen=True)
class Row:
    """One picture on its way out; boxes are class id, four edges in pixels and whether it is a crowd."""

    number: int
    path: str
    size_px: tuple[int, int]
    split: str
    labels: list[int] | None
    boxes: list[tuple[int, float, float, float, float, bool]] | None


def rows(index: DatasetIndex, wanted: np.ndarray | None = None) -> Iterator[Row]:
    """The rows `wanted` `(K,)` of the index, or all, a few thousand in memory at a time."""
    numbers = np.arange(len(index)) if wanted is None else wanted
    starts, edges = index.box_starts, index.boxes_xyxy
    class_ids, crowd = index.box_column("class_id"), index.boxes["crowd"].to_numpy()
    for begin in range(0, len(numbers), _BATCH_ROWS):
        batch = numbers[begin : begin + _BATCH_ROWS]
        for number, values in zip(batch.tolist(), index.images.take(batch).to_pylist(), strict=True):
            mine = slice(starts[number], starts[number + 1])
            boxes = [
                (class_id, *sides, is_crowd)
                for class_id, sides, is_crowd in zip(
                    class_ids[mine].tolist(), edges[mine].tolist(), crowd[mine].tolist(), strict=True
                )
            ]
            size_px = (values["width_px"], values["height_px"])
            annotated = boxes if values["annotated"] else None
            yield Row(number, values["path"], size_px, values["split"], values["labels"], annotated)


def rows_of_split(index: DatasetIndex, split: str) -> np.ndarray:
    """`(K,)` int64: the rows of one split."""
    return np.flatnonzero(index.image_column("split") == split)


def safe_name(text: str) -> str:
    """A name that every usual file system takes, as like `text` as can be."""
    name = _END.sub("", _UNSAFE.sub("_", text).strip())
    if not name or name.startswith(".") or _RESERVED.fullmatch(name):
        name = f"_{name}"
    stem, extension = os.path.splitext(name)
    if len(extension.encode()) > _LONGEST_EXTENSION_BYTES:  # a name with a dot in it
        stem, extension = name, ""
    room = _LONGEST_NAME_BYTES - len(extension.encode())
    return _END.sub("", stem.encode()[:room].decode(errors="ignore") + extension)


class DistinctNames:
    """Hands out names no two of which are alike, upper and lower case left aside.

    Args:
        with_extension: leave the extension aside too. Label files go by the stem of the picture's name, so `a.jpg` and
            `a.png` must not lie in one folder.
    """

    def __init__(self, with_extension: bool = True) -> None:
        self._split = os.path.splitext if with_extension else lambda name: (name, "")
        self._taken: set[tuple[str, str]] = set()

    def take(self, wanted: Iterable[str], folder: str = "") -> str:
        """The first of the names `wanted` that is free in that folder, or the last with a number."""
        name = ""
        for name in wanted:
            if self._claim(folder, self._split(name)[0]):
                return name
        stem, extension = self._split(name)
        number = 2
        while not self._claim(folder, f"{stem}-{number}"):
            number += 1
        return f"{stem}-{number}{extension}"

    def _claim(self, folder: str, stem: str) -> bool:
        key = (folder, stem.casefold())
        free = key not in self._taken
        self._taken.add(key)
        return free


class Pictures:
    """Puts the pictures of an index into the folder that is being written.

    Args:
        folder: where to write; `link`: hard-link where the file system can, which takes no space and no time.
        progress: called with the number of pictures that are in place.
    """

    def __init__(self, index: DatasetIndex, folder: Path, link: bool, progress: Progress | None = None) -> None:
        self.folder = folder
        self.paths = [""] * len(index)
        self._root, self._progress = index.root, progress
        self._place = link_or_copy if link else shutil.copyfile
        self._names, self._done = DistinctNames(), 0
        self._renamed: list[str] = []
        self._made: set[str] = set()

    def put(self, row: Row, folder: str) -> str:
        """Puts a picture into `folder` (below the one that is written) and returns the name it got there.

        Raises:
            DataError: the picture is missing, or cannot be copied.
        """
        path = PurePosixPath(row.path)
        name = self._names.take((safe_name(path.name), safe_name("_".join(path.parts[-2:]))), folder)
        if name != path.name:
            self._renamed.append(f"{shown(row.path)} as {shown(name)}")
        target = self.folder / folder / name
        try:
            if folder not in self._made:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(folder)
            self._place(self._root / row.path, target)
        except FileNotFoundError as error:
            raise DataError(f"The picture {shown(row.path)} is missing: remove it from the data set first.") from error
        except OSError as error:
            raise DataError(f"The picture {shown(row.path)} cannot be copied ({error.strerror}).") from error
        self.paths[row.number] = f"{folder}/{name}" if folder else name
        self._done += 1
        if self._progress:
            self._progress(self._done, len(self.paths))
        return name

    def notes(self) -> list[str]:
        """Which pictures got another name, in a sentence."""
        if not self._renamed:
            return []
        return [f"{plural(len(self._renamed), 'picture')} got another name, {self._renamed[0]} first."]


def write_text(file: Path, text: str) -> None:
    """Writes a text file in UTF-8, its folder made where absent."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def with_class_names(index: DatasetIndex, names: Sequence[str]) -> DatasetIndex:
    """The index with class names the format can carry, kept distinct; a note names the first that changed."""
    distinct = DistinctNames(with_extension=False)
    safe = tuple(distinct.take([name or "_"]) for name in names)
    changed = [f"{shown(old)} as {shown(new)}" for old, new in zip(index.class_names, safe, strict=True) if old != new]
    notes = [f"{plural(len(changed), 'class')} got another name, {changed[0]} first."] if changed else []
    return replace(index, class_names=safe, notes=(*index.notes, *notes))


def with_split_names(index: DatasetIndex, means_else: Callable[[str], object] = lambda name: False) -> DatasetIndex:
    """The index with splits whose names files and folders can have, kept distinct; a note names the first that changed.

    Args:
        means_else: whether the format takes a name for something else.
    """
    distinct, name_of = DistinctNames(with_extension=False), {"": ""}
    for split in filter(None, index.splits):
        name = safe_name(split)
        name_of[split] = distinct.take([f"{name}_" if means_else(name) else name])
    changed = [f"{shown(old)} as {shown(new)}" for old, new in name_of.items() if old != new]
    if not changed:
        return index
    note = f"{plural(len(changed), 'split')} got another name, {changed[0]} first."
    renamed = index.with_splits([name_of[split] for split in index.images["split"].to_pylist()])
    return replace(renamed, notes=(*index.notes, note))


def without_labels(index: DatasetIndex, format_name: str) -> DatasetIndex:
    """The index without image-level labels, for a format that has no place for them.

    Raises:
        DataError: they say more than the boxes do.
    """
    if not index.has_labels:
        return index
    labelled = set(zip(*(column.tolist() for column in index.label_pairs()), strict=True))
    boxed = set(zip(index.box_column("image").tolist(), index.box_column("class_id").tolist(), strict=True))
    if not labelled <= boxed:
        raise DataError(f"{format_name} has no place for labels of whole pictures: write COCO or CSV instead.")
    images = set_column(index.images, "labels", pa.nulls(len(index), IMAGES.field("labels").type))
    note = f"The labels of whole pictures were left out, because {format_name} says them by its boxes."
    return replace(index, images=images, notes=(*index.notes, note))
