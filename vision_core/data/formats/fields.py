"""Untrusted values on their way in: texts, numbers and names, each refused with file and place where it is wrong.

source = Source(root, "labels/a.txt")
source.error("line 3", "has 4 values instead of 5")
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from vision_core.data.index import BOXES
from vision_core.errors import DataError

LARGEST_COORDINATE_PX = 1e7
LARGEST_EDGE_PX = 1_000_000
LARGEST_CLASS_ID = 99_999
_LONGEST_LINE = 2**20
_YEAR = re.compile(r"(?:19|20)\d\d$")
_SPLIT_OF_NAME = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def usual_split(name: str) -> str | None:
    """ "train", "val" or "test" for what people call them ("valid", "Training", "test2017"); None for anything else."""
    return _SPLIT_OF_NAME.get(_YEAR.sub("", name.strip().lower()))


def shown(value: object) -> str:
    """A value for a sentence: quoted, on one line, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:78]}…{text[0] if isinstance(value, str) else ''}"


def tidy_name(text: str) -> str:
    """A class name without control characters and without blanks at its ends."""
    if text.isprintable():
        return text.strip()
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text).strip()


@dataclass(frozen=True)
class Source:
    """One annotation file: `name` below `root`."""

    root: Path
    name: str

    def error(self, place: str, problem: str) -> DataError:
        """The sentence for what is wrong at `place` ("line 3", a field's name, "" for the whole file)."""
        where = f", {place}" if place else ""
        return DataError(f"{shown(self.name)}{where}: {problem}.")

    def text(self, max_bytes: int) -> str:
        """The whole file, UTF-8.

        Raises:
            DataError: it cannot be read, is longer than `max_bytes`, or is not UTF-8.
        """
        data = self.bytes(max_bytes)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.error(f"line {data.count(b'%c' % 10, 0, error.start) + 1}", _NOT_UTF_8) from error

    def bytes(self, max_bytes: int) -> bytes:
        """The whole file; raises as `text` does."""
        try:
            with open(self.root / self.name, "rb") as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise self.error("", f"cannot be read ({error.strerror})") from error
        if len(data) > max_bytes:
            raise self.error("", f"has more than {max_bytes / 2**20:.4g} MiB, the most allowed for such a file")
        return data

    def head(self, length: int) -> bytes:
        """Its first bytes; none where it cannot be read."""
        try:
            with open(self.root / self.name, "rb") as file:
                return file.read(length)
        except OSError:
            return b""

    def lines(self) -> Iterator[str]:
        """Its lines with their ends, one at a time; raises as `text` does, and for a line beyond all reason."""
        number = 1
        try:
            with open(self.root / self.name, encoding="utf-8-sig", newline="") as file:
                while line := file.readline(_LONGEST_LINE):
                    if len(line) == _LONGEST_LINE:
                        raise self.error(f"line {number}", f"is longer than {_LONGEST_LINE} characters")
                    yield line
                    number += 1
        except UnicodeDecodeError as error:
            raise self.error(f"line {number} or soon after", _NOT_UTF_8) from error
        except OSError as error:
            raise self.error("", f"cannot be read ({error.strerror})") from error

    def number(self, value: object, place: str) -> float:
        """A finite number, given as one or as its text."""
        try:
            found = float(value) if isinstance(value, (int, float, str)) else math.nan
        except (ValueError, OverflowError):
            found = math.nan
        if not math.isfinite(found):
            raise self.error(place, f"{shown(value)} is not a number")
        return found

    def coordinate(self, value: object, place: str) -> float:
        """A finite number that a coordinate in pixels can be."""
        found = self.number(value, place)
        if abs(found) > LARGEST_COORDINATE_PX:
            raise self.error(place, f"{shown(value)} is too large for a coordinate")
        return found

    def whole(self, value: object, place: str, largest: int) -> int:
        """A whole number from 0 to `largest`; "3.0" counts as one."""
        found = self.number(value, place)
        if found != int(found) or not 0 <= found <= largest:
            raise self.error(place, f"{shown(value)} is not a whole number from 0 to {largest}")
        return int(found)

    def class_name(self, value: object, place: str) -> str:
        """A name that is a text or a number, tidied."""
        name = tidy_name(str(value)) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
        if not name:
            raise self.error(place, f"{shown(value)} is not a class name")
        return name


_NOT_UTF_8 = "is not UTF-8 text: save the file in that encoding"


def box_table(image: np.ndarray, class_id: np.ndarray, edges: np.ndarray, crowd: np.ndarray) -> pa.Table:
    """The index's table of boxes from columns in any order of pictures; boxes of one picture keep their order.

    Args:
        image, class_id, crowd: `(N,)`; edges: `(N, 4)` x_min, y_min, x_max, y_max.
    """
    order = np.argsort(image, kind="stable")
    columns = [image, class_id, *edges.reshape(-1, 4).T, np.asarray(crowd, bool)]
    arrays = [
        pa.array(column[order].astype(field.type.to_pandas_dtype()))
        for column, field in zip(columns, BOXES, strict=True)
    ]
    return pa.table(arrays, schema=BOXES)


def set_column(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    """The table with one of its columns replaced, its schema unchanged."""
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column)


def natural_order(names: set[str]) -> list[str]:
    """Class names in a stable order: numbers by value, others by letters."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
