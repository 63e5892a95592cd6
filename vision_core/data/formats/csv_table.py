"""CSV: a row a label or a box, with the picture's file in one column; headers by any common name, or none at all.

Read: `image,label`; `image,x_min,y_min,x_max,y_max,label`; corner and size instead of corners; pixels, or shares of the
picture when no number is above 1; comma, semicolon or tab; one file, or one a split. Written: `annotations.csv` beside
`images/<split>/`, with a column `known` ("labels", "boxes", both or none) where the rows alone would not tell.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from vision_core.data.formats.csv_columns import CORNERS, Columns
from vision_core.data.formats.fields import (
    LARGEST_EDGE_PX,
    Source,
    box_table,
    natural_order,
    shown,
    usual_split,
)
from vision_core.data.formats.headers import scale_to_pixels
from vision_core.data.formats.listing import Listing, split_of, split_said
from vision_core.data.formats.picture_finder import PictureFinder, add_unlisted, finder_for
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.threads import Progress
from vision_core.errors import DataError

_HEAD_BYTES = 2**14
_DELIMITERS = ",;\t"
_TRUE = frozenset({"1", "true", "yes", "1.0"})
_FALSE = frozenset({"", "0", "false", "no", "0.0"})
_KNOWN = frozenset({"labels", "boxes", "labels+boxes", "none"})
_ONLY_CLASS = "object"  # where boxes have no label column


def recognise(listing: Listing) -> str | None:
    """What the folder would be, in a sentence, when it holds tables of annotations."""
    tables = _tables(listing)
    if not tables:
        return None
    what = "boxes" if any(columns.shape for _, columns, _ in tables) else "labels"
    return f"CSV: {what} from {', '.join(shown(source.name) for source, _, _ in tables[:3])}."


def _tables(listing: Listing) -> list[tuple[Source, Columns, str]]:
    """Tables of annotations, with what their columns mean and what parts them."""
    found = []
    for name in listing.having(".csv", ".tsv"):
        source = Source(listing.root, name)
        line = source.head(_HEAD_BYTES).decode("utf-8-sig", "replace").partition("\n")[0].rstrip("\r")
        delimiter = max(_DELIMITERS, key=line.count)
        with suppress(csv.Error):  # what cannot be parsed is no head of a table
            columns = Columns.find(next(csv.reader([line], delimiter=delimiter), []))
            if columns:
                found.append((source, columns, delimiter))
    return found


def read(listing: Listing, progress: Progress | None = None) -> DatasetIndex:
    """The data set of all tables in the folder.

    Raises:
        DataError: a table is malformed; names it and the line.
    """
    tables = _tables(listing)
    if not tables:
        raise DataError(
            f"'{listing.root}' holds no CSV file that tells pictures and labels or boxes apart by its first line: give "
            "the columns names such as image, label, x_min, y_min, x_max, y_max."
        )
    found = _Rows()
    for done, (source, columns, delimiter) in enumerate(tables, 1):
        found.read(source, columns, delimiter)
        if progress:
            progress(done, len(tables))
    builder = IndexBuilder(natural_order(set(found.class_ids)))
    class_ids = np.asarray([builder.class_id(name) for name in found.class_ids], np.int64)
    paths: dict[tuple[str, str], str] = {}
    finders = _finders([source for source, _, _ in tables], found, listing)
    for (mention, split), picture in found.pictures.items():
        path = finders[picture.source.name].find(mention, picture.source, picture.place)
        split = split or split_of(path)
        if paths.setdefault((path, split), mention) != mention:
            raise picture.source.error(
                picture.place, f"{shown(mention)} and {shown(paths[path, split])} are one picture"
            )
        labels = sorted(class_ids[list(picture.labels)].tolist()) if picture.labels is not None else None
        builder.add_image(path, picture.size_px, split, labels, () if picture.searched else None)
    notes = [*listing.notes(), *(note for finder in finders.values() for note in finder.notes())]
    add_unlisted(builder, listing, {path for path, _ in paths}, notes)
    index = replace(builder.finish(listing.root, "csv", notes), boxes=found.table(class_ids))
    if not found.as_shares:
        return index
    note = "No box has a number above 1, so the numbers were taken as shares of the picture's width and height."
    return scale_to_pixels(replace(index, notes=(*index.notes, note)), progress)


def _finders(sources: list[Source], found: _Rows, listing: Listing) -> dict[str, PictureFinder]:
    """Of each table, by its name, what finds the pictures it mentions."""
    mentions: dict[str, list[str]] = defaultdict(list)
    for (mention, _), picture in found.pictures.items():
        mentions[picture.source.name].append(mention)
    return {
        source.name: finder_for(source, split_said(source.name), mentions[source.name], listing) for source in sources
    }


@dataclass(eq=False)
class _Picture:
    """What the rows of one picture say of it; `place`: where it is mentioned first; `labels`: numbers of classes."""

    source: Source
    place: str
    number: int
    size_px: tuple[int, int]
    labels: list[int] | None = None
    searched: bool = False


@dataclass(eq=False)
class _Rows:
    """All rows of all tables: pictures by mention and split, classes numbered as they come, boxes in columns."""

    pictures: dict[tuple[str, str], _Picture] = field(default_factory=dict)
    class_ids: dict[str, int] = field(default_factory=dict)
    of: array = field(default_factory=lambda: array("q"))  # picture and class of each box by turns
    edges: array = field(default_factory=lambda: array("d"))
    crowd: bytearray = field(default_factory=bytearray)
    in_pixels: bool = False

    @property
    def as_shares(self) -> bool:
        """Whether boxes are given as shares of the picture's size."""
        return len(self.edges) > 0 and not self.in_pixels and max(self.edges) <= 1

    def table(self, class_ids: np.ndarray) -> pa.Table:
        """The boxes, with the index's own class ids for the numbers of classes."""
        picture, number = np.asarray(self.of, np.int64).reshape(-1, 2).T
        crowd = np.frombuffer(self.crowd, bool)
        return box_table(picture, class_ids[number], np.asarray(self.edges).reshape(-1, 4), crowd)

    def read(self, source: Source, columns: Columns, delimiter: str) -> None:
        """Takes in one table."""
        self.in_pixels |= columns.in_pixels
        split = split_said(source.name)
        reader = csv.reader(source.lines(), delimiter=delimiter, strict=True)
        try:
            for number, cells in enumerate(reader):
                if (number or columns.headless) and any(cells):
                    self._take(_Cells(source, columns, cells, f"line {reader.line_num}"), split)
        except csv.Error as error:
            raise source.error(f"line {reader.line_num}", f"is not CSV ({error})") from error

    def _take(self, cells: _Cells, split: str) -> None:
        box, name = cells.box(), cells["label"]
        picture = self._picture(cells, split)
        if box:
            if "label" not in cells.columns.place:
                name = _ONLY_CLASS
            number = self._class(cells, name)
            self.of.extend((picture.number, number))
            self.edges.extend(box)
            self.crowd.append(cells.switch("crowd"))
            picture.searched = True
        elif name:
            number = self._class(cells, name)
            picture.labels = [*dict.fromkeys([*(picture.labels or ()), number])]
        elif cells.columns.shape:
            picture.searched = True
        known = cells["known"]
        if known:
            if known not in _KNOWN:
                raise cells.error("known", f"{shown(known)} is neither labels, boxes, labels+boxes nor none")
            picture.searched = "boxes" in known
            if "labels" in known:
                picture.labels = picture.labels or []

    def _picture(self, cells: _Cells, split: str) -> _Picture:
        own = cells["split"]
        key = (cells["image"], (usual_split(own) or own) if own else split)
        picture = self.pictures.get(key)
        if picture is None:
            width, height = cells.size("width"), cells.size("height")
            picture = _Picture(cells.source, cells.place, len(self.pictures), (width, height))
            self.pictures[key] = picture
        return picture

    def _class(self, cells: _Cells, name: str) -> int:
        return self.class_ids.setdefault(cells.source.class_name(name, f"{cells.place}, label"), len(self.class_ids))


class _Cells:
    """One row; `cells["label"]` is the text in the column that means that, "" where there is no such column."""

    def __init__(self, source: Source, columns: Columns, cells: list[str], place: str) -> None:
        self.source, self.columns, self.place = source, columns, place
        self._cells = cells
        if len(cells) != columns.count:
            raise source.error(place, f"has {len(cells)} cells, but the table has {columns.count} columns")

    def __getitem__(self, meaning: str) -> str:
        place = self.columns.place.get(meaning)
        return "" if place is None else self._cells[place].strip()

    def error(self, meaning: str, problem: str) -> DataError:
        return self.source.error(f"{self.place}, {meaning}", problem)

    def box(self) -> tuple[float, ...]:
        """The four edges; empty where the row has no box."""
        if not self.columns.shape:
            return ()
        if self.columns.shape == "corners":
            return self._numbers(CORNERS, [self[corner] for corner in CORNERS])
        parts = ("x", "y", "box_width", "box_height")
        texts = [self[part] for part in parts]
        if self.columns.shape == "text":
            texts = re.split(r"[\s,;]+", self["bbox"].strip("[]() \t")) if self["bbox"] else [""] * 4
            if len(texts) != 4:
                raise self.error("bbox", f"{shown(self['bbox'])} is not four numbers")
        found = self._numbers(parts, texts)
        return (found[0], found[1], found[0] + found[2], found[1] + found[3]) if found else ()

    def _numbers(self, names: Sequence[str], texts: list[str]) -> tuple[float, ...]:
        if not any(texts):
            return ()
        places = (f"{self.place}, {name}" for name in names)
        return tuple(self.source.coordinate(text, place) for text, place in zip(texts, places, strict=True))

    def size(self, meaning: str) -> int:
        return self.source.whole(self[meaning] or 0, f"{self.place}, {meaning}", LARGEST_EDGE_PX)

    def switch(self, meaning: str) -> bool:
        text = self[meaning].lower()
        if text not in _TRUE | _FALSE:
            raise self.error(meaning, f"{shown(text)} is neither yes nor no")
        return text in _TRUE
