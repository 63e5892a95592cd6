"""YOLO: a text file a picture, a line an object: class, centre and size as shares of the picture's.

Layouts read: a `data.yaml` (names as list or dict; train, val and test as folders, lists of folders, or text files of
paths; relative or absolute), or none and `classes.txt`; labels in a tree beside that of the pictures (`images/…/a.jpg`
and `labels/…/a.txt`, at any depth) or right beside each picture. Written: `data.yaml`, `images/<split>`,
`labels/<split>`. Documentation of the format: https://docs.ultralytics.com/datasets/detect/
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import yaml

from vision_core.data.formats.fields import LARGEST_CLASS_ID, Source, box_table, shown, tidy_name
from vision_core.data.formats.headers import scale_to_pixels
from vision_core.data.formats.listing import Listing, split_of
from vision_core.data.formats.picture_finder import add_unlisted
from vision_core.data.formats.writing import (
    Pictures,
    rows,
    with_class_names,
    with_split_names,
    without_labels,
    write_text,
)
from vision_core.data.formats.yolo_config import OTHER_KEYS, config_files, find_config, is_class_list
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.threads import Progress
from vision_core.data.wording import plural, was
from vision_core.errors import DataError

_LARGEST_LABEL_FILE_BYTES = 16 * 2**20
_LARGEST_SHARE = 3.0  # boxes may stick out; where most are larger, they were meant as pixels
_LAST_IMAGES = re.compile(r"(^|.*/)images/", re.IGNORECASE)
_FIRST_FEW = 20


def recognise(listing: Listing) -> str | None:
    """What the folder would be, in a sentence, when it holds a YOLO data set."""
    configs = config_files(listing)
    if configs:
        return f"YOLO: label files and the classes of {shown(configs[0].name)}."
    labels = [Source(listing.root, label) for path in listing.pictures if (label := _label_file(path, listing))]
    if any(_looks_like_labels(source) for source in labels[:_FIRST_FEW]):
        return f"YOLO: {plural(len(labels), 'label file')}, {shown(labels[0].name)} first."
    return None


def _looks_like_labels(source: Source) -> bool:
    """Whether its first line has a class and four numbers; text beside a picture may as well be a caption."""
    words = source.bytes(_LARGEST_LABEL_FILE_BYTES).split(b"\n", 1)[0].split()
    return len(words) > 4 and all(re.fullmatch(rb"[-+.\deE]+", word) for word in words)


def read(listing: Listing, progress: Progress | None = None) -> DatasetIndex:
    """The data set of all label files in the folder; every picture is measured, as boxes are shares of its size.

    Raises:
        DataError: a file is malformed; names it and the line.
    """
    config = find_config(listing)
    labels = _Labels(config.keypoints)
    builder = IndexBuilder(config.names or [])
    label_of = {path: _label_file(path, listing) for path in listing.pictures}
    chosen = [path for path in label_of if label_of[path] or path in config.splits_of or _LAST_IMAGES.match(path)]
    missing = [path for path in config.splits_of if path not in label_of]
    orphans = _orphans(listing, label_of)
    pictures = [*chosen, *missing, *orphans]
    label_of |= {path: _label_file(path, listing) for path in missing} | orphans
    for done, path in enumerate(pictures, 1):
        label = label_of[path]
        for split in config.splits_of.get(path) or [split_of(path)]:
            row = builder.add_image(path, split=split, boxes=() if label else None)
            if label:
                labels.read(Source(listing.root, label), row)
        if progress:
            progress(done, len(pictures))
    notes = [*listing.notes(), *config.notes, *labels.notes()]
    if config.names is None:
        notes.append("No file names the classes, so they are called by their numbers.")
        for number in range(labels.class_count()):
            builder.class_id(str(number))
    class_ids = [builder.class_id(name) for name in config.names or []]
    if len(set(class_ids)) < len(class_ids):
        notes.append("Classes of the same name were taken for one.")
    add_unlisted(builder, listing, set(pictures), notes)
    return scale_to_pixels(
        replace(builder.finish(listing.root, "yolo", notes), boxes=labels.table(class_ids)), progress
    )


def _label_file(picture: str, listing: Listing) -> str | None:
    """The label file of a picture: in the tree `labels` beside `images`, beside it, or in its folder's `labels`."""
    stem = os.path.splitext(picture)[0]
    folder, _, name = stem.rpartition("/")
    match = _LAST_IMAGES.match(stem)
    swapped = f"{match[1]}labels/{stem[match.end() :]}" if match else f"labels/{stem}"
    for path in (f"{swapped}.txt", f"{stem}.txt", f"{folder}/labels/{name}.txt"):
        if path in listing.annotation_set and not is_class_list(path):
            return path
    return None


def _orphans(listing: Listing, label_of: dict[str, str | None]) -> dict[str, str | None]:
    """Label files without a picture, each by the path that its picture would have."""
    used = set(label_of.values())
    found: dict[str, str | None] = {}
    for label in listing.having(".txt"):
        parts = label.split("/")
        if "labels" in parts[:-1] and label not in used and not is_class_list(label):
            place = len(parts) - 1 - parts[::-1].index("labels")
            parts[place] = "images"
            found[os.path.splitext("/".join(parts))[0] + ".jpg"] = label
    return found


@dataclass(eq=False)
class _Labels:
    """Boxes of all label files, as shares of the picture's size."""

    keypoints: bool
    rows: array = field(default_factory=lambda: array("q"))
    class_ids: array = field(default_factory=lambda: array("q"))
    edges: array = field(default_factory=lambda: array("d"))
    outlines: int = 0
    scores: int = 0
    far_out: int = 0
    first_far_out: tuple[Source, str] | None = None

    def read(self, source: Source, row: int) -> None:
        """Takes in the label file of the picture in `row`."""
        for number, line in enumerate(source.text(_LARGEST_LABEL_FILE_BYTES).splitlines(), 1):
            values = line.split()
            if values:
                self._take(values, source, f"line {number}", row)

    def _take(self, values: list[str], source: Source, place: str, row: int) -> None:
        class_id = source.whole(values[0], place, LARGEST_CLASS_ID)
        shares = [source.coordinate(value, place) for value in values[1:]]
        if self.keypoints and len(shares) > 4:
            del shares[4:]
        if len(shares) < 4 or (len(shares) > 5 and len(shares) % 2):
            raise source.error(place, f"has {len(values)} values; expected are a class and 4 numbers, or an outline")
        if len(shares) < 6:
            x, y, width, height = shares[:4]
            edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            self.scores += len(shares) == 5
        else:
            edges = (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
            self.outlines += 1
        if max(map(abs, edges)) > _LARGEST_SHARE:
            self.far_out += 1
            self.first_far_out = self.first_far_out or (source, place)
        self.rows.append(row)
        self.class_ids.append(class_id)
        self.edges.extend(edges)

    def class_count(self) -> int:
        """One more than the largest class id."""
        return max(self.class_ids, default=-1) + 1

    def table(self, class_ids: Sequence[int]) -> pa.Table:
        """All boxes.

        Args:
            class_ids: the index's own for each of the files'; what lies past them stays past the last class.

        Raises:
            DataError: most of them cannot be shares of a picture.
        """
        if self.first_far_out and self.far_out > len(self.rows) / 2:
            source, place = self.first_far_out
            raise source.error(place, "has numbers far above 1, but they are shares of the picture's width and height")
        edges, found = np.asarray(self.edges).reshape(-1, 4), np.asarray(self.class_ids, np.int64)
        known = np.asarray([*class_ids, 0], np.int64)
        merged = len(class_ids) - len(set(class_ids))
        ids = np.where(found < len(class_ids), known[np.minimum(found, len(class_ids))], found - merged)
        return box_table(np.asarray(self.rows), ids, edges, np.zeros(len(self.rows), bool))

    def notes(self) -> list[str]:
        found = []
        if self.outlines:
            found.append(f"{was(self.outlines, 'outline')} turned into boxes.")
        if self.scores:
            found.append(f"The scores of {plural(self.scores, 'box')} were left out.")
        if self.keypoints:
            found.append("Key points were left out; boxes and classes were kept.")
        return found


def carried(index: DatasetIndex) -> DatasetIndex:
    """What this format can hold: boxes, less crowd regions, which no label line can mark.

    Raises:
        DataError: image-level labels that say more than the boxes, or boxes in a picture of unknown size.
    """
    index = with_split_names(without_labels(index, "YOLO"), OTHER_KEYS.__contains__)
    index = with_class_names(index, [tidy_name(name) for name in index.class_names])
    if "" in index.splits and len(index.splits) > 1:
        note = "Pictures without a split are in no list that a trainer reads: split them first if they are to be used."
        index = replace(index, notes=(*index.notes, note))
    crowd = index.boxes["crowd"].to_numpy()
    if crowd.any():
        note = f"{crowd.sum()} crowd regions were left out, because YOLO would take each for one object."
        index = replace(index, boxes=index.boxes.filter(pa.array(~crowd)), notes=(*index.notes, note))
    unknown = (index.image_column("width_px") == 0) | (index.image_column("height_px") == 0)
    stuck = np.flatnonzero(unknown & (index.objects_per_image > 0))
    if len(stuck):
        raise DataError(
            f"The picture {shown(index.images['path'][int(stuck[0])].as_py())} cannot be read, and YOLO gives boxes as "
            f"shares of its size: remove {len(stuck)} such pictures first."
        )
    return index


def write(index: DatasetIndex, pictures: Pictures) -> None:
    """Writes `data.yaml`, the pictures, and a label file for each that was searched for objects."""
    for row in rows(index):
        below = f"/{row.split}" if row.split else ""
        name = pictures.put(row, f"images{below}")
        if row.boxes is not None:
            text = "".join(_line(box, row.size_px) for box in row.boxes)
            write_text(pictures.folder / f"labels{below}" / f"{os.path.splitext(name)[0]}.txt", text)
    places = {split: f"images/{split}" for split in index.splits if split}
    # Trainers ask for both; the same folder twice says that nothing is known of a split.
    first = next(iter(places.values()), "images")
    config = {"train": first, "val": places.get("train", first), **places, "names": dict(enumerate(index.class_names))}
    write_text(pictures.folder / "data.yaml", yaml.safe_dump(config, allow_unicode=True, sort_keys=False))


def _line(box: tuple[int, float, float, float, float, bool], size_px: tuple[int, int]) -> str:
    class_id, left, top, right, bottom, _ = box
    width, height = size_px
    shares = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)
    return f"{class_id} {' '.join(f'{share:.9g}' for share in shares)}\n"
