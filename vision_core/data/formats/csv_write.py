"""Writes the CSV that `csv_table` reads: `annotations.csv`, a row a label or a box, beside `images/<split>/`."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np

from vision_core.data.formats.fields import tidy_name
from vision_core.data.formats.writing import Pictures, Row, rows, safe_name, with_class_names
from vision_core.data.index import DatasetIndex

_BOX = ("x_min_px", "y_min_px", "x_max_px", "y_max_px", "crowd")


def carried(index: DatasetIndex) -> DatasetIndex:
    """What this format can hold: everything but the order of the classes."""
    return with_class_names(index, [tidy_name(name) for name in index.class_names])


def write(index: DatasetIndex, pictures: Pictures) -> None:
    """Writes one table of everything, with only the columns that this data set needs."""
    head = ["image", "label"]
    if index.has_boxes:
        head += _BOX
    if index.splits != ("",):
        head.append("split")
    head += ["width", "height"]
    if not _told_by_rows(index):
        head.append("known")
    with open(pictures.folder / "annotations.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, head, restval="", extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        for row in rows(index):
            folder = f"images/{safe_name(row.split)}" if row.split else "images"
            name = pictures.put(row, folder)
            about = {"image": f"{folder}/{name}", "split": row.split, "known": _known(row)}
            about |= {"width": row.size_px[0], "height": row.size_px[1]}
            table.writerows(about | cells for cells in _cells(row, index.class_names))


def _cells(row: Row, names: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """The cells of each label and each box; of nothing at all where there is neither."""
    for class_id in row.labels or ():
        yield {"label": names[class_id]}
    for class_id, *edges, crowd in row.boxes or ():
        yield {"label": names[class_id], **dict(zip(_BOX, [*(round(e, 4) for e in edges), int(crowd)], strict=True))}
    if not row.labels and not row.boxes:
        yield {}


def _known(row: Row) -> str:
    return "+".join(["labels"] * (row.labels is not None) + ["boxes"] * (row.boxes is not None)) or "none"


def _told_by_rows(index: DatasetIndex) -> bool:
    """Whether the rows alone tell which pictures were labelled and which were searched, as a reader takes them."""
    labelled = index.images["labels"].is_valid().to_numpy()
    searched = index.images["annotated"].to_numpy()
    has_label = np.bincount(index.label_pairs()[0], minlength=len(index)) > 0
    has_box = index.objects_per_image > 0
    seems_searched = has_box | (~has_label & index.has_boxes)
    return bool((labelled == has_label).all() and (searched == seems_searched).all())
