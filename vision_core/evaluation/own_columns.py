"""A table of the user's own about the pictures, one row each, as columns to slice an evaluation by.

columns_of_csv(content, evaluation.results.pictures)       # camera, weather, time of day …
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from vision_core.errors import DataError
from vision_core.evaluation.slice_columns import Column

MOST_BYTES = 20_000_000
MOST_COLUMNS = 100
_LEAST_KNOWN = 0.5


def columns_of_csv(content: bytes, pictures: Sequence[str]) -> list[Column]:
    """The columns of a CSV file, in the order of the pictures; None where a picture is not in the file.

    The column that names the pictures is found by itself: by path, by file name, or by file name without its ending.

    Args:
        content: UTF-8, with a line of headings; commas, semicolons or tabs.
        pictures: `(N,)` paths within the data set.

    Raises:
        DataError: it cannot be read, or none of its columns names these pictures.
    """
    import pandas as pd

    if len(content) > MOST_BYTES:
        raise DataError(f"The table has {len(content) / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB can be read.")
    try:
        text = content.decode("utf-8-sig")
        heading = text.partition("\n")[0]
        separator = max(",;\t", key=heading.count)
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False)
    except (UnicodeDecodeError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"This is no CSV table in UTF-8 with a line of headings ({error}).") from error
    if len(table.columns) > MOST_COLUMNS:
        raise DataError(f"The table has {len(table.columns)} columns; at most {MOST_COLUMNS} can be read.")
    for name in table.columns:
        rows = _rows(table[name].tolist(), pictures)
        if sum(row is not None for row in rows) >= _LEAST_KNOWN * len(pictures):
            return [Column(str(other), _told(table[other].tolist(), rows)) for other in table.columns if other != name]
    example = pictures[0] if pictures else "test/1.jpg"
    raise DataError(f"No column of the table names these pictures; one should hold paths or names such as {example!r}.")


def _rows(names: Sequence[str], pictures: Sequence[str]) -> list[int | None]:
    """The row of each picture, by the most exact of the ways that finds any; None where there is none."""
    for shorten in (_whole, _file_name, _stem):
        places = {shorten(name): row for row, name in reversed(list(enumerate(names))) if name}
        rows = [places.get(shorten(picture)) for picture in pictures]
        if any(row is not None for row in rows):
            return rows
    return [None] * len(pictures)


def _whole(path: str) -> str:
    return path.strip().replace("\\", "/").removeprefix("./")


def _file_name(path: str) -> str:
    return _whole(path).rpartition("/")[2]


def _stem(path: str) -> str:
    name = _file_name(path)
    return name.rpartition(".")[0] or name


def _told(values: Sequence[str], rows: Sequence[int | None]) -> list[float | str | None]:
    """The values in the order of the pictures, as numbers where all of them are."""
    said = [None if row is None or not values[row].strip() else values[row].strip() for row in rows]
    try:
        return [None if value is None else float(value) for value in said]
    except ValueError:
        return list(said)
