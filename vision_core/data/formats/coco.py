"""COCO: one JSON file, or one a split, with `images`, `annotations` and `categories`.

Layouts read: `annotations/instances_train2017.json` beside `train2017/`; one file anywhere; `_annotations.coco.json`
in each split's folder of pictures. Written: `annotations/instances_<split>.json` beside `images/<split>/`.

COCO has no place for image-level labels, nor for "nobody has looked for objects here". They are written as
`category_ids` and `"annotated": false` of an image, which other readers pass over; an annotation without a box is
read as an image-level label too. The format's own description: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, TextIO

import numpy as np

from vision_core.data.formats.coco_file import CocoFile
from vision_core.data.formats.fields import Source, box_table, shown, tidy_name, usual_split
from vision_core.data.formats.json_stream import starts_like_object_with
from vision_core.data.formats.listing import Listing, split_said
from vision_core.data.formats.picture_finder import add_unlisted, finder_for
from vision_core.data.formats.writing import Pictures, Row, rows, rows_of_split, with_class_names, with_split_names
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.threads import Progress
from vision_core.errors import DataError

_KEYS = ("images", "annotations", "categories")
_TASK_AND_SPLIT = re.compile(r"(?:instances|person_keypoints|captions|stuff|panoptic|image_info)(?:_(.*))?")
_NO_SPLIT = {None, "", "default", "all"}  # "default" is what CVAT calls its only one


def recognise(listing: Listing) -> str | None:
    """What the folder would be, in a sentence, when it holds COCO files."""
    sources, _ = _sources(listing)
    return f"COCO: boxes from {_named(sources)}." if sources else None


def read(listing: Listing, progress: Progress | None = None) -> DatasetIndex:
    """The data set of all COCO files in the folder.

    Raises:
        DataError: a file is malformed (names it and the field), or none of the pictures is there.
    """
    sources, notes = _sources(listing)
    if not sources:  # the user says it is COCO: let the parser say what is wrong
        sources = [Source(listing.root, name) for name in listing.having(".json")]
    if not sources:
        raise DataError(f"'{listing.root}' holds no JSON file, which COCO annotations are in: choose another format.")
    located = [_locate(CocoFile(source).parse(progress), listing) for source in sources]
    empty = [one for one in located if one.file.mentions and not one.there]
    if len(empty) == len(located):
        raise DataError(f"None of the pictures that {_named(sources)} lists is in the folder: put them beside it.")
    for one in empty:
        name = shown(one.file.source.name)
        notes.append(f"{name} was left out: none of its pictures ({len(one.paths)}) is in the folder.")
    return _assemble([one for one in located if one not in empty], listing, notes)


def _sources(listing: Listing) -> tuple[list[Source], list[str]]:
    """The files to read, and notes on those that describe something else of the same pictures."""
    sources = [Source(listing.root, name) for name in listing.having(".json")]
    sources = [source for source in sources if starts_like_object_with(source, _KEYS)]
    instances = [source for source in sources if PurePosixPath(source.name).name.startswith("instances")]
    if not instances or len(instances) == len(sources):
        return sources, []
    others = [source for source in sources if source not in instances]
    return instances, [f"{_named(others)} left out, because there are files of 'instances'."]


def _named(sources: list[Source]) -> str:
    more = f" and {len(sources) - 3} more" if len(sources) > 3 else ""
    return ", ".join(shown(source.name) for source in sources[:3]) + more


def _split(name: str) -> str:
    """The split that a file's name, or else its folder, speaks of; "" for none."""
    match = _TASK_AND_SPLIT.fullmatch(PurePosixPath(name).stem)
    if match and match[1] not in _NO_SPLIT:
        return usual_split(match[1]) or match[1]
    return split_said(name)


@dataclass(eq=False)
class _Located:
    """A file with the paths of its pictures below the root; `there`: how many of them exist."""

    file: CocoFile
    split: str
    paths: list[str]
    there: int
    notes: list[str]


def _locate(file: CocoFile, listing: Listing) -> _Located:
    split = _split(file.source.name)
    finder = finder_for(file.source, split, file.mentions, listing)
    paths = [finder.find(name, file.source, f"images[{i}].file_name") for i, name in enumerate(file.mentions)]
    return _Located(file, split, paths, sum(map(listing.has_picture, paths)), finder.notes())


def _assemble(located: list[_Located], listing: Listing, notes: list[str]) -> DatasetIndex:
    files = [one.file for one in located]
    builder = IndexBuilder(name for file in files for name in file.names.values())
    class_ids = _class_ids(files, builder, notes)
    seen: dict[tuple[str, str], Source] = {}
    boxes = []
    for one, ids in zip(located, class_ids, strict=True):
        row_of = np.zeros(len(one.file.images), np.int64)
        row_of[np.asarray(one.file.listed, np.int64)] = len(seen) + np.arange(len(one.paths))
        _add_pictures(one, ids, builder, seen)
        picture, category, _ = one.file.box_columns()
        boxes.append((row_of[picture], ids[category], np.asarray(one.file.edges).reshape(-1, 4), one.file.crowd))
        notes += one.notes
    add_unlisted(builder, listing, {path for path, _ in seen}, notes)
    left_out = sorted({key for file in files for key in file.left_out})
    if left_out:
        notes.append(f"Left out of the annotations: {', '.join(left_out)}; boxes and classes were kept.")
    image, class_id, edges, crowd = (np.concatenate(column) for column in zip(*boxes, strict=True))
    table = box_table(image, class_id, edges, crowd)
    return replace(builder.finish(listing.root, "coco", (*listing.notes(), *notes)), boxes=table)


def _class_ids(files: list[CocoFile], builder: IndexBuilder, notes: list[str]) -> list[np.ndarray]:
    """For each file, the class id of each of its categories' numbers.

    A category that no file describes gets an id past the last class, where the checks of the data set find it.
    """
    strangers: dict[Any, int] = {}
    past_last = len({name for file in files for name in file.names.values()})
    found = []
    for file in files:
        ids = [
            builder.class_id(file.names[number])
            if number in file.names
            else past_last + strangers.setdefault(category, len(strangers))
            for category, number in file.categories.items()
        ]
        found.append(np.asarray(ids, np.int64))
    if strangers:
        notes.append(f"Annotations name categories that are not described: {', '.join(map(shown, strangers))}.")
    return found


def _add_pictures(
    one: _Located, class_ids: np.ndarray, builder: IndexBuilder, seen: dict[tuple[str, str], Source]
) -> None:
    file = one.file
    sizes = np.asarray(file.sizes, np.int64).reshape(-1, 2).tolist()
    for number, path, (width, height) in zip(file.listed, one.paths, sizes, strict=True):
        if (path, one.split) in seen:
            before = shown(seen[path, one.split].name)
            raise file.source.error("images", f"the picture {shown(path)} is listed twice, first in {before}")
        seen[path, one.split] = file.source
        labels = file.labels.get(number)
        distinct = None if labels is None else list(dict.fromkeys(class_ids[labels].tolist()))
        searched = file.searched and number not in file.unlooked
        builder.add_image(path, (width, height), one.split, distinct, () if searched else None)


def carried(index: DatasetIndex) -> DatasetIndex:
    """What this format can hold: everything."""
    index = with_split_names(index, lambda name: name in _NO_SPLIT)
    return with_class_names(index, [tidy_name(name) for name in index.class_names])


def write(index: DatasetIndex, pictures: Pictures) -> None:
    """Writes one file a split, and its pictures."""
    for split in index.splits:
        wanted, folder = rows_of_split(index, split), f"images/{split}" if split else "images"
        target = pictures.folder / "annotations" / (f"instances_{split}.json" if split else "instances.json")
        target.parent.mkdir(exist_ok=True)
        with open(target, "w", encoding="utf-8", newline="\n") as file:
            categories = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(index.class_names, 1)]
            file.write('{"info": {"description": "Written by WhatWhere"},\n"licenses": [],\n"categories": ')
            file.write(f"{json.dumps(categories, ensure_ascii=False)},\n")
            _write_list(file, "images", (_image(row, pictures.put(row, folder)) for row in rows(index, wanted)))
            file.write(",\n")
            _write_list(file, "annotations", (box for row in rows(index, wanted) for box in _annotations(row, index)))
            file.write("}\n")


def _write_list(file: TextIO, key: str, items: Iterable[dict[str, Any]]) -> None:
    file.write(f'"{key}": [')
    between = "\n"
    for item in items:
        file.write(between + json.dumps(item, ensure_ascii=False))
        between = ",\n"
    file.write("\n]")


def _image(row: Row, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"id": row.number + 1, "file_name": name, "width": row.size_px[0], "height": row.size_px[1]}
    if row.boxes is None:
        found["annotated"] = False
    if row.labels is not None:
        found["category_ids"] = [class_id + 1 for class_id in row.labels]
    return found


def _annotations(row: Row, index: DatasetIndex) -> Iterable[dict[str, Any]]:
    for number, (class_id, left, top, right, bottom, crowd) in enumerate(
        row.boxes or (), int(index.box_starts[row.number]) + 1
    ):
        width, height = right - left, bottom - top
        yield {
            "id": number,
            "image_id": row.number + 1,
            "category_id": class_id + 1,
            "bbox": [round(value, 4) for value in (left, top, width, height)],
            "area": round(width * height, 4),
            "iscrowd": int(crowd),
            "segmentation": [],
        }
